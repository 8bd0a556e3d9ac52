/**
 * The keys of a run: the ring that opens what is there, and the salt under which new objects are sealed.
 */
import { randomBytes } from "node:crypto";
import type { Config } from "../config/config.ts";
import { prepareCrypto } from "../crypto/aead.ts";
import { SALT_BYTES } from "../crypto/kdf.ts";
import { KeyRing } from "../crypto/key-ring.ts";

/** A key ring for the configured password, with the cipher ready for use; undefined without a password. */
export async function openKeyRing(config: Config): Promise<KeyRing | undefined> {
  if (config.password === undefined) return undefined;
  await prepareCrypto(config.encryptionType);
  return new KeyRing(config.password);
}

/**
 * The salt of this run: the configured one, else that of an object that opened, else a new one. Its key is derived
 * here, once, so that no worker has to.
 */
export function chooseSalt(config: Config, keyRing: KeyRing | undefined, found: Uint8Array | undefined) {
  if (keyRing === undefined || !(config.encrypt || config.encryptFilenames)) return undefined;
  const salt = config.salt ?? found ?? new Uint8Array(randomBytes(SALT_BYTES));
  keyRing.keyFor(config.encryptionType, salt);
  return salt;
}
