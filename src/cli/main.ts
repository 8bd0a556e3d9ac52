/**
 * The command: from arguments and environment to an exit code.
 */
import { tmpdir } from "node:os";
import { describeSettings } from "../config/describe.ts";
import { loadConfig } from "../config/load.ts";
import { resolveFrom, workingFolder } from "../config/working-folder.ts";
import { InterruptedError } from "../errors.ts";
import { keepHeapsSmall } from "../memory/heaps.ts";
import { deriveAhead } from "../run/object/derive-ahead.ts";
import { CallStats } from "../storage/call-stats.ts";
import { callReport, slowLine } from "./call-report.ts";
import { takeEnvironment } from "./environment.ts";
import { JsonOutput } from "./json-output.ts";
import type { CommandLine } from "./options.ts";
import { Output, StderrReporter } from "./output.ts";
import { printError } from "./print-error.ts";
import { stopOnSignals } from "./signals.ts";
import type { Streams } from "./streams.ts";
import { exitCodeOf, summaryLines, verdict } from "./summary.ts";

export type RunCommand = CommandLine & { command: "backup" | "restore" | "verify" | "prune" };
export type DecryptCommand = CommandLine & { command: "decrypt" };

const STARTING = {
  backup: "Backing up",
  restore: "Restoring",
  verify: "Verifying",
  prune: "Pruning",
} as const;

/** Does what the command line says. Resolves to the exit code; never throws. */
export async function runCommand(commandLine: RunCommand, { out, err }: Streams): Promise<number> {
  keepHeapsSmall();
  const output = "json" in commandLine && commandLine.json ? new JsonOutput(out, err) : new Output(out, err);
  const { command, stats, slow } = commandLine;
  const calls = new CallStats({
    ...(slow !== undefined && { slowMs: slow }),
    // Programs do not get what is for people only.
    onSlow: (call) =>
      (output instanceof JsonOutput ? output.warning : output.info).call(output, slowLine(call)),
  });
  const stopping = stopOnSignals((signal) =>
    output.info(`Interrupted by ${signal}: ending the files in flight`),
  );
  // What changes something goes on unheard; what only tells is for nobody then.
  const onlyTells = "dryRun" in commandLine && commandLine.dryRun;
  if (onlyTells) out.onFailure(() => stopping.controller.abort());
  try {
    const { config, warnings } = await loadConfig({
      file: commandLine.config,
      env: takeEnvironment(),
      cwd: workingFolder(),
      mode: command,
      tmpdir: tmpdir(),
      signal: stopping.controller.signal,
      onWaiting: (text) => {
        output.warning(text);
        output.close();
      },
      ...(command === "restore" && { inPlace: commandLine.inPlace }),
      ...(command === "restore" && commandLine.to !== undefined && { restoreTo: commandLine.to }),
    });
    for (const warning of warnings) output.warning(warning);
    output.info(`${STARTING[command]}: ${describeSettings(config)}`);
    const { restore, restoreIsDefault } = config;
    if (command === "restore" && !commandLine.inPlace && restoreIsDefault && restore.kind === "local") {
      output.info(`To ${restore.path}, since neither the settings nor --to say where`);
    }
    if (onlyTells) output.info("Dry run: nothing is changed");
    const keysAhead = deriveAhead(config);
    const { carryOut } = await import("./carry-out.ts");
    const options = { reporter: output, signal: stopping.controller.signal, calls, keysAhead };
    const result = await carryOut(commandLine, config, options, () => output.close());
    output.info(verdict(result.errors));
    for (const line of summaryLines(result)) output.info(line);
    return stopping.code() ?? exitCodeOf(result.errors);
  } catch (error) {
    if (error instanceof InterruptedError) {
      if (onlyTells && out.failure !== undefined) return stopping.code() ?? 0;
      output.info("Interrupted: what was complete is kept; run again to go on");
      return stopping.code() ?? 130;
    }
    output.close();
    return printError(error, err);
  } finally {
    output.close();
    if (stats !== undefined) out.write(callReport(calls, stats));
    stopping.done();
  }
}

/** Opens one stored object. Resolves to the exit code; never throws. */
export async function runDecrypt(
  { file, output, config: settings }: DecryptCommand,
  { out, err }: Streams,
): Promise<number> {
  const stopping = stopOnSignals();
  out.onFailure(() => stopping.controller.abort());
  try {
    const cwd = workingFolder();
    for (const named of [file, output]) if (named !== undefined) resolveFrom(cwd, named);
    const { config } = await loadConfig({
      file: settings,
      env: takeEnvironment(),
      cwd,
      mode: "decrypt",
      tmpdir: tmpdir(),
      signal: stopping.controller.signal,
      onWaiting: (text) => new StderrReporter(err).warning(text),
    });
    const { decryptFile } = await import("./decrypt.ts");
    await decryptFile(file, output ?? out, config, stopping.controller.signal);
    return 0;
  } catch (error) {
    return stopping.code() ?? (out.failure ? 0 : printError(error, err));
  } finally {
    stopping.done();
  }
}
