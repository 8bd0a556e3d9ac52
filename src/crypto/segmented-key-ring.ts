/**
 * The keys of segmented objects by salt, costs and cipher. Every object says which it needs; a derivation costs some
 * 100 ms, so they are kept, and their number is capped: salts come from strangers.
 */

import { BackupError, ConfigError } from "../errors.ts";
import { KEY_BYTES } from "./kdf.ts";
import { derivePasswordKey, formatKeySource, type KeySource, type PasswordSource } from "./key-source.ts";
import type { Cipher } from "./message.ts";
import { DestinationKeys } from "./segmented-keys.ts";

/** A derived password key as plain data, for handing to worker threads. Secret. */
export interface DerivedPasswordKey {
  readonly source: PasswordSource;
  readonly key: Uint8Array;
}

/** Derivations in one run of the tool: some 4 s with the costs that we write. */
const DERIVATIONS_MOST = 32;
/** With key source none there is no secret. */
const NO_KEY = Buffer.alloc(KEY_BYTES);

export class SegmentedKeyRing {
  readonly #password: string | undefined;
  readonly #most: number;
  readonly #derived = new Map<string, DerivedPasswordKey>();
  readonly #keys = new Map<string, DestinationKeys>();
  #derivations = 0;

  /**
   * @param password undefined: only what needs none, or was derived before, can be opened.
   * @param derived what `exportKeys` of another ring gave.
   */
  constructor(
    password: string | undefined,
    derived: readonly DerivedPasswordKey[] = [],
    derivationsMost = DERIVATIONS_MOST,
  ) {
    this.#password = password;
    this.#most = derivationsMost;
    for (const one of derived) this.#derived.set(idOf(one.source), one);
  }

  /** Whether the ring holds a secret at all; a reader that does refuses unencrypted objects unless told otherwise. */
  get hasSecret(): boolean {
    return this.#password !== undefined || this.#derived.size > 0;
  }

  /** Whether the keys of a source cost no derivation any more. */
  knows(source: PasswordSource): boolean {
    return this.#derived.has(idOf(source));
  }

  /**
   * The keys for a key source; derives (blocking) what is not known yet.
   *
   * @throws ConfigError without a password; BackupError (ETOOMANYSALTS) at the cap of derivations.
   */
  keysFor(source: KeySource, cipher: Cipher): DestinationKeys {
    const id = `${cipher}:${idOf(source)}`;
    const known = this.#keys.get(id);
    if (known !== undefined) return known;
    const passwordKey = source.kind === "none" ? NO_KEY : this.#passwordKey(source);
    const keys = new DestinationKeys(passwordKey, source, cipher);
    this.#keys.set(id, keys);
    return keys;
  }

  /** All keys in use so far whose names carry this tag of four bytes. Nothing is derived. */
  keysForTag(tag: Uint8Array): DestinationKeys[] {
    return Array.from(this.#keys.values()).filter(
      (keys) => keys.cipher !== "none" && keys.nameTag.equals(tag),
    );
  }

  /** All password keys known so far. */
  exportKeys(): DerivedPasswordKey[] {
    return [...this.#derived.values()];
  }

  #passwordKey(source: PasswordSource): Uint8Array {
    const id = idOf(source);
    const known = this.#derived.get(id);
    if (known !== undefined) return known.key;
    if (this.#password === undefined) {
      throw new ConfigError("the object is encrypted, and there is no password", {
        path: "encryption_password",
        code: "ENOPASSWORD",
      });
    }
    if (this.#derivations >= this.#most) {
      throw new BackupError("crypto", `more than ${this.#most} different salts at the destination`, {
        code: "ETOOMANYSALTS",
        remedy: "look for objects that this tool did not write",
      });
    }
    this.#derivations++;
    const key = derivePasswordKey(this.#password, source);
    this.#derived.set(id, { source, key });
    return key;
  }
}

function idOf(source: KeySource): string {
  return formatKeySource(source).toString("latin1");
}
