/**
 * Encrypted names (docs/format.md, section 4): the plain stored name without its suffix, sealed in the container of
 * section 3, in base 36, with the suffix. Flat, and new with every renaming, since the nonce is random.
 */

import { randomBytes } from "node:crypto";
import { type EncryptionType, NONCE_BYTES, Opener, Sealer, TAG_BYTES } from "../crypto/aead.ts";
import { SALT_BYTES } from "../crypto/kdf.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import { DamagedError } from "../errors.ts";
import { decodeBytes, encodeBytes } from "./base36.ts";
import { bytesOfPath, pathOfBytes } from "./path-text.ts";
import { looksSealed, parseOpenedName, type StoredVersion, SUFFIX } from "./stored-name.ts";

/** What a name is sealed with. */
export interface NameSealing {
  readonly type: EncryptionType;
  readonly keyRing: KeyRing;
  /** 16 bytes. */
  readonly salt: Uint8Array;
  /** Only for reproducible output; otherwise random. */
  readonly nonce?: Uint8Array;
}

/** Encrypts a plain stored name without suffix (`formatPlainName`); gives the key, with suffix. */
export function sealName(plainName: string, sealing: NameSealing): string {
  const { type, keyRing, salt } = sealing;
  const nonce = sealing.nonce ?? randomBytes(NONCE_BYTES[type]);
  const sealer = new Sealer(type, keyRing.keyFor(type, salt), nonce);
  const body = sealer.update(bytesOfPath(plainName));
  return encodeBytes(Buffer.concat([salt, nonce, sealer.final(), body])) + SUFFIX;
}

/** The plain stored name, without suffix, in an encrypted one; undefined when it does not authenticate. */
export function openName(key: string, keyRing: KeyRing, type: EncryptionType): string | undefined {
  if (!looksSealed(key)) return undefined;
  const bytes = decodeBytes(key.slice(0, -SUFFIX.length));
  const tagAt = SALT_BYTES + NONCE_BYTES[type];
  if (bytes === undefined || bytes.length <= tagAt + TAG_BYTES) return undefined;
  const opener = new Opener(
    type,
    keyRing.keyFor(type, bytes.subarray(0, SALT_BYTES)),
    bytes.subarray(SALT_BYTES, tagAt),
    bytes.subarray(tagAt, tagAt + TAG_BYTES),
  );
  const plain = opener.update(bytes.subarray(tagAt + TAG_BYTES));
  try {
    opener.final();
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
  return pathOfBytes(plain);
}

/** The salt that an encrypted name carries; undefined when the key is none. */
export function saltOfSealedName(key: string): Buffer | undefined {
  return looksSealed(key) ? decodeBytes(key.slice(0, -SUFFIX.length))?.subarray(0, SALT_BYTES) : undefined;
}

/** The version behind an encrypted name; undefined when it does not authenticate or holds no stored name. */
export function parseSealedName(
  key: string,
  keyRing: KeyRing,
  type: EncryptionType,
): StoredVersion | undefined {
  const plainName = openName(key, keyRing, type);
  return plainName === undefined ? undefined : parseOpenedName(plainName, key);
}
