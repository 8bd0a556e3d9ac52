/**
 * The keys of a run: rings that open what is there, and the salt under which new objects are sealed.
 */
import { randomBytes } from "node:crypto";
import type { Config } from "../../config/config.ts";
import { type Header, hasMagic } from "../../container/segmented.ts";
import { prepareCrypto } from "../../crypto/aead.ts";
import { SALT_BYTES } from "../../crypto/kdf.ts";
import { type DerivedKey, KeyRing } from "../../crypto/key-ring.ts";
import { passwordSource } from "../../crypto/key-source.ts";
import { type DerivedPasswordKey, SegmentedKeyRing } from "../../crypto/segmented-key-ring.ts";
import type { DestinationKeys } from "../../crypto/segmented-keys.ts";
import { BackupError, ConfigError } from "../../errors.ts";
import { NO_KEYS } from "./derive-ahead.ts";
import { encryptsSome } from "./object-rules.ts";

/** One password, two containers: each has its own way from a password and a salt to a key. */
export interface RunKeys {
  /** Absent without a password. */
  readonly classic: KeyRing | undefined;
  readonly segmented: SegmentedKeyRing;
}

/** Derived keys as plain data, so that no thread derives one again. Secret. */
export interface DerivedKeys {
  readonly classic: readonly DerivedKey[];
  readonly segmented: readonly DerivedPasswordKey[];
}

/** The rings for the configured password, with the cipher ready for use. */
export async function openKeys(config: Config, derived: DerivedKeys = NO_KEYS): Promise<RunKeys> {
  const { password, encryptionType } = config;
  if (password !== undefined) await prepareCrypto(encryptionType);
  return {
    classic: password === undefined ? undefined : new KeyRing(password, derived.classic),
    segmented: new SegmentedKeyRing(password, derived.segmented),
  };
}

export function exportKeys({ classic, segmented }: RunKeys): DerivedKeys {
  return { classic: classic?.exportKeys() ?? [], segmented: segmented.exportKeys() };
}

/**
 * The salt of this run: the configured one, else that of an object that opened, else a new one. Its key is derived
 * here, once, so that no worker has to. Undefined where nothing is encrypted.
 */
export function chooseSalt(
  config: Config,
  keys: RunKeys,
  found: Uint8Array | undefined,
): Uint8Array | undefined {
  if (keys.classic === undefined || !(encryptsSome(config) || config.encryptFilenames)) return undefined;
  const salt = config.salt ?? found ?? new Uint8Array(randomBytes(SALT_BYTES));
  // Classic objects begin with their salt, segmented ones with the magic: nothing else tells them apart.
  if (hasMagic(salt)) {
    throw new ConfigError("the salt begins like an object of the segmented container", {
      path: "encryption_salt",
      remedy: "make another with backup generate-salt",
    });
  }
  if (config.container === "classic") keys.classic.keyFor(config.encryptionType, salt);
  else contentKeys(config, keys.segmented, salt);
  return salt;
}

/**
 * What segmented objects of this run are sealed with. Without encryption, but with a salt, they authenticate.
 *
 * @param encrypt other than the settings say, by a rule.
 */
export function contentKeys(
  { encryptionType, ...config }: Config,
  ring: SegmentedKeyRing,
  salt: Uint8Array | undefined,
  encrypt = config.encrypt,
): DestinationKeys {
  if (salt === undefined) return ring.keysFor({ kind: "none" }, "none");
  return ring.keysFor(passwordSource(encryptionType, salt), encrypt ? encryptionType : "none");
}

/** What segmented names of this run are sealed with. */
export function nameKeys(
  { encryptionType }: Config,
  ring: SegmentedKeyRing,
  salt: Uint8Array | undefined,
): DestinationKeys {
  if (salt === undefined) throw new BackupError("internal", "names need a key");
  return ring.keysFor(passwordSource(encryptionType, salt), encryptionType);
}

/**
 * What the name of an object with this header is sealed with. Without encryption of contents the header does not say which
 * cipher names have: each has its own way to derive a key. Undefined where there is no key.
 */
export function namesUnder({ source, cipher }: Header, ring: SegmentedKeyRing): DestinationKeys | undefined {
  if (source.kind === "none") return undefined;
  if (cipher !== "none") return ring.keysFor(source, cipher);
  return ring.keysFor(source, source.kdf === "argon2id" ? "cha" : "aes");
}
