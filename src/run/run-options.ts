/**
 * What every run is given beside its configuration.
 */
import { type OpenStorage, openStorage } from "../storage/open.ts";
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
}

/** The module worker threads start with: beside this file, as source or as built. */
const WORKER_SCRIPT = import.meta.url.endsWith(".ts")
  ? new URL("./worker-main.ts", import.meta.url)
  : new URL("./worker.js", import.meta.url);

export function withDefaults(options: RunOptions): Required<RunOptions> {
  return { now: () => new Date(), openStorage, workerScript: WORKER_SCRIPT, ...options };
}
