/** How many files a run has in flight: as its settings say, else a usual number, or what it finds out to be best. */
import type { Config } from "../../config/config.ts";
import { SOLID_MOST } from "../../container/segmented.ts";
import type { Bounds } from "../../pool/climb.ts";
import type { WorkerSettings } from "./worker.ts";

const MIB = 2 ** 20;

type Mode = WorkerSettings["mode"];

const USUAL: Readonly<Record<Mode, number>> = { backup: 5, restore: 8, verify: 8 };
/** What is found out is no more: each file in flight takes a connection, and memory. */
const MOST = 64;

/** How many there are at first, and at most: more than at first only where a bucket is involved and no setting says. */
export function filesInFlight(config: Config, mode: Mode): Bounds {
  const chosen = mode === "backup" ? config.backupProcesses : config.restoreProcesses;
  const first = chosen ?? USUAL[mode];
  return { first, most: chosen === null && involvesBuckets(config, mode) ? MOST : first };
}

/**
 * What a file takes in memory while it is in flight, in bytes, as measured. Smaller ones are held whole: as they are,
 * compressed, and sealed. Of a larger one that goes to a bucket five parts may be there at once.
 */
export function memoryOf(mode: Mode): (size: number) => number {
  const streamed = mode === "backup" ? 40 * MIB : 16 * MIB;
  return (size) => (size > SOLID_MOST ? streamed : 3 * size);
}

/** Whether files come from a bucket or go to one. */
export function involvesBuckets(config: Config, mode: Mode): boolean {
  const storages = [config.dest];
  if (mode === "backup" && config.src !== undefined) storages.push(config.src);
  if (mode === "backup") storages.push(...(config.sources ?? []).map(({ storage }) => storage));
  if (mode === "restore") storages.push(config.restore);
  return storages.some(({ kind }) => kind === "s3");
}
