/** What the process that is killed has to do, and how both of its kinds of thread begin. */
import type { Config, LocalStorageConfig, StorageConfig } from "../../../src/config/config.ts";
import { type OpenStorage, openStorage } from "../../../src/storage/open.ts";
import type { CallCounter, Moment } from "./call-counter.ts";
import { countFileSystemCalls } from "./counted-fs.ts";
import { countedOpen } from "./counted-storage.ts";

export interface Job {
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
export function beginCounting(layer: Job["layer"], dest: StorageConfig, counter: CallCounter): OpenStorage {
  if (layer === "storage") return countedOpen(counter);
  countFileSystemCalls(counter, (dest as LocalStorageConfig).path);
  return openStorage;
}
