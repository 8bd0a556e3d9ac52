/** How a file is cut, and what that costs in bytes (docs/format.md, section 5.2). */

import { MESSAGE_TAG_BYTES } from "../../crypto/message.ts";
import type { Field } from "./fields.ts";
import { BLOCK_LOG_MOST } from "./header.ts";
import { LOCATOR_BYTES } from "./locator.ts";
import { trailerBytes } from "./trailer.ts";

/** Files up to this size that compress are one compressed stream; larger ones are blocks that stand alone. */
export const SOLID_MOST = 10 * 1024 * 1024;
const BLOCK_LOG = 18;
const BLOCKS_MOST = 65_536;

/** The binary logarithm of the block size for a new file: 256 KiB, more from 16 GiB on. */
export function blockLogFor(size: number): number {
  let log = BLOCK_LOG;
  while (log < BLOCK_LOG_MOST && size > BLOCKS_MOST * 2 ** log) log++;
  return log;
}

/** Whether the table holds weak sums and MACs, so that a later version can be stored as a delta. */
export function isSigned(size: number): boolean {
  return size > SOLID_MOST;
}

/**
 * The most bytes that an object of a new file takes, and exactly so many where nothing compresses.
 *
 * @param headerBytes 88 with a password, 63 without.
 */
export function maxStoredSize(
  size: number,
  pathBytes: number,
  headerBytes: number,
  fields: readonly Field[] = [],
  blockLog = blockLogFor(size),
): number {
  const blocks = Math.ceil(size / 2 ** blockLog);
  const trailer = trailerBytes(pathBytes, blocks, isSigned(size), fields) + MESSAGE_TAG_BYTES;
  return headerBytes + size + blocks * MESSAGE_TAG_BYTES + trailer + LOCATOR_BYTES;
}

/** Cuts a stream into pieces of `size` bytes in memory of their own, all of them whole but the last. */
export async function* blocksOf(
  source: AsyncIterable<Uint8Array>,
  size: number,
  spare: Buffer[] = [],
): AsyncGenerator<Buffer> {
  const fresh = () => spare.pop() ?? Buffer.allocUnsafeSlow(size);
  let block = fresh();
  let filled = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      const taken = Math.min(piece.length - at, size - filled);
      block.set(piece.subarray(at, at + taken), filled);
      filled += taken;
      at += taken;
      if (filled < size) continue;
      yield block;
      block = fresh();
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}
