/** Settings and byte layout of the classic container: salt, nonce, tag, ciphertext. */

import { randomBytes } from "node:crypto";
import { gzipBound } from "../../compression/gzip.ts";
import { type EncryptionType, NONCE_BYTES, Opener, Sealer, TAG_BYTES } from "../../crypto/aead.ts";
import { SALT_BYTES } from "../../crypto/kdf.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import { BackupError } from "../../errors.ts";

/** What a reader has to know: nothing of it stands in the object. */
export interface ClassicSettings {
  readonly encryption: EncryptionType | "none";
  readonly compress: boolean;
  /** 0 to 9. */
  readonly lzmaLevel: number;
  /** 0 to 9. */
  readonly gzipLevel: number;
}

/** What new objects are sealed with. */
export interface Sealing {
  readonly keyRing: KeyRing;
  /** 16 bytes. */
  readonly salt: Uint8Array;
  /** Only for reproducible output; otherwise random, and new for each object. */
  readonly nonce?: Uint8Array;
}

/** Originals up to this size are compressed with xz, larger ones with gzip. */
export const WHOLE_LIMIT = 10 * 1024 * 1024;

/** Bytes in front of the ciphertext: 48 (`aes`), 56 (`cha`), or 0. */
export function headBytes(encryption: EncryptionType | "none"): number {
  return encryption === "none" ? 0 : SALT_BYTES + NONCE_BYTES[encryption] + TAG_BYTES;
}

/** The stored size of a file of so many bytes that is not compressed. */
export function rawSize(size: number, encryption: EncryptionType | "none"): number {
  return headBytes(encryption) + size;
}

/** An upper bound of the stored size of a file of so many bytes. */
export function maxStoredSize(size: number, settings: ClassicSettings): number {
  return headBytes(settings.encryption) + (settings.compress ? gzipBound(size) : size);
}

/** A sealer with its head, which is complete once the tag is known. */
export class HeadSealer {
  readonly #salt: Uint8Array;
  readonly #nonce: Uint8Array;
  readonly #sealer: Sealer;

  constructor(encryption: EncryptionType, sealing: Sealing | undefined) {
    if (sealing === undefined) throw new BackupError("internal", "encryption without a key ring");
    this.#salt = sealing.salt;
    this.#nonce = sealing.nonce ?? randomBytes(NONCE_BYTES[encryption]);
    this.#sealer = new Sealer(encryption, sealing.keyRing.keyFor(encryption, sealing.salt), this.#nonce);
  }

  update(plain: Uint8Array): Buffer {
    return this.#sealer.update(plain);
  }

  /** Ends the message and gives the head that goes in front of it. */
  final(): Buffer {
    return Buffer.concat([this.#salt, this.#nonce, this.#sealer.final()]);
  }
}

/** An opener for the message behind a head of `headBytes`. */
export function openerFor(
  encryption: EncryptionType,
  keyRing: KeyRing | undefined,
  head: Uint8Array,
): Opener {
  if (keyRing === undefined) throw new BackupError("internal", "encryption without a key ring");
  const tagAt = SALT_BYTES + NONCE_BYTES[encryption];
  return new Opener(
    encryption,
    keyRing.keyFor(encryption, head.subarray(0, SALT_BYTES)),
    head.subarray(SALT_BYTES, tagAt),
    head.subarray(tagAt, tagAt + TAG_BYTES),
  );
}
