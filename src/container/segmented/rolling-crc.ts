/**
 * CRC-32 of a window that moves byte by byte. A CRC is linear: a byte that leaves the window is taken out again by
 * what it had come to, which depends on the byte and on the window's length alone.
 */

import { crc32 } from "node:zlib";

const POLYNOMIAL = 0xedb88320;

const STEP = new Int32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? POLYNOMIAL : 0);
  return value;
});

/**
 * States are CRC-32 of the window without what its length alone adds: signed 32-bit integers, made from sums as
 * `weakSum` gives them by `stateOf`.
 */
export class RollingCrc {
  readonly step = STEP;
  /** What a byte that leaves has to be XORed with, once the next one has come in. */
  readonly leave: Int32Array;
  readonly #zeros: number;

  constructor(window: number) {
    const bytes = Buffer.alloc(window + 1);
    this.#zeros = crc32(bytes.subarray(1));
    const none = crc32(bytes);
    this.leave = new Int32Array(256).map((_, byte) => {
      bytes[0] = byte;
      return crc32(bytes) ^ none;
    });
  }

  /** The state of a window of this length whose CRC-32 is `sum`. */
  stateOf(sum: number): number {
    return (sum ^ this.#zeros) | 0;
  }

  /** The state once `leaving` has left in front and `coming` has come behind. For tests: loops do it in place. */
  roll(state: number, leaving: number, coming: number): number {
    return (state >>> 8) ^ (STEP[(state ^ coming) & 0xff] as number) ^ (this.leave[leaving] as number);
  }
}
