/** What the process that is killed has to do, and how both of its kinds of thread begin. */
import type { Config, LocalStorageConfig } from "../../../src/config/config.ts";
import { type OpenStorage, openStorage } from "../../../src/storage/open.ts";
import type { CallCounter, Moment } from "./call-counter.ts";
import { countFileSystemCalls } from "./counted-fs.ts";
import { countedOpen } from "./counted-storage.ts";

export interface Job {
  readonly command: "backup" | "restore";
  /** The configuration, its salt as an array of numbers. */
  readonly config: Omit<Config, "salt" | "ignore"> & { readonly salt: readonly number[] };
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly layer: "storage" | "file system";
  /** The call to die at, from 1; 0: never. */
  readonly at: number;
  readonly moment: Moment;
}

/** How a thread of this job opens storages; calls are counted from here on. */
export function beginCounting(
  { command, layer }: Pick<Job, "command" | "layer">,
  { dest, restore }: Pick<Config, "dest" | "restore">,
  counter: CallCounter,
): OpenStorage {
  if (layer === "storage") return countedOpen(counter);
  const changed = (command === "backup" ? dest : restore) as LocalStorageConfig;
  countFileSystemCalls(counter, changed.path);
  return openStorage;
}
