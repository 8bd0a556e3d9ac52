/** The last 24 bytes of an object: where its trailer is, and of which id (docs/format.md, section 5.4). */

import { MESSAGE_TAG_BYTES } from "../../crypto/message.ts";
import { ID_BYTES } from "../../crypto/segmented-keys.ts";
import { failure } from "./failure.ts";
import { HEADER_LEAST } from "./header.ts";

export const LOCATOR_BYTES = 24;
/** Reading so many bytes from the end brings the trailer of files up to some 640 MB. */
export const TAIL_BYTES = 128 * 1024;
/** The plaintext of a trailer. */
export const TRAILER_MOST = 2 ** 26;
export const TRAILER_LEAST = 37;
const END_MAGIC = Buffer.from("626b650a", "hex");
const SHORTEST = HEADER_LEAST + TRAILER_LEAST + MESSAGE_TAG_BYTES + LOCATOR_BYTES;

export interface Locator {
  /** Offset and length of the sealed trailer. */
  readonly start: number;
  readonly length: number;
  readonly id: Buffer;
}

export function formatLocator(length: number, id: Uint8Array): Buffer {
  const bytes = Buffer.alloc(LOCATOR_BYTES);
  bytes.writeUInt32BE(length, 0);
  bytes.set(id, 4);
  bytes.set(END_MAGIC, 4 + ID_BYTES);
  return bytes;
}

/**
 * Finds the trailer from the end of an object.
 *
 * @param tail its last bytes, as many as there are at hand; at least `LOCATOR_BYTES`.
 * @param objectLength how long it is.
 * @throws DamagedError: EHEADER when it is too short to be one, ETRAILER when no locator is there.
 */
export function parseLocator(tail: Buffer, objectLength: number): Locator {
  if (objectLength < SHORTEST) throw failure("header", "is too short to be an object of this tool");
  if (tail.length < LOCATOR_BYTES) throw failure("trailer", "is cut off");
  const bytes = tail.subarray(tail.length - LOCATOR_BYTES);
  if (!bytes.subarray(4 + ID_BYTES).equals(END_MAGIC)) {
    throw failure("trailer", "does not end as an object of this tool: it was cut off, or has more behind it");
  }
  const length = bytes.readUInt32BE(0);
  const start = objectLength - LOCATOR_BYTES - length;
  const plain = length - MESSAGE_TAG_BYTES;
  if (plain < TRAILER_LEAST || plain > TRAILER_MOST || start < HEADER_LEAST) {
    throw failure("trailer", "says that its trailer is where it cannot be");
  }
  return { start, length, id: Buffer.from(bytes.subarray(4, 4 + ID_BYTES)) };
}

/**
 * The sealed trailer, if the tail holds all of it; otherwise the range [start, end) that is still to be read, which
 * goes in front of the tail.
 */
export function trailerIn(
  tail: Buffer,
  locator: Locator,
  objectLength: number,
): { readonly sealed: Buffer } | { readonly missing: readonly [number, number] } {
  const tailStart = objectLength - tail.length;
  if (locator.start < tailStart) return { missing: [locator.start, tailStart] };
  const at = locator.start - tailStart;
  return { sealed: tail.subarray(at, at + locator.length) };
}
