/** The header: what a reader must know first, the same in all versions of a file (docs/format.md, section 5.1). */

import { timingSafeEqual } from "node:crypto";
import { formatKeySource, type KeySource, parseKeySource } from "../../crypto/key-source.ts";
import type { Cipher } from "../../crypto/message.ts";
import type { SegmentedKeyRing } from "../../crypto/segmented-key-ring.ts";
import { CIPHER_IDS, type DestinationKeys, type FileKeys, ID_BYTES } from "../../crypto/segmented-keys.ts";
import { failure } from "./failure.ts";

export const MAGIC = Buffer.from("8b626b7365670d0a", "hex");
const VERSION = 1;
const CODEC_FAMILY = 1;
const SOURCE_AT = 12;
const FIELDS_AT = 15;
const CHECK_BYTES = 32;
const SOURCE_MOST = 4096;
/** The shortest header: no key source. */
export const HEADER_LEAST = FIELDS_AT + ID_BYTES + CHECK_BYTES;
/** Reading so many bytes is enough for any header. */
export const HEADER_MOST = HEADER_LEAST + SOURCE_MOST;
export const BLOCK_LOG_LEAST = 12;
export const BLOCK_LOG_MOST = 26;

export interface Header {
  /** The header itself, verbatim. */
  readonly bytes: Buffer;
  readonly cipher: Cipher;
  /** Binary logarithm of the block size. */
  readonly blockLog: number;
  readonly source: KeySource;
  readonly fileSalt: Buffer;
}

/** What a reader allows besides what is encrypted. */
export interface ReadPolicy {
  /** Whether an object that needs no key is taken even though there is a password. */
  readonly allowUnencrypted: boolean;
}

/** Whether bytes begin as a segmented object does. */
export function hasMagic(bytes: Uint8Array): boolean {
  return MAGIC.equals(bytes.subarray(0, MAGIC.length));
}

/** The header of a file under these keys. */
export function makeHeader(keys: DestinationKeys, blockLog: number, fileSalt: Uint8Array): Header {
  const fixed = Buffer.of(VERSION, CIPHER_IDS[keys.cipher], CODEC_FAMILY, blockLog);
  const unchecked = Buffer.concat([MAGIC, fixed, formatKeySource(keys.source), fileSalt]);
  return {
    bytes: Buffer.concat([unchecked, keys.keyCheck(unchecked)]),
    cipher: keys.cipher,
    blockLog,
    source: keys.source,
    fileSalt: Buffer.from(fileSalt),
  };
}

/** How long a header is, from its first `HEADER_LEAST` bytes. Throws DamagedError (EHEADER) as `parseHeader`. */
function headerLength(start: Buffer): number {
  if (start.length < HEADER_LEAST) throw failure("header", "is cut off within its header");
  if (!hasMagic(start)) throw failure("header", "does not begin as an object of this tool");
  if (start[8] !== VERSION) throw unsupported(`is of version ${start[8]}, unknown to this one`);
  const kind = start.readUInt8(SOURCE_AT);
  if (kind > 1) throw unsupported(`its key source (${kind}) is unknown to this version`);
  const sourceBytes = start.readUInt16BE(SOURCE_AT + 1);
  if (sourceBytes > SOURCE_MOST) throw failure("header", "its key source has a strange length");
  return HEADER_LEAST + sourceBytes;
}

/**
 * Reads a header. `start` may be longer than it. Nothing is derived.
 *
 * @throws DamagedError (EHEADER) for anything unknown, cut off, or beyond the caps.
 */
export function parseHeader(start: Buffer): Header {
  const length = headerLength(start);
  if (start.length < length) throw failure("header", "is cut off within its header");
  const bytes = Buffer.from(start.subarray(0, length));
  const cipherId = bytes[9];
  const cipher = (["none", "aes", "cha"] as const).find((name) => CIPHER_IDS[name] === cipherId);
  if (cipher === undefined) throw unsupported(`its cipher (${cipherId}) is unknown to this version`);
  if (bytes[10] !== CODEC_FAMILY) throw unsupported(`its codecs (${bytes[10]}) are unknown to this version`);
  const blockLog = bytes.readUInt8(11);
  if (blockLog < BLOCK_LOG_LEAST || blockLog > BLOCK_LOG_MOST) {
    throw failure("header", "its block size is out of range");
  }
  const saltAt = length - CHECK_BYTES - ID_BYTES;
  const source = parseKeySource(bytes.subarray(SOURCE_AT, saltAt));
  if (typeof source === "string") throw unsupported(source);
  if (source.kind === "none" && cipher !== "none") throw failure("header", "it is encrypted without a key");
  return { bytes, cipher, blockLog, source, fileSalt: bytes.subarray(saltAt, saltAt + ID_BYTES) };
}

/**
 * The keys of the file under a header.
 *
 * @throws DamagedError: EHEADER when policy refuses it, EKEY when the key check does not match: another password, or
 *   damage. ConfigError without a password.
 */
export function unlockHeader(header: Header, ring: SegmentedKeyRing, policy: ReadPolicy): FileKeys {
  // In the clear under a key is another matter: only who has the password can have made it.
  if (header.source.kind === "none" && ring.hasSecret && !policy.allowUnencrypted) {
    throw failure(
      "header",
      "is not encrypted, which the settings do not expect",
      "set encrypt to false if that is right; otherwise somebody else wrote this object",
    );
  }
  const keys = ring.keysFor(header.source, header.cipher);
  const checkAt = header.bytes.length - CHECK_BYTES;
  if (!timingSafeEqual(keys.keyCheck(header.bytes.subarray(0, checkAt)), header.bytes.subarray(checkAt))) {
    throw failure("key", "does not open: its header is damaged, or the password is another");
  }
  return keys.fileKeys(header.fileSalt);
}

function unsupported(message: string) {
  return failure("header", message, "use a newer release, or restore another version of the file");
}
