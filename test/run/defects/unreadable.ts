/** Things that cannot be read, for root too. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import path from "node:path";

/** A kernel setting that can only be written: opening it to read fails with EACCES whoever tries. */
const WRITE_ONLY = "/proc/sys/vm/compact_memory";

/** Makes a file unreadable. */
export function makeUnreadable(file: string): void {
  if (process.getuid?.() !== 0) {
    fs.chmodSync(file, 0);
    return;
  }
  fs.rmSync(file);
  fs.symlinkSync(WRITE_ONLY, file);
}

/** Runs `work` while this thread cannot look at this file, as on a disk with bad blocks. */
export async function withUnexaminable<T>(file: string, work: () => Promise<T>): Promise<T> {
  const { lstatSync } = fs;
  const lookAt = (other: fs.PathLike, ...rest: []) => {
    if (path.resolve(String(other)) === file)
      throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
    return lstatSync(other, ...rest);
  };
  Object.assign(fs, { lstatSync: lookAt });
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    Object.assign(fs, { lstatSync });
    syncBuiltinESMExports();
  }
}

/** Runs `work` while this folder cannot be listed by this thread. */
export async function withUnlistable<T>(unlistable: string, work: () => Promise<T>): Promise<T> {
  const { readdirSync } = fs;
  fs.readdirSync = ((folder: fs.PathLike, ...rest: []) => {
    if (path.resolve(String(folder)) === unlistable) {
      throw Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
    }
    return readdirSync(folder, ...rest);
  }) as typeof fs.readdirSync;
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    fs.readdirSync = readdirSync;
    syncBuiltinESMExports();
  }
}
