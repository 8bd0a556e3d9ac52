/**
 * The weak sum of a window that slides over a file: CRC-32, byte by byte (docs/format.md, section 5.3).
 *
 * CRC-32 is linear: apart from a constant for its start and end values, the register after w1..wn is that after w0..wn
 * xor what w0 left in it after n more bytes, which is a table of 256 values. A block at rest is summed by zlib at
 * some 4 GB/s; a step of the window costs two look-ups.
 */

import { crc32 } from "node:zlib";

const POLYNOMIAL = 0xedb88320;
const STEP = stepTable();

/** The tables for windows of one length; make one for a file, and windows from it. */
export class RollingSum {
  /** Bytes of the window. */
  readonly length: number;
  readonly #leaving: Int32Array;
  /** The CRC-32 of so many zeros: what start and end values make of nothing. */
  readonly #constant: number;

  constructor(length: number) {
    this.length = length;
    this.#leaving = leavingTable(length);
    this.#constant = crc32(Buffer.alloc(length)) | 0;
  }

  /** The register for a window that begins at `at`. */
  begin(data: Buffer, at: number): number {
    return (crc32(data.subarray(at, at + this.length)) | 0) ^ this.#constant;
  }

  /** The register one byte further on. */
  step(register: number, leaving: number, entering: number): number {
    return (
      (register >>> 8) ^ (STEP[(register ^ entering) & 0xff] as number) ^ (this.#leaving[leaving] as number)
    );
  }

  /** The weak sum of the window that a register stands for. */
  sum(register: number): number {
    return (register ^ this.#constant) >>> 0;
  }
}

function stepTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
    return value;
  });
}

/** What each byte is in the register after `length` more zeros: those of the eight bits, combined. */
function leavingTable(length: number): Int32Array {
  const message = Buffer.alloc(length + 1);
  const nothing = crc32(message);
  const bits = Array.from({ length: 8 }, (_, bit) => {
    message[0] = 1 << bit;
    return crc32(message) ^ nothing;
  });
  return Int32Array.from({ length: 256 }, (_, byte) =>
    bits.reduce((value, of, bit) => (byte & (1 << bit) ? value ^ of : value), 0),
  );
}
