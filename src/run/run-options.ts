/**
 * What every run is given beside its configuration.
 */
import { CallStats } from "../storage/call-stats.ts";
import { type OpenStorage, openStorage } from "../storage/open.ts";
import { NO_KEYS } from "./object/derive-ahead.ts";
import type { DerivedKeys } from "./object/keys.ts";
import type { Reporter } from "./reporter.ts";

export interface RunOptions {
  readonly reporter: Reporter;
  /** Aborted when the run is to stop: files in flight are given up, what is complete is kept. */
  readonly signal: AbortSignal;
  /** The clock; the run asks it once. */
  readonly now?: () => Date;
  /** For tests that put faults between a run and its storages. */
  readonly openStorage?: OpenStorage;
  readonly workerScript?: URL;
  /** Keys that need no derivation (derive-ahead.ts). */
  readonly keysAhead?: Promise<DerivedKeys>;
  /** Gathers what is asked of servers, by this thread and by the workers. */
  readonly calls?: CallStats;
}

/** The module worker threads start with: beside this file, as source or as built. */
const WORKER_SCRIPT = import.meta.url.endsWith(".ts")
  ? new URL("./worker/worker-main.ts", import.meta.url)
  : new URL("./worker.js", import.meta.url);

export function withDefaults(options: RunOptions): Required<RunOptions> {
  const calls = options.calls ?? new CallStats();
  const open = options.openStorage ?? openStorage;
  return {
    now: () => new Date(),
    workerScript: WORKER_SCRIPT,
    keysAhead: Promise.resolve(NO_KEYS),
    ...options,
    calls,
    openStorage: (config, side) => open(config, side, calls, options.signal),
  };
}
