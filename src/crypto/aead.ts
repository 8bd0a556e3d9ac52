/**
 * The two ciphers, streaming, at native speed.
 *
 * - `aes`: AES-256-GCM with a 16-byte IV (NIST SP 800-38D: GHASH makes the first counter block of it).
 * - `cha`: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): HChaCha20 of key and the first 16 nonce bytes gives a
 *   subkey for ChaCha20-Poly1305 (RFC 8439) under 4 zero bytes and the last 8. Byte for byte libsodium's, six times
 *   as fast.
 *
 * OpenSSL carries on in silence where a message gets longer than its cipher can protect, so lengths are counted here.
 */

import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { BackupError, DamagedError } from "../errors.ts";

/** `aes` = AES-256-GCM, `cha` = XChaCha20-Poly1305. */
export type EncryptionType = "aes" | "cha";

export const TAG_BYTES = 16;
export const NONCE_BYTES: Readonly<Record<EncryptionType, number>> = { aes: 16, cha: 24 };

/** The longest message: GCM's 2^39 - 256 bits; for ChaCha20 the 32-bit block counter, whose block 0 is the key's. */
export const MESSAGE_LIMIT: Readonly<Record<EncryptionType, number>> = {
  aes: 2 ** 36 - 32,
  cha: 2 ** 38 - 64,
};

type Sodium = typeof import("libsodium-wrappers-sumo")["default"];
let sodium: Sodium | undefined;

/** Loads what a type needs; call it once per thread before the type is used. Only `cha` needs anything (35 ms). */
export async function prepareCrypto(type: EncryptionType | "none"): Promise<void> {
  if (type !== "cha" || sodium !== undefined) return;
  const loaded = await import("libsodium-wrappers-sumo");
  await loaded.default.ready;
  sodium = loaded.default;
}

/** Refuses a message that would be longer than its cipher can protect. Throws BackupError, code EFBIG. */
export function checkMessageLength(type: EncryptionType, bytes: number, path?: string): void {
  if (bytes <= MESSAGE_LIMIT[type]) return;
  const gibibytes = type === "aes" ? 64 : 256;
  throw new BackupError("crypto", `longer than the ${gibibytes} GiB that one ${type} message can protect`, {
    ...(path !== undefined && { path }),
    code: "EFBIG",
    remedy:
      type === "aes"
        ? "set encryption_type to cha (256 GiB), or split the file"
        : "split the file into parts",
  });
}

/** Encrypts one message, piece by piece. */
export class Sealer {
  readonly #type: EncryptionType;
  readonly #cipher: ReturnType<typeof cipherFor>;
  #bytes = 0;

  /** @param nonce `NONCE_BYTES` of the type, never used before with this key. */
  constructor(type: EncryptionType, key: KeyObject, nonce: Uint8Array) {
    this.#type = type;
    this.#cipher = cipherFor(type, key, nonce);
  }

  /** The ciphertext of the next piece, of the same length. Throws BackupError (EFBIG) at the limit. */
  update(plain: Uint8Array): Buffer {
    this.#bytes += plain.length;
    checkMessageLength(this.#type, this.#bytes);
    return this.#cipher.update(plain);
  }

  /** Ends the message and gives its tag. */
  final(): Buffer {
    this.#cipher.final(); // stream ciphers: nothing is left to give
    return this.#cipher.getAuthTag();
  }
}

/** Decrypts one message, piece by piece. What it gives is unverified until `final` has returned. */
export class Opener {
  readonly #type: EncryptionType;
  readonly #decipher: ReturnType<typeof decipherFor>;
  #bytes = 0;

  constructor(type: EncryptionType, key: KeyObject, nonce: Uint8Array, tag: Uint8Array) {
    this.#type = type;
    this.#decipher = decipherFor(type, key, nonce);
    this.#decipher.setAuthTag(tag);
  }

  /** The plaintext of the next piece. Throws BackupError (EFBIG) at the limit. */
  update(sealed: Uint8Array): Buffer {
    this.#bytes += sealed.length;
    checkMessageLength(this.#type, this.#bytes);
    return this.#decipher.update(sealed);
  }

  /** Checks the tag. Throws DamagedError (EAUTH) unless every byte is as it was sealed with this key. */
  final(): void {
    try {
      this.#decipher.final();
    } catch {
      throw new DamagedError(
        "does not authenticate: it was changed, or the password or the type is another",
        {
          code: "EAUTH",
        },
      );
    }
  }
}

function cipherFor(type: EncryptionType, key: KeyObject, nonce: Uint8Array) {
  checkNonce(type, nonce);
  if (type === "aes") return createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  return createCipheriv("chacha20-poly1305", subkeyOf(key, nonce), shortNonce(nonce), {
    authTagLength: TAG_BYTES,
  });
}

function decipherFor(type: EncryptionType, key: KeyObject, nonce: Uint8Array) {
  checkNonce(type, nonce);
  if (type === "aes") return createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  return createDecipheriv("chacha20-poly1305", subkeyOf(key, nonce), shortNonce(nonce), {
    authTagLength: TAG_BYTES,
  });
}

function checkNonce(type: EncryptionType, nonce: Uint8Array): void {
  if (nonce.length !== NONCE_BYTES[type]) {
    throw new BackupError("internal", "a nonce has a strange length");
  }
}

function subkeyOf(key: KeyObject, nonce: Uint8Array): KeyObject {
  if (sodium === undefined) throw new BackupError("internal", "prepareCrypto was not called for cha");
  return createSecretKey(sodium.crypto_core_hchacha20(nonce.subarray(0, 16), key.export(), null));
}

function shortNonce(nonce: Uint8Array): Buffer {
  const short = Buffer.alloc(12);
  short.set(nonce.subarray(16), 4);
  return short;
}
