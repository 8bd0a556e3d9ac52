/**
 * One-shot digests that many share the memory of.
 *
 * A digest that Node gives as a Buffer has a piece of memory outside of V8's heap to itself: making, finding and freeing
 * that costs 1.5 µs of CPU, five times the hash of a short message. Sealing a small file takes eight of them. As a string
 * of bytes, written into a larger buffer, it costs 0.3 µs.
 */
import { hash } from "node:crypto";
import { RELEASED_LEAST } from "../memory/release.ts";

const DIGEST_BYTES = { md5: 16, sha256: 32 } as const;
/**
 * What one digest that is kept keeps of others at most. Not Node's pool: digests may be keys. Less than `release` gives back,
 * since it could not tell that others are in it.
 */
const SLAB_BYTES = RELEASED_LEAST - 32;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let used = 0;

/** The digest of `bytes`, a view of memory that holds others, too: a message to a thread should take a copy of it. */
export function digestOf(algorithm: keyof typeof DIGEST_BYTES, bytes: Uint8Array): Buffer {
  const length = DIGEST_BYTES[algorithm];
  if (used + length > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  const digest = slab.subarray(used, used + length);
  used += length;
  digest.write(hash(algorithm, bytes, "binary"), 0, length, "latin1");
  return digest;
}
