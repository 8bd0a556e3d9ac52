/** Asking somebody at a terminal. */
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";

export interface Questions {
  ask(question: string): Promise<string>;
  /** What is typed does not show. */
  askSecret(question: string): Promise<string>;
  close(): void;
}

/** Undefined where input or output is no terminal: then there is nobody to ask. */
export function questionsAt(input: NodeJS.ReadStream, output: NodeJS.WriteStream): Questions | undefined {
  if (!input.isTTY || !output.isTTY) return undefined;
  let shows = true;
  const shown = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (shows) output.write(chunk);
      done();
    },
  });
  const lines = createInterface({ input, output: shown, terminal: true });
  return {
    ask: (question) => lines.question(`${question}: `),
    askSecret: async (question) => {
      output.write(`${question}: `);
      shows = false;
      try {
        return await lines.question("");
      } finally {
        shows = true;
        output.write("\n");
      }
    },
    close: () => lines.close(),
  };
}
