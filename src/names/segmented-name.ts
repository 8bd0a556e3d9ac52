/**
 * Encrypted names of the segmented form (docs/format.md, section 10): deterministic and authenticated, a short tag
 * instead of the salt, letters that survive any file system, long names over several path segments.
 */

import { createCipheriv, createSecretKey, timingSafeEqual } from "node:crypto";
import { label } from "../crypto/hmac.ts";
import type { SegmentedKeyRing } from "../crypto/segmented-key-ring.ts";
import { type DestinationKeys, ID_BYTES } from "../crypto/segmented-keys.ts";
import { BackupError } from "../errors.ts";
import { decodeBase32, encodeBase32 } from "./base32.ts";
import { formatNameRecord, type NameRecord, parseNameRecord } from "./name-record.ts";
import { SUFFIX } from "./stored-name.ts";

const PREFIX = "_";
const SEGMENT = 240;
const TAG_BYTES = 4;
const NAME_ID = label("name id");
const NAME_STREAM = label("name stream");
const SHAPE = /^_[0-9a-v/]+\.enc$/i;
const ZERO_IV = Buffer.alloc(16);

/** The key of an object with this record as its name: always the same one. `keys` are of a cipher, not of none. */
export function sealSegmentedName(record: NameRecord, keys: DestinationKeys): string {
  const plain = formatNameRecord(record);
  const id = keys.nameKey.digest(NAME_ID, plain).subarray(0, ID_BYTES);
  const text = encodeBase32(Buffer.concat([keys.nameTag, id, cryptName(plain, id, keys)]));
  return PREFIX + cut(text) + SUFFIX;
}

/** What a key says, if it is a segmented encrypted name under one of the keys that the ring has in use. */
export function openSegmentedName(key: string, ring: SegmentedKeyRing): NameRecord | undefined {
  const opened = openName(key, ring);
  return opened && parseNameRecord(opened.plain);
}

/** Another name for the object under a key, sealed with what that one is sealed with; undefined as above. */
export function resealSegmentedName(
  key: string,
  record: NameRecord,
  ring: SegmentedKeyRing,
): string | undefined {
  const opened = openName(key, ring);
  return opened && sealSegmentedName(record, opened.keys);
}

function openName(key: string, ring: SegmentedKeyRing): { plain: Buffer; keys: DestinationKeys } | undefined {
  const bytes = decodeName(key);
  if (bytes === undefined) return undefined;
  const id = bytes.subarray(TAG_BYTES, TAG_BYTES + ID_BYTES);
  for (const keys of ring.keysForTag(bytes.subarray(0, TAG_BYTES))) {
    const plain = cryptName(bytes.subarray(TAG_BYTES + ID_BYTES), id, keys);
    if (timingSafeEqual(keys.nameKey.digest(NAME_ID, plain).subarray(0, ID_BYTES), id))
      return { plain, keys };
  }
  return undefined;
}

/**
 * The four bytes by which a name says which key it is of, in hex; undefined when the key has not the shape of a
 * segmented encrypted name. One object of each unknown tag is opened to learn its salt.
 */
export function segmentedNameTag(key: string): string | undefined {
  return decodeName(key)?.toString("hex", 0, TAG_BYTES);
}

function decodeName(key: string): Buffer | undefined {
  if (!SHAPE.test(key) || !key.endsWith(SUFFIX)) return undefined;
  const text = key.slice(PREFIX.length, -SUFFIX.length);
  const joined = text.length > SEGMENT ? join(text) : text;
  if (joined === undefined) return undefined;
  const bytes = decodeBase32(joined);
  return bytes !== undefined && bytes.length > TAG_BYTES + ID_BYTES ? bytes : undefined;
}

function cut(text: string): string {
  if (text.length <= SEGMENT) return text;
  const segments: string[] = [];
  for (let at = 0; at < text.length; at += SEGMENT) segments.push(text.slice(at, at + SEGMENT));
  return segments.join("/");
}

function join(text: string): string | undefined {
  const segments = text.split("/");
  const last = segments.at(-1) as string;
  if (last.length === 0 || last.length > SEGMENT) return undefined;
  return segments.slice(0, -1).every((segment) => segment.length === SEGMENT) ? segments.join("") : undefined;
}

/** Encrypts or decrypts: a stream under a key for this id alone. */
function cryptName(bytes: Uint8Array, id: Uint8Array, keys: DestinationKeys): Buffer {
  if (keys.cipher === "none") throw new BackupError("internal", "names need a cipher");
  const algorithm = keys.cipher === "aes" ? "aes-256-ctr" : "chacha20";
  const secret = createSecretKey(keys.nameKey.expand(NAME_STREAM, id));
  return createCipheriv(algorithm, secret, ZERO_IV).update(bytes);
}
