/**
 * Memory of an unchanged run over very many files: `node bench/million.ts [ENTRIES]`, by default 1,000,000.
 *
 * Source and destination are storages that list entries without holding any: what is measured is the run itself. The
 * peak is the kernel's own figure (VmHWM). Prints one line of JSON.
 */

import { readFileSync } from "node:fs";
import type { Config, S3StorageConfig } from "../src/config/config.ts";
import { keepHeapsSmall } from "../src/memory/heaps.ts";
import { sortPaths } from "../src/names/path-text.ts";
import { LIVE } from "../src/names/stamp.ts";
import { formatStoredName, md5ToBase36 } from "../src/names/stored-name.ts";
import { runBackup } from "../src/run/backup/backup.ts";
import type { ListedObject, ObjectStat, Storage } from "../src/storage/storage.ts";

const CONTENT = Buffer.from("hello");
const MD5 = md5ToBase36(Buffer.from("5d41402abc4b2a76b9719d911017c592", "hex"));
const PER_FOLDER = 1000;
const MTIME = 1_600_000_000;

type Naming = (path: string, mtime: number) => string;

/** Lists `entries` files of five bytes under the given names, sorted as S3 sorts them; reads give the five bytes. */
class ListingStorage implements Pick<Storage, "kind" | "location" | "list" | "stat" | "readWhole"> {
  readonly kind = "s3";
  readonly location: string;
  private readonly entries: number;
  private readonly naming: Naming;

  constructor(location: string, entries: number, naming: Naming) {
    this.location = location;
    this.entries = entries;
    this.naming = naming;
  }

  async *list(): AsyncGenerator<ListedObject[]> {
    for (let folder = 0; folder * PER_FOLDER < this.entries; folder++) {
      const names: [key: string, mtime: number][] = [];
      for (let i = 0; i < Math.min(PER_FOLDER, this.entries - folder * PER_FOLDER); i++) {
        const mtime = MTIME + i;
        const path = `folder-${String(folder).padStart(6, "0")}/some file of a usual length ${i}.dat`;
        names.push([this.naming(path, mtime), mtime]);
      }
      const mtimes = new Map(names);
      const keys = sortPaths(names.map(([key]) => key));
      yield keys.map((key) => ({
        key,
        size: CONTENT.length,
        modified: (mtimes.get(key) ?? 0) * 1000,
        etag: "0",
      }));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async stat(): Promise<ObjectStat> {
    return { size: CONTENT.length, modified: 0 };
  }

  async readWhole(): Promise<Buffer> {
    return CONTENT;
  }

  clockOffset(): number {
    return 0;
  }

  placeProblem(): undefined {}

  async sweep(): Promise<number> {
    return 0;
  }

  async listUploads(): Promise<[]> {
    return [];
  }

  async flush(): Promise<void> {}

  async close(): Promise<void> {}
}

const entries = Number(process.argv[2] ?? 1_000_000);
const place: S3StorageConfig = { kind: "s3", bucket: "synthetic", basePath: "" };
const config: Config = {
  src: place,
  dest: place,
  restore: place,
  restoreIsDefault: false,
  metadata: false,
  encrypt: false,
  encryptFilenames: false,
  encryptionType: "aes",
  compress: false,
  container: "classic",
  compression: "auto",
  zstdLevel: 3,
  lzmaLevel: 6,
  gzipLevel: 6,
  backupProcesses: 5,
  restoreProcesses: 8,
  deletedKeepDays: null,
  ignore: [],
  exclusions: { exclude: [], include: [], caches: false, oneFileSystem: false },
  sourceExcludes: [],
  massDeleteShare: 0.5,
  unfinishedKeepDays: 7,
  versionsKeepDays: null,
  purgeDelayDays: 0,
  retire: "rename",
  delta: "auto",
  deltaDeadShare: 0.25,
};
const silent = { info() {}, file() {}, warning() {}, error: console.error, progress() {} };
keepHeapsSmall();
const started = performance.now();
const result = await runBackup(config, {
  reporter: silent,
  signal: new AbortController().signal,
  openStorage: async (_, side) => {
    const naming: Naming =
      side === "source"
        ? (path) => path
        : (path, mtime) => formatStoredName({ path, mtime, size: CONTENT.length, md5: MD5, stamp: LIVE });
    return new ListingStorage(`synthetic ${side}`, entries, naming) as unknown as Storage;
  },
});
const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
console.log(
  JSON.stringify({
    entries,
    unchanged: result.outcomes.get("unchanged")?.files ?? 0,
    outcomes: [...result.outcomes.keys()],
    errors: result.errors.size,
    seconds: Number(((performance.now() - started) / 1000).toFixed(1)),
    peakMB: Math.round(Number(peak) / 1024),
  }),
);
