/**
 * Keys by type and salt. Each object carries its own salt, so a destination may hold many; a derivation costs some
 * 50 ms and a lookup nothing, so keys are kept, the least recently used going first.
 */

import { createSecretKey, type KeyObject } from "node:crypto";
import { BackupError } from "../errors.ts";
import type { EncryptionType } from "./aead.ts";
import { deriveKey, KEY_BYTES, SALT_BYTES } from "./kdf.ts";

/** A derived key as plain data, for handing to worker threads. Secret. */
export interface DerivedKey {
  readonly type: EncryptionType;
  readonly saltHex: string;
  readonly key: Uint8Array;
}

const CAPACITY = 4096;

export class KeyRing {
  readonly #password: string;
  readonly #capacity: number;
  /** In order of use, the least recent first. `KeyObject`, since raw keys cost 15-20 µs in every cipher. */
  readonly #keys = new Map<string, KeyObject>();

  /** @param derived keys that need no derivation: what `exportKeys` of another ring gave. */
  constructor(password: string, derived: readonly DerivedKey[] = [], capacity = CAPACITY) {
    this.#password = password;
    this.#capacity = capacity;
    for (const { type, saltHex, key } of derived) {
      if (key.length !== KEY_BYTES) throw new BackupError("internal", "a derived key has a strange length");
      this.#keep(idOf(type, saltHex), createSecretKey(key));
    }
  }

  /** The key for a salt of 16 bytes; derives it (blocking) when it is not known yet. Throws as `deriveKey` does. */
  keyFor(type: EncryptionType, salt: Uint8Array): KeyObject {
    if (salt.length !== SALT_BYTES) throw new BackupError("internal", "a salt has a strange length");
    const id = idOf(type, Buffer.from(salt.buffer, salt.byteOffset, salt.length).toString("hex"));
    const known = this.#keys.get(id);
    const key = known ?? createSecretKey(deriveKey(type, this.#password, salt));
    this.#keep(id, key);
    return key;
  }

  /** All keys known so far. */
  exportKeys(): DerivedKey[] {
    return Array.from(this.#keys, ([id, key]) => {
      const [type, saltHex] = id.split(":") as [EncryptionType, string];
      return { type, saltHex, key: new Uint8Array(key.export()) };
    });
  }

  #keep(id: string, key: KeyObject): void {
    this.#keys.delete(id);
    this.#keys.set(id, key);
    if (this.#keys.size > this.#capacity) {
      const [oldest] = this.#keys.keys();
      if (oldest !== undefined) this.#keys.delete(oldest);
    }
  }
}

function idOf(type: EncryptionType, saltHex: string): string {
  return `${type}:${saltHex.toLowerCase()}`;
}
