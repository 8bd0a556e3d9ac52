/** Whether an object that does not open could be whole, so that its password or its settings may be to blame. */

import { headBytes, rawSize } from "./layout.ts";

/** A gzip member of nothing; an xz stream is longer. */
const COMPRESSED_LEAST = 20;
const LEAST = headBytes("aes");

/**
 * Whether an object is empty, or begins with one byte over and over: what disks and file systems leave of one that they
 * lost. The head of an encrypted object is random, compressed content has a magic.
 */
export function isBlank(stored: Buffer): boolean {
  return stored.subarray(0, LEAST).every((byte) => byte === stored[0]);
}

/** Whether all bytes of an object have the shape of an encrypted one, of a file of this size. */
export function couldBeEncrypted(stored: Buffer, size: number): boolean {
  if (isBlank(stored)) return false;
  const isRaw = (["aes", "cha"] as const).some((type) => stored.length === rawSize(size, type));
  return isRaw || stored.length >= LEAST + COMPRESSED_LEAST;
}
