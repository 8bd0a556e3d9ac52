/** Lines on stdout, written together in pieces: the output of a command whose product is text. */
import type { TextSink } from "./output.ts";

const FLUSH_CHARACTERS = 32 * 1024;

export class Lines {
  private readonly out: TextSink;
  private text = "";

  constructor(out: TextSink) {
    this.out = out;
  }

  write(line: string): void {
    this.text += `${line}\n`;
    if (this.text.length >= FLUSH_CHARACTERS) this.flush();
  }

  flush(): void {
    if (this.text !== "") this.out.write(this.text);
    this.text = "";
  }
}
