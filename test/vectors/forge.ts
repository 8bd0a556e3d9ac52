/** Objects that our writer would never make, authenticated all the same: only a reader's own checks can refuse them. */

import { formatLocator, LOCATOR_BYTES, parseLocator } from "../../src/container/segmented/locator.ts";
import { label } from "../../src/crypto/hmac.ts";
import { openMessage, sealMessage } from "../../src/crypto/message.ts";
import { opened } from "./good.ts";

/** The object with another trailer's plaintext, properly sealed at the same place. */
export function forgeTrailer(object: Buffer, change: (plain: Buffer) => Buffer): Buffer {
  const { header, keys, trailer } = opened(object);
  const locator = parseLocator(object, object.length);
  const associated = (id: Buffer) => Buffer.concat([label("trailer"), id, header.bytes]);
  const sealed = object.subarray(trailer.bodyEnd, object.length - LOCATOR_BYTES);
  const plain = openMessage(header.cipher, keys.trailerKey(locator.id), associated(locator.id), sealed);
  if (plain === undefined) throw new Error("cannot forge what does not open");
  const forged = change(Buffer.from(plain));
  const id = keys.trailerId(header.bytes, forged);
  const [body, tag] = sealMessage(header.cipher, keys.trailerKey(id), associated(id), forged);
  return Buffer.concat([
    object.subarray(0, trailer.bodyEnd),
    body,
    tag,
    formatLocator(body.length + tag.length, id),
  ]);
}

/** The object with other bytes at an offset; from the end where it is negative. */
export function patch(object: Buffer, offset: number, bytes: readonly number[]): Buffer {
  const copy = Buffer.from(object);
  copy.set(bytes, offset < 0 ? object.length + offset : offset);
  return copy;
}

/** The object with one bit flipped. */
export function flip(object: Buffer, offset: number): Buffer {
  const at = offset < 0 ? object.length + offset : offset;
  return patch(object, at, [(object[at] as number) ^ 1]);
}
