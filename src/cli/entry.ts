/**
 * The first module behind the command: what needs nothing is answered before anything else is loaded.
 */
import { asGiven } from "./arguments.ts";
import { type Streams, settle, standardStreams } from "./streams.ts";
import { version } from "./version.ts";

/** Does what the arguments say. Resolves to the exit code; never throws. */
export async function main(argv: readonly string[]): Promise<number> {
  const streams = standardStreams();
  return settle(streams, await carryOut(argv, streams));
}

async function carryOut(argv: readonly string[], streams: Streams): Promise<number> {
  const print = (text: string) => {
    streams.out.write(text);
    return 0;
  };
  if (argv.length === 1 && argv[0] === "--version") return print(`${version()}\n`);
  const { parseCommandLine } = await import("./options.ts");
  const { runCommand, runDecrypt } = await import("./main.ts");
  const { printError } = await import("./print-error.ts");
  try {
    const commandLine = await parseCommandLine(asGiven(argv));
    switch (commandLine.command) {
      case "version":
        return print(`${version()}\n`);
      case "help":
        return print(commandLine.text);
      case "generate-salt": {
        const { generateSaltText } = await import("./generate-salt.ts");
        return print(generateSaltText());
      }
      case "list":
      case "find":
      case "diff":
      case "stats":
      case "cat":
        return await (await import("./reading.ts")).runReading(commandLine, streams);
      case "init": {
        const { initialize } = await import("./init.ts");
        const { CONFIG_VARIABLE } = await import("../config/keys.ts");
        const { workingFolder } = await import("../config/working-folder.ts");
        const { questionsAt } = await import("./questions.ts");
        const { escapeText } = await import("./escape.ts");
        const { InterruptedError } = await import("../errors.ts");
        const questions = questionsAt(process.stdin, process.stdout);
        try {
          const config = commandLine.config ?? (process.env[CONFIG_VARIABLE] || undefined);
          const lines = await initialize({ ...commandLine, config }, questions, workingFolder());
          return print(lines.map((line) => `${escapeText(line)}\n`).join(""));
        } catch (error) {
          if (error instanceof InterruptedError) return 130;
          throw error;
        } finally {
          questions?.close();
        }
      }
      case "decrypt":
        return await runDecrypt(commandLine, streams);
      default:
        return await runCommand(commandLine, streams);
    }
  } catch (error) {
    return printError(error, streams.err);
  }
}
