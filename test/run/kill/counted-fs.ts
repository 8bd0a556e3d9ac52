/**
 * Counts every call of `node:fs` that changes something below a folder: finer than storage calls, since one of those
 * makes folders, renames and removes.
 *
 * Flushes are not counted: a killed process loses nothing that it has written, flushed or not, so the state before
 * a flush is that before the next change.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import type { CallCounter } from "./call-counter.ts";

/** Only for processes of their own: `node:fs` stays changed. Each thread has to call it. */
export function countFileSystemCalls(counter: CallCounter, root: string): void {
  const below = (file: unknown) => String(file).startsWith(root);
  const descriptors = new Set<unknown>();

  const { openSync, writeSync, closeSync } = fs;
  fs.openSync = ((file, flags, mode) => {
    const changes = below(file) && typeof flags === "string" && /[wa+]/.test(flags);
    if (!changes) return openSync(file, flags, mode);
    const fd = counter.sync(() => openSync(file, flags, mode));
    descriptors.add(fd);
    return fd;
  }) as typeof fs.openSync;
  fs.writeSync = ((fd: number, bytes: Uint8Array, offset: number, length: number, position: number) => {
    const write = (count: number) => writeSync(fd, bytes, offset, count, position);
    if (!descriptors.has(fd)) return write(length);
    return counter.sync(
      () => write(length),
      () => write(length >> 1),
    );
  }) as typeof fs.writeSync;
  fs.closeSync = (fd) => {
    descriptors.delete(fd);
    closeSync(fd);
  };
  // rmSync and copyFileSync take several steps each; they are counted as one.
  for (const name of ["unlinkSync", "rmdirSync", "mkdirSync", "rmSync", "chmodSync"] as const) {
    const call = fs[name] as (...args: unknown[]) => unknown;
    Object.assign(fs, {
      [name]: (...args: unknown[]) => (below(args[0]) ? counter.sync(() => call(...args)) : call(...args)),
    });
  }
  for (const name of ["renameSync", "linkSync", "symlinkSync", "copyFileSync"] as const) {
    const call = fs[name] as (...args: unknown[]) => unknown;
    Object.assign(fs, {
      [name]: (...args: unknown[]) => (below(args[1]) ? counter.sync(() => call(...args)) : call(...args)),
    });
  }
  syncBuiltinESMExports();
}
