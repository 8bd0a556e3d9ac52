/** The commands whose product is what they print. */
import { once } from "node:events";
import { tmpdir } from "node:os";
import { loadConfig } from "../config/load.ts";
import { keepHeapsSmall } from "../memory/heaps.ts";
import { runCat } from "../run/cat.ts";
import { checkLooking, choiceOf, momentsOf } from "./choices.ts";
import type { CommandLine } from "./command-line.ts";
import { Lines } from "./lines.ts";
import { type LookCommand, runLook } from "./looking.ts";
import { StderrReporter } from "./output.ts";
import { printError } from "./print-error.ts";
import { stopOnSignals } from "./signals.ts";
import { exitCodeOf } from "./summary.ts";

export type ReadingCommand = LookCommand | (CommandLine & { command: "cat" });

/** Runs a command whose product is what it prints. Resolves to the exit code; never throws. */
export async function runReading(commandLine: ReadingCommand): Promise<number> {
  keepHeapsSmall();
  const stopping = stopOnSignals();
  const { signal } = stopping.controller;
  // Everything that is not the product goes to stderr, so that it can be piped.
  const reporter = new StderrReporter(process.stderr);
  const lines = new Lines(process.stdout);
  process.stdout.on("error", () => stopping.controller.abort());
  try {
    checkLooking(commandLine);
    const { config, warnings } = await loadConfig({
      file: commandLine.config,
      env: process.env,
      cwd: process.cwd(),
      mode: "source" in commandLine && commandLine.source ? "backup" : "verify",
      tmpdir: tmpdir(),
    });
    for (const warning of warnings) reporter.warning(warning);
    const options = { reporter, signal };
    if (commandLine.command === "cat") {
      const { path, deleted, offset, length } = commandLine;
      const choice = choiceOf(commandLine, deleted);
      await runCat(config, { ...options, path, choice, offset, length }, async (piece) => {
        if (!process.stdout.write(piece)) await once(process.stdout, "drain", { signal });
      });
      return 0;
    }
    const moments = momentsOf(commandLine.at, commandLine.command === "diff" ? 2 : 1);
    const { errors } = await runLook(commandLine, moments, config, options, lines);
    lines.flush();
    return exitCodeOf(errors);
  } catch (error) {
    lines.flush();
    return stopping.code() ?? (process.stdout.errored ? 0 : printError(error));
  } finally {
    stopping.done();
  }
}
