/**
 * One gzip member from many cores.
 *
 * Chunks of 1 MiB are deflated independently on the thread pool, each with the 32 KiB before it as dictionary and
 * ended by a sync flush, so that their outputs joined are one deflate stream (as pigz does it). Any reader sees a
 * single member, which matters: the older reader is quadratic in members. A chunk that does not compress becomes
 * stored blocks without a try.
 */

import { promisify } from "node:util";
import { constants, crc32, deflateRaw, type ZlibOptions } from "node:zlib";
import { release, unpooled } from "../memory/release.ts";
import { gzipHeader, gzipTrailer, LAST_BLOCK, storedBlocks } from "./gzip-format.ts";
import { compresses } from "./probe.ts";

export const GZIP_CHUNK_BYTES = 1024 * 1024;
const WINDOW_BYTES = 32 * 1024;

const deflate = promisify<Buffer, ZlibOptions, Buffer>(deflateRaw);

export interface GzipOptions {
  /** 0 to 9; 0 stores. */
  readonly level: number;
  /** Chunks in work at once; each takes some 3 MiB. The thread pool has four threads unless told otherwise. */
  readonly parallel: number;
  /** For the header. */
  readonly now: Date;
}

/**
 * Compresses a stream into one gzip member; the source's buffers are free again when it is asked for more. A piece is of no
 * length any more once the next is asked for.
 */
export async function* gzipStream(
  source: AsyncIterable<Uint8Array>,
  { level, parallel, now }: GzipOptions,
): AsyncGenerator<Buffer> {
  yield gzipHeader(level, now);
  const inWork: Promise<Buffer>[] = [];
  let crc = 0;
  let size = 0;
  let before: Buffer | undefined;
  // A chunk's buffer is used again once the chunk and its successor, which refers to it, have been given out.
  const buffers = Array.from({ length: Math.max(1, parallel) + 2 }, () =>
    Buffer.allocUnsafeSlow(GZIP_CHUNK_BYTES),
  );
  for await (const chunk of chunksOf(source, buffers)) {
    crc = crc32(chunk, crc);
    size += chunk.length;
    inWork.push(startChunk(chunk, before, level));
    before = chunk;
    if (inWork.length >= Math.max(1, parallel)) yield* passing(inWork.shift() as Promise<Buffer>);
  }
  for (const chunk of inWork) yield* passing(chunk);
  yield LAST_BLOCK;
  yield gzipTrailer(crc, size);
}

async function* passing(chunk: Promise<Buffer>): AsyncGenerator<Buffer> {
  const piece = await chunk;
  yield piece;
  release(piece);
}

/** An upper bound of the gzip output for so many bytes. */
export function gzipBound(size: number): number {
  // Deflate's own worst case is 5 bytes in 16 KiB; a flush per chunk, header and trailer besides.
  return size + Math.ceil(size / 2048) + 64;
}

function startChunk(chunk: Buffer, before: Buffer | undefined, level: number): Promise<Buffer> {
  if (level === 0 || !compresses(chunk)) return Promise.resolve(storedBlocks(chunk));
  const result = deflate(chunk, {
    level,
    finishFlush: constants.Z_SYNC_FLUSH,
    chunkSize: unpooled(chunk.length + 1024), // room for all of it: one trip to the pool
    ...(before !== undefined && { dictionary: before.subarray(-WINDOW_BYTES) }),
  });
  result.catch(() => {}); // it is awaited in its turn, unless something else fails first
  return result;
}

/** Cuts a stream into chunks, all of them whole but the last, in buffers used in turn. */
async function* chunksOf(
  source: AsyncIterable<Uint8Array>,
  buffers: readonly Buffer[],
): AsyncGenerator<Buffer> {
  let turn = 0;
  const next = () => buffers[turn++ % buffers.length] as Buffer;
  let chunk = next();
  let filled = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      const taken = Math.min(piece.length - at, GZIP_CHUNK_BYTES - filled);
      chunk.set(piece.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled === GZIP_CHUNK_BYTES) {
        yield chunk;
        chunk = next();
        filled = 0;
      }
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
