/**
 * The reporter for programs: one JSON object per line on stdout for each thing done, or that would be done
 * (docs/commands.md). Errors go to stderr as ever.
 *
 * JSON escapes control characters itself; a byte of a name that is not UTF-8 is the escape of a lone surrogate, 0xDC00
 * and the byte.
 */
import type { ErrorReport } from "../errors.ts";
import type { Reporter } from "../run/reporter.ts";
import { formatError, type TextSink } from "./output.ts";

const FLUSH_CHARACTERS = 32 * 1024;

export class JsonOutput implements Reporter {
  private readonly out: TextSink;
  private readonly err: TextSink;
  private lines = "";

  constructor(out: TextSink, err: TextSink) {
    this.out = out;
    this.err = err;
  }

  /** For people only. */
  info(): void {}

  file(action: string, path: string, note?: string, bytes?: number): void {
    this.object({ action, path, ...(bytes !== undefined && { size: bytes }), ...(note && { note }) });
  }

  warning(text: string, path?: string): void {
    this.object({ warning: text, ...(path !== undefined && { path }) });
  }

  error(report: ErrorReport): void {
    this.close();
    this.err.write(`${formatError(report)}\n`);
  }

  progress(): void {}

  /** Writes what is gathered. */
  close(): void {
    if (this.lines !== "") this.out.write(this.lines);
    this.lines = "";
  }

  private object(object: object): void {
    this.lines += `${JSON.stringify(object)}\n`;
    if (this.lines.length >= FLUSH_CHARACTERS) this.close();
  }
}
