/**
 * The command: from arguments and environment to an exit code.
 */
import { once } from "node:events";
import { tmpdir } from "node:os";
import { describeSettings } from "../config/describe.ts";
import { loadConfig } from "../config/load.ts";
import { BackupError, ConfigError, InterruptedError, reportOf } from "../errors.ts";
import type { Choice } from "../plan/choice.ts";
import { parseMoment } from "../plan/moment.ts";
import { runBackup } from "../run/backup.ts";
import { runCat } from "../run/cat.ts";
import { runPrune } from "../run/prune.ts";
import { runRestore } from "../run/restore.ts";
import type { RunOptions } from "../run/run-options.ts";
import type { RunResult } from "../run/tally.ts";
import { runVerify } from "../run/verify.ts";
import { CallStats } from "../storage/call-stats.ts";
import { callReport, slowLine } from "./call-report.ts";
import { decryptFile } from "./decrypt.ts";
import { JsonOutput } from "./json-output.ts";
import { Lines } from "./lines.ts";
import { type LookCommand, runLook } from "./looking.ts";
import { keepHeapsSmall } from "./memory.ts";
import type { CommandLine } from "./options.ts";
import { formatError, Output, StderrReporter } from "./output.ts";
import { exitCodeOf, summaryLines, verdict } from "./summary.ts";

export type RunCommand = CommandLine & { command: "backup" | "restore" | "verify" | "prune" };
export type ReadingCommand = LookCommand | (CommandLine & { command: "cat" });
export type DecryptCommand = CommandLine & { command: "decrypt" };

const STARTING = {
  backup: "Backing up",
  restore: "Restoring",
  verify: "Verifying",
  prune: "Pruning",
} as const;
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** Does what the command line says. Resolves to the exit code; never throws. */
export async function runCommand(commandLine: RunCommand): Promise<number> {
  keepHeapsSmall();
  const output =
    "json" in commandLine && commandLine.json
      ? new JsonOutput(process.stdout, process.stderr)
      : new Output(process.stdout, process.stderr);
  const { command, stats, slow } = commandLine;
  const calls = new CallStats({
    ...(slow !== undefined && { slowMs: slow }),
    // Programs do not get what is for people only.
    onSlow: (call) =>
      (output instanceof JsonOutput ? output.warning : output.info).call(output, slowLine(call)),
  });
  const stopping = new AbortController();
  let signalCode: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    // The second signal is meant: leave at once, the next run clears up.
    if (signalCode !== undefined) process.exit(signalCode);
    signalCode = SIGNALS[signal as keyof typeof SIGNALS];
    output.info(`Interrupted by ${signal}: ending the files in flight`);
    stopping.abort();
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal, onSignal);
  try {
    const { config, warnings } = await loadConfig({
      file: commandLine.config,
      env: process.env,
      cwd: process.cwd(),
      mode: command,
      tmpdir: tmpdir(),
      ...(command === "restore" && commandLine.to !== undefined && { restoreTo: commandLine.to }),
    });
    for (const warning of warnings) output.warning(warning);
    output.info(`${STARTING[command]}: ${describeSettings(config)}`);
    if ("dryRun" in commandLine && commandLine.dryRun) output.info("Dry run: nothing is changed");
    const result = await run(commandLine, config, { reporter: output, signal: stopping.signal, calls });
    output.info(verdict(result.errors));
    for (const line of summaryLines(result)) output.info(line);
    return signalCode ?? exitCodeOf(result.errors);
  } catch (error) {
    if (error instanceof InterruptedError) {
      output.info("Interrupted: what was complete is kept, nothing was left behind; run again to go on");
      return signalCode ?? 130;
    }
    output.close();
    return printError(error);
  } finally {
    output.close();
    if (stats !== undefined) process.stdout.write(callReport(calls, stats));
    for (const signal of Object.keys(SIGNALS)) process.off(signal, onSignal);
  }
}

/** Opens one stored object. Resolves to the exit code; never throws. */
export async function runDecrypt({ file, output, config: settings }: DecryptCommand): Promise<number> {
  const { stopping, code } = stopOnSignals();
  try {
    const { config } = await loadConfig({
      file: settings,
      env: process.env,
      cwd: process.cwd(),
      mode: "decrypt",
      tmpdir: tmpdir(),
    });
    await decryptFile(file, output, config, stopping.signal);
    return 0;
  } catch (error) {
    return code() ?? printError(error);
  }
}

/** Prints what ended a command before it could do its work, a line per problem; returns the exit code. */
export function printError(error: unknown): number {
  const report = reportOf(error, "internal");
  for (const message of report.message.split("\n")) {
    process.stderr.write(`${formatError({ ...report, message })}\n`);
  }
  return error instanceof BackupError ? exitCodeOf(new Map([[error.kind, 1]])) : 1;
}

type LoadedConfig = Awaited<ReturnType<typeof loadConfig>>["config"];

function run(commandLine: RunCommand, config: LoadedConfig, options: RunOptions): Promise<RunResult> {
  switch (commandLine.command) {
    case "backup":
      return runBackup(config, {
        ...options,
        allowMassDelete: commandLine.allowMassDelete,
        retireExcluded: commandLine.retireExcluded,
        dryRun: commandLine.dryRun,
      });
    case "prune":
      return runPrune(config, { ...options, dryRun: commandLine.dryRun });
    case "restore": {
      const { restoreDeleted, restoreOnly, overwrite, checksum, owner, setid, stripPrefix, dryRun } =
        commandLine;
      return runRestore(config, {
        ...options,
        choice: choiceOf(commandLine, restoreDeleted),
        only: restoreOnly,
        overwrite,
        checksum,
        ...(owner && { owner }),
        setid,
        ...(stripPrefix !== undefined && { stripPrefix }),
        dryRun,
      });
    }
    case "verify":
      return runVerify(config, options);
  }
}

type Chosen = { readonly at: readonly string[]; readonly md5: string | undefined };

/** Which versions a command is about. Throws ConfigError for what is no moment, and for what excludes each other. */
function choiceOf({ at, md5 }: Chosen, deleted: boolean): Choice {
  if ([at.length > 0, md5 !== undefined, deleted].filter(Boolean).length > 1) {
    throw new ConfigError("a moment, a version and deleted files exclude each other: give one of them");
  }
  if (md5 !== undefined && !/^[0-9a-f]{4,32}$/.test(md5)) {
    throw new ConfigError("must be 4 to 32 hexadecimal digits, in lower case", { path: "--version" });
  }
  const [moment] = momentsOf(at, 1);
  return { ...(moment !== undefined && { at: moment }), ...(md5 !== undefined && { md5 }), deleted };
}

function momentsOf(texts: readonly string[], most: number): number[] {
  if (texts.length > most) throw new ConfigError(`--at is given more than ${most === 1 ? "once" : "twice"}`);
  const now = new Date();
  return texts.map((text) => parseMoment(text, now));
}

/** Runs a command whose product is what it prints. Resolves to the exit code; never throws. */
export async function runReading(commandLine: ReadingCommand): Promise<number> {
  keepHeapsSmall();
  const { stopping, code } = stopOnSignals();
  // Everything that is not the product goes to stderr, so that it can be piped.
  const reporter = new StderrReporter(process.stderr);
  const lines = new Lines(process.stdout);
  process.stdout.on("error", () => stopping.abort());
  try {
    const { config, warnings } = await loadConfig({
      file: commandLine.config,
      env: process.env,
      cwd: process.cwd(),
      mode: "source" in commandLine && commandLine.source ? "backup" : "verify",
      tmpdir: tmpdir(),
    });
    for (const warning of warnings) reporter.warning(warning);
    const options = { reporter, signal: stopping.signal };
    if (commandLine.command === "cat") {
      const { path, deleted, offset, length } = commandLine;
      const choice = choiceOf(commandLine, deleted);
      await runCat(config, { ...options, path, choice, offset, length }, async (piece) => {
        if (!process.stdout.write(piece)) await once(process.stdout, "drain", { signal: stopping.signal });
      });
      return 0;
    }
    const moments = momentsOf(commandLine.at, commandLine.command === "diff" ? 2 : 1);
    const { errors } = await runLook(commandLine, moments, config, options, lines);
    lines.flush();
    return exitCodeOf(errors);
  } catch (error) {
    lines.flush();
    return code() ?? (process.stdout.errored ? 0 : printError(error));
  }
}

function stopOnSignals(): { stopping: AbortController; code: () => number | undefined } {
  const stopping = new AbortController();
  let signalCode: number | undefined;
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.once(signal, () => {
      signalCode = code;
      stopping.abort();
    });
  }
  return { stopping, code: () => signalCode };
}
