/** Asking somebody at a terminal. */
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { errorCode, InterruptedError, messageOf } from "../errors.ts";

export interface Questions {
  /** Undefined where the input ended without an answer. Rejects with InterruptedError. */
  ask(question: string): Promise<string | undefined>;
  /** The same, and what is typed does not show. */
  askSecret(question: string): Promise<string | undefined>;
  close(): void;
}

/**
 * Undefined where input or output is no terminal: then there is nobody to ask.
 * @param signal ends the wait for an answer.
 */
export function questionsAt(
  input: NodeJS.ReadStream,
  output: NodeJS.WriteStream,
  signal?: AbortSignal,
): Questions | undefined {
  if (!input.isTTY || !output.isTTY) return undefined;
  let shows = true;
  const shown = new Writable({
    write(chunk: Buffer, _encoding, done) {
      if (shows) output.write(chunk);
      done();
    },
  });
  const lines = createInterface({ input, output: shown, terminal: true });
  const answerTo = async (question: string) => {
    try {
      return await lines.question(question, { ...(signal && { signal }) });
    } catch (error) {
      if (errorCode(error) !== "ABORT_ERR") throw error;
      // At a terminal these keys are the answer's, and send no signal.
      if (messageOf(error).includes("Ctrl+D")) return undefined;
      throw new InterruptedError();
    }
  };
  return {
    ask: (question) => answerTo(`${question}: `),
    askSecret: async (question) => {
      output.write(`${question}: `);
      shows = false;
      try {
        return await answerTo("");
      } finally {
        shows = true;
        output.write("\n");
      }
    },
    close: () => lines.close(),
  };
}
