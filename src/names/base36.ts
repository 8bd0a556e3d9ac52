/**
 * Base 36 as stored names use it (docs/format.md, sections 1 and 4): digits `0-9a-z`, lower case when written, either
 * case when read.
 *
 * Byte strings keep their leading zero bytes as leading `0` characters, the rest is one big-endian number. Numbers
 * are converted in chunks of ten digits, the most that a double holds exactly, so a name of 300 bytes takes
 * microseconds.
 */

const CHUNK_DIGITS = 10;
const CHUNK_BASE = 36n ** BigInt(CHUNK_DIGITS);
const DIGITS = /^[0-9a-z]+$/i;

const ZERO = 0x30;
const UPPER_A = 0x41;
const LOWER_A = 0x61;

/** The value of a digit given as a char code, or -1 when it is none. */
export function digitValue(code: number): number {
  if (code >= ZERO && code <= ZERO + 9) return code - ZERO;
  if (code >= LOWER_A && code < LOWER_A + 26) return code - LOWER_A + 10;
  if (code >= UPPER_A && code < UPPER_A + 26) return code - UPPER_A + 10;
  return -1;
}

/**
 * Reads the integer in `text[start, end)`; -1 when it is empty, has a strange character, or is no safe integer.
 * Leading zeros and upper case are accepted, as the older reader does.
 */
export function parseInteger(text: string, start: number, end: number): number {
  if (start >= end) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = digitValue(text.charCodeAt(i));
    if (digit < 0) return -1;
    value = value * 36 + digit;
    if (value > Number.MAX_SAFE_INTEGER) return -1;
  }
  return value;
}

/** Writes a byte string. Throws a RangeError for the empty one, which has no form. */
export function encodeBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) throw new RangeError("an empty byte string has no base 36 form");
  let zeros = 0;
  while (zeros < bytes.length && bytes[zeros] === 0) zeros++;
  const prefix = "0".repeat(zeros);
  return zeros === bytes.length ? prefix : prefix + bigIntOfBytes(bytes.subarray(zeros)).toString(36);
}

/** Inverse of `encodeBytes`; undefined when the text is empty or has other characters. */
export function decodeBytes(text: string): Buffer | undefined {
  if (!DIGITS.test(text)) return undefined;
  let zeros = 0;
  while (zeros < text.length && text.charCodeAt(zeros) === ZERO) zeros++;
  if (zeros === text.length) return Buffer.alloc(zeros);
  const number = bytesOfBigInt(parseBigInt(text, zeros));
  return zeros === 0 ? number : Buffer.concat([Buffer.alloc(zeros), number]);
}

/** The number that bytes form, big-endian; none form 0. */
export function bigIntOfBytes(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  return BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`);
}

/** The number in digits known to be base 36, from `start` on. */
export function parseBigInt(text: string, start = 0): bigint {
  let value = 0n;
  let at = start;
  // An odd first chunk, so that all the others are whole.
  const first = (text.length - start) % CHUNK_DIGITS;
  if (first > 0) {
    value = BigInt(Number.parseInt(text.slice(at, at + first), 36));
    at += first;
  }
  for (; at < text.length; at += CHUNK_DIGITS) {
    value = value * CHUNK_BASE + BigInt(Number.parseInt(text.slice(at, at + CHUNK_DIGITS), 36));
  }
  return value;
}

function bytesOfBigInt(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
}
