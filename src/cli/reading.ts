/** The commands whose product is what they print. */
import { tmpdir } from "node:os";
import { loadConfig } from "../config/load.ts";
import { workingFolder } from "../config/working-folder.ts";
import { keepHeapsSmall } from "../memory/heaps.ts";
import { runCat } from "../run/look/cat.ts";
import { checkLooking, choiceOf, momentsOf } from "./choices.ts";
import type { CommandLine } from "./command-line.ts";
import { takeEnvironment } from "./environment.ts";
import { Lines } from "./lines.ts";
import { type LookCommand, runLook } from "./looking.ts";
import { StderrReporter } from "./output.ts";
import { printError } from "./print-error.ts";
import { stopOnSignals } from "./signals.ts";
import type { Streams } from "./streams.ts";
import { exitCodeOf } from "./summary.ts";

export type ReadingCommand = LookCommand | (CommandLine & { command: "cat" });

/** Runs a command whose product is what it prints. Resolves to the exit code; never throws. */
export async function runReading(commandLine: ReadingCommand, { out, err }: Streams): Promise<number> {
  keepHeapsSmall();
  const stopping = stopOnSignals();
  const { signal } = stopping.controller;
  // Everything that is not the product goes to stderr, so that it can be piped.
  const reporter = new StderrReporter(err);
  const lines = new Lines(out);
  out.onFailure(() => stopping.controller.abort());
  try {
    checkLooking(commandLine);
    const { config, warnings } = await loadConfig({
      file: commandLine.config,
      env: takeEnvironment(),
      cwd: workingFolder(),
      mode: "source" in commandLine && commandLine.source ? "backup" : "verify",
      tmpdir: tmpdir(),
      signal,
      onWaiting: (text) => reporter.warning(text),
    });
    for (const warning of warnings) reporter.warning(warning);
    const options = { reporter, signal };
    if (commandLine.command === "cat") {
      const { path, deleted, offset, length } = commandLine;
      const choice = choiceOf(commandLine, deleted);
      await runCat(config, { ...options, path, choice, offset, length }, async (piece) => {
        out.write(piece);
        await out.room(signal);
      });
      return 0;
    }
    const moments = momentsOf(commandLine.at, commandLine.command === "diff" ? 2 : 1);
    const { errors } = await runLook(commandLine, moments, config, options, lines);
    lines.flush();
    return exitCodeOf(errors);
  } catch (error) {
    lines.flush();
    return stopping.code() ?? (out.failure ? 0 : printError(error, err));
  } finally {
    stopping.done();
  }
}
