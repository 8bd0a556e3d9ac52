/** The parts of a gzip member that are written by hand (RFC 1952), and deflate's stored blocks (RFC 1951, 3.2.4). */

import { crc32 } from "node:zlib";

const STORED_BLOCK_BYTES = 0xffff;
/** An empty last block with fixed codes. */
export const LAST_BLOCK = Buffer.of(0x03, 0x00);

/** The header as the older tool writes it: no name, unknown system, time in whole seconds. */
export function gzipHeader(level: number, now: Date): Buffer {
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, level === 9 ? 2 : level === 1 ? 4 : 0, 0xff]);
  header.writeUInt32LE(Math.floor(now.getTime() / 1000) % 2 ** 32, 4);
  return header;
}

/** The trailer: checksum and length of the plain data. */
export function gzipTrailer(crc: number, size: number): Buffer {
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(size % 2 ** 32, 4);
  return trailer;
}

/** The data as stored blocks, none of them the last; 5 bytes more for each 65,535. */
export function storedBlocks(data: Uint8Array): Buffer {
  const blocks = Math.ceil(data.length / STORED_BLOCK_BYTES);
  const out = Buffer.allocUnsafe(data.length + 5 * blocks);
  let at = 0;
  for (let from = 0; from < data.length; from += STORED_BLOCK_BYTES) {
    const block = data.subarray(from, from + STORED_BLOCK_BYTES);
    out[at] = 0;
    out.writeUInt16LE(block.length, at + 1);
    out.writeUInt16LE(~block.length & 0xffff, at + 3);
    out.set(block, at + 5);
    at += 5 + block.length;
  }
  return out;
}

/** A whole gzip member that stores its data as it is: for small data that does not compress. */
export function gzipStored(data: Uint8Array, now: Date): Buffer {
  return Buffer.concat([
    gzipHeader(0, now),
    storedBlocks(data),
    LAST_BLOCK,
    gzipTrailer(crc32(data), data.length),
  ]);
}
