/**
 * Synchronous file reads and writes that never fall short.
 *
 * Synchronous, because these run in worker threads, where a call costs a tenth of its promise (6 against 67
 * microseconds for a 4 KiB read).
 */
import * as fs from "node:fs";
import { allocate } from "../../memory/release.ts";

/** Bytes a streamed read delivers at a time. */
export const READ_BYTES = 256 * 1024;
const REUSED_BYTES = 256 * 1024;
/** The blocks of most file systems. */
const HOLE_BYTES = 4096;
const ZEROS = Buffer.alloc(HOLE_BYTES);

/** Writes all of `bytes` at `position`, however often the system takes only a part. */
export function writeFully(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += fs.writeSync(fd, bytes, done, bytes.length - done, position + done);
  }
}

/** The same, but leaves out the blocks that are all zeros: they become holes of a new file. */
export function writeAroundZeros(fd: number, bytes: Uint8Array, position: number): void {
  let dataFrom = 0;
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + HOLE_BYTES - ((position + at) % HOLE_BYTES));
    if (ZEROS.compare(bytes, at, end, 0, end - at) === 0) {
      if (at > dataFrom) writeFully(fd, bytes.subarray(dataFrom, at), position + dataFrom);
      dataFrom = end;
    }
    at = end;
  }
  if (dataFrom < bytes.length) writeFully(fd, bytes.subarray(dataFrom), position + dataFrom);
}

/** Reads up to `length` bytes at `position`; fewer only at the end of the file. */
export function readUpTo(fd: number, length: number, position: number): Buffer {
  const buffer = allocate(length);
  let done = 0;
  while (done < length) {
    const count = fs.readSync(fd, buffer, done, length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done === length ? buffer : buffer.subarray(0, done);
}

/**
 * The same in one buffer that is used again for every piece: for readers that are done with a piece before they ask
 * for the next. Fresh buffers wait for the garbage collector, some 100 MB of them at a time.
 */
export function* readPiecesReusing(fd: number, start: number, end: number): Generator<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(REUSED_BYTES, Math.max(1, end - start)));
  for (let at = start; at < end; ) {
    const count = fs.readSync(fd, buffer, 0, Math.min(buffer.length, end - at), at);
    if (count === 0) throw endedEarly(at, end);
    at += count;
    yield buffer.subarray(0, count);
  }
}

/** Yields bytes `[start, end)` in pieces; throws `ESHORT` when the file ends before `end`. */
export function* readPieces(fd: number, start: number, end: number): Generator<Buffer> {
  for (let at = start; at < end; ) {
    const piece = readUpTo(fd, Math.min(READ_BYTES, end - at), at);
    if (piece.length === 0) {
      throw endedEarly(at, end);
    }
    at += piece.length;
    yield piece;
  }
}

/**
 * Makes `to` a reflink of the first `length` bytes of `from`; false where the file system cannot do that, or the file
 * is shorter. Nothing stays behind then.
 */
export function cloneBeginning(from: string | Buffer, to: string, length: number): boolean {
  try {
    fs.copyFileSync(from, to, fs.constants.COPYFILE_FICLONE_FORCE);
    if (fs.statSync(to).size >= length) {
      fs.truncateSync(to, length);
      fs.chmodSync(to, 0o600); // it came with the mode of the other
      return true;
    }
  } catch {
    // Whatever it was, a copy piece by piece works or says what is wrong.
  }
  removeQuietly(to);
  return false;
}

/** For what is litter already: the sweep of a later run finds what could not be removed. */
export function removeQuietly(file: string): void {
  try {
    fs.rmSync(file, { force: true });
  } catch {
    // The failure that made it litter is the one to tell.
  }
}

function endedEarly(at: number, end: number): Error {
  return Object.assign(new Error(`ended after ${at} of ${end} bytes`), { code: "ESHORT" });
}
