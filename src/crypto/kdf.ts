/**
 * From password to key (docs/format.md, section 3). The two types read the same password as different bytes, since
 * the older tool's library took text as Latin-1 in one of them.
 */

import { pbkdf2, pbkdf2Sync } from "node:crypto";
import { promisify } from "node:util";
import { ConfigError } from "../errors.ts";
import type { EncryptionType } from "./aead.ts";
import { argon2id, argon2idAside } from "./argon2.ts";

export const KEY_BYTES = 32;
export const SALT_BYTES = 16;

const PBKDF2_ITERATIONS = 100_000;
const ARGON2 = { iterations: 3, memoryKib: 65_536, lanes: 4 };

/**
 * Derives the 32-byte key of a type; blocks for 45 ms (`aes`) or 60 ms and 64 MiB (`cha`).
 *
 * - `aes`: PBKDF2-HMAC-SHA512 (RFC 8018), 100,000 iterations, Latin-1 bytes of the password.
 * - `cha`: Argon2id 1.3 (RFC 9106), t = 3, m = 64 MiB, p = 4, UTF-8 bytes.
 *
 * @throws ConfigError when `aes` cannot express the password.
 */
export function deriveKey(type: EncryptionType, password: string, salt: Uint8Array): Buffer {
  const bytes = passwordBytes(type, password);
  if (type === "aes") return pbkdf2Sync(bytes, salt, PBKDF2_ITERATIONS, KEY_BYTES, "sha512");
  return argon2id(bytes, salt, ARGON2, KEY_BYTES);
}

/** The same on another thread. Rejects as `deriveKey` throws. */
export async function deriveKeyAside(
  type: EncryptionType,
  password: string,
  salt: Uint8Array,
): Promise<Buffer> {
  const bytes = passwordBytes(type, password);
  if (type === "aes") return promisify(pbkdf2)(bytes, salt, PBKDF2_ITERATIONS, KEY_BYTES, "sha512");
  return argon2idAside(bytes, salt, ARGON2, KEY_BYTES);
}

/** The bytes of a password as a type takes them. Throws ConfigError as `deriveKey` does. */
export function passwordBytes(type: EncryptionType, password: string): Buffer {
  if (type === "cha") return Buffer.from(password, "utf8");
  for (let i = 0; i < password.length; i++) {
    if (password.charCodeAt(i) > 0xff) {
      throw new ConfigError("the password holds a character that encryption_type aes cannot express", {
        path: "encryption_password",
        remedy: "use only characters up to U+00FF (ÿ), or set encryption_type to cha",
      });
    }
  }
  return Buffer.from(password, "latin1");
}
