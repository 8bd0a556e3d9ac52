/** `backup restore`: to another place, or onto the source, which asks first. */
import type { Config } from "../config/config.ts";
import { ConfigError, RefusedError } from "../errors.ts";
import type { Reporter } from "../run/reporter.ts";
import { runRestore } from "../run/restore/restore.ts";
import { restoreInPlace } from "../run/restore/restore-in-place.ts";
import type { RunOptions } from "../run/run-options.ts";
import type { RunResult } from "../run/tally.ts";
import { choiceOf } from "./choices.ts";
import type { CommandLine } from "./command-line.ts";
import { questionsAt } from "./questions.ts";

/**
 * @param beforeAsking has all that was told shown: somebody decides by it.
 *
 * Throws ConfigError for flags that exclude each other, RefusedError where nobody said yes, and what a restore throws.
 */
export async function restore(
  commandLine: CommandLine & { command: "restore" },
  config: Config,
  options: RunOptions,
  beforeAsking: () => void,
): Promise<RunResult> {
  const { restoreDeleted, restoreOnly, overwrite, checksum, owner, setid, stripPrefix, dryRun } = commandLine;
  const common = {
    ...options,
    choice: choiceOf(commandLine, restoreDeleted),
    only: restoreOnly,
    overwrite,
    checksum,
    ...(owner && { owner }),
    setid,
    dryRun,
  };
  if (commandLine.allowMassDelete && !commandLine.delete) {
    throw new ConfigError("--allow-mass-delete belongs to --in-place --delete");
  }
  if (!commandLine.inPlace) {
    if (commandLine.delete) throw new ConfigError("--delete belongs to --in-place");
    if (commandLine.yes) throw new ConfigError("--yes belongs to --in-place");
    return runRestore(config, { ...common, ...(stripPrefix !== undefined && { stripPrefix }) });
  }
  if (stripPrefix !== undefined || commandLine.to !== undefined) {
    throw new ConfigError("--in-place has its place: it excludes --to and --strip-prefix");
  }
  if (commandLine.delete && (restoreDeleted || commandLine.md5 !== undefined)) {
    throw new ConfigError("--delete needs the state of one moment: it excludes --restore-deleted and --md5");
  }
  const inPlace = { ...common, delete: commandLine.delete, allowMassDelete: commandLine.allowMassDelete };
  if (dryRun || commandLine.yes) return restoreInPlace(config, inPlace);
  let hasWork = false;
  const reporter = noting(options.reporter, () => {
    hasWork = true;
  });
  const planned = await restoreInPlace(config, { ...inPlace, reporter, dryRun: true });
  if (planned.errors.size > 0 || !hasWork) return planned;
  options.reporter.info("So far nothing was changed");
  beforeAsking();
  await confirm(options.signal);
  return restoreInPlace(config, inPlace);
}

/** Tells of anything that is restored, links too, or removed. */
function noting(reporter: Reporter, onWork: () => void): Reporter {
  return {
    info: (text) => reporter.info(text),
    file: (action, ...about) => {
      if (action === "restored" || action === "removed") onWork();
      reporter.file(action, ...about);
    },
    warning: (...about) => reporter.warning(...about),
    error: (report) => reporter.error(report),
    progress: (progress) => reporter.progress(progress),
  };
}

/** Throws RefusedError unless somebody at a terminal says yes. */
async function confirm(signal: AbortSignal): Promise<void> {
  const questions = questionsAt(process.stdin, process.stdout, signal);
  const asked = questions?.ask("Do what is shown above, onto the source (yes or no)");
  const answer = await asked?.finally(() => questions?.close());
  if (/^y(?:es)?$/i.test(answer?.trim() ?? "")) return;
  throw new RefusedError("restore", "the source was left as it is", {
    code: "ENOTCONFIRMED",
    remedy: "answer yes, or give --yes",
  });
}
