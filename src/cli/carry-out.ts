/** The runs behind the command line. Loaded once the settings are known, while the key is derived. */
import type { Config } from "../config/config.ts";
import { runBackup } from "../run/backup/backup.ts";
import { runPrune } from "../run/history/prune.ts";
import { withOriginalNames } from "../run/look/original-names.ts";
import { runVerify } from "../run/look/verify.ts";
import type { RunOptions } from "../run/run-options.ts";
import type { RunResult } from "../run/tally.ts";
import { momentsOf } from "./choices.ts";
import type { RunCommand } from "./main.ts";
import { restore } from "./restoring.ts";

/**
 * Throws what a run throws; ConfigError for flags that exclude each other.
 * @param beforeAsking before somebody is asked.
 */
export function carryOut(
  commandLine: RunCommand,
  config: Config,
  given: RunOptions,
  beforeAsking: () => void,
): Promise<RunResult> {
  const options = { ...given, reporter: withOriginalNames(given.reporter, config) };
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
    case "restore":
      return restore(commandLine, config, options, beforeAsking);
    case "verify": {
      const [at] = momentsOf(commandLine.at, 1);
      return runVerify(config, { ...options, only: commandLine.paths, ...(at !== undefined && { at }) });
    }
  }
}
