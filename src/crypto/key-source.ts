/**
 * Where the key of a segmented object comes from, as its header says (docs/format.md, section 5.1), with the costs
 * that are written, and the caps above which nothing is derived.
 */

import { pbkdf2, pbkdf2Sync } from "node:crypto";
import { promisify } from "node:util";
import { BackupError } from "../errors.ts";
import { argon2id, argon2idAside } from "./argon2.ts";
import { KEY_BYTES, SALT_BYTES } from "./kdf.ts";
import type { Cipher } from "./message.ts";

/** Costs are those of the header: `memoryKib` and `lanes` are 0 for PBKDF2. */
export interface PasswordSource {
  readonly kind: "password";
  readonly kdf: "pbkdf2" | "argon2id";
  readonly iterations: number;
  readonly memoryKib: number;
  readonly lanes: number;
  /** 16 bytes. */
  readonly salt: Uint8Array;
}

export type KeySource = { readonly kind: "none" } | PasswordSource;

const NONE = 0;
const PASSWORD = 1;
const KDF_IDS = { pbkdf2: 1, argon2id: 2 } as const;
const PASSWORD_BYTES = 9 + SALT_BYTES;

/** OWASP's password storage cheat sheet, 2023 and since. */
const PBKDF2_ITERATIONS = 210_000;
const PBKDF2_MOST = 10_000_000;
/** RFC 9106, section 4, its second recommendation. */
const ARGON2 = { iterations: 3, memoryKib: 65_536, lanes: 4 };
const ARGON2_MOST = { iterations: 16, memoryKib: 1_048_576, lanes: 16 };

/** What new objects under a password are written with: PBKDF2 for `aes` and `none`, Argon2id for `cha`. */
export function passwordSource(cipher: Cipher, salt: Uint8Array): PasswordSource {
  if (salt.length !== SALT_BYTES) throw new BackupError("internal", "a salt has a strange length");
  return cipher === "cha"
    ? { kind: "password", kdf: "argon2id", ...ARGON2, salt }
    : { kind: "password", kdf: "pbkdf2", iterations: PBKDF2_ITERATIONS, memoryKib: 0, lanes: 0, salt };
}

/** Whether a reader may spend so much. Anything else is refused before any work. */
export function withinCaps(source: PasswordSource): boolean {
  const { kdf, iterations, memoryKib, lanes } = source;
  if (kdf === "pbkdf2") {
    return iterations >= 1 && iterations <= PBKDF2_MOST && memoryKib === 0 && lanes === 0;
  }
  return (
    iterations >= 1 &&
    iterations <= ARGON2_MOST.iterations &&
    lanes >= 1 &&
    lanes <= ARGON2_MOST.lanes &&
    memoryKib >= 8 * lanes &&
    memoryKib <= ARGON2_MOST.memoryKib
  );
}

/**
 * The 32 bytes of K_pw: blocks for some 100 ms with the costs that we write. UTF-8 bytes of the password.
 *
 * @throws BackupError for costs beyond the caps, which a header with them never gets as far as.
 */
export function derivePasswordKey(password: string, source: PasswordSource): Buffer {
  if (!withinCaps(source)) throw new BackupError("internal", "key derivation beyond the caps");
  const bytes = Buffer.from(password, "utf8");
  if (source.kdf === "pbkdf2") {
    return pbkdf2Sync(bytes, source.salt, source.iterations, KEY_BYTES, "sha512");
  }
  return argon2id(bytes, source.salt, source, KEY_BYTES);
}

/** The same on another thread. Rejects as `derivePasswordKey` throws. */
export async function derivePasswordKeyAside(password: string, source: PasswordSource): Promise<Buffer> {
  if (!withinCaps(source)) throw new BackupError("internal", "key derivation beyond the caps");
  const bytes = Buffer.from(password, "utf8");
  if (source.kdf === "pbkdf2") {
    return promisify(pbkdf2)(bytes, source.salt, source.iterations, KEY_BYTES, "sha512");
  }
  return argon2idAside(bytes, source.salt, source, KEY_BYTES);
}

/** The key source as the header holds it: kind, length, fields. */
export function formatKeySource(source: KeySource): Buffer {
  if (source.kind === "none") return Buffer.of(NONE, 0, 0);
  const bytes = Buffer.alloc(3 + PASSWORD_BYTES);
  bytes.writeUInt8(PASSWORD, 0);
  bytes.writeUInt16BE(PASSWORD_BYTES, 1);
  bytes.writeUInt8(KDF_IDS[source.kdf], 3);
  bytes.writeUInt32BE(source.iterations, 4);
  bytes.writeUIntBE(source.memoryKib, 8, 3);
  bytes.writeUInt8(source.lanes, 11);
  bytes.set(source.salt, 12);
  return bytes;
}

/** Reads what `formatKeySource` writes, exactly; a string says what is wrong with it. */
export function parseKeySource(bytes: Buffer): KeySource | string {
  const kind = bytes[0];
  const fields = bytes.subarray(3);
  if (kind === NONE) return fields.length === 0 ? { kind: "none" } : "its key source has a strange length";
  if (kind !== PASSWORD) return `its key source (${kind}) is unknown to this version`;
  if (fields.length !== PASSWORD_BYTES) return "its key source has a strange length";
  const id = fields[0];
  const kdf = id === KDF_IDS.pbkdf2 ? "pbkdf2" : id === KDF_IDS.argon2id ? "argon2id" : undefined;
  if (kdf === undefined) return `its key derivation (${id}) is unknown to this version`;
  const source: PasswordSource = {
    kind: "password",
    kdf,
    iterations: fields.readUInt32BE(1),
    memoryKib: fields.readUIntBE(5, 3),
    lanes: fields.readUInt8(8),
    salt: Buffer.from(fields.subarray(9)),
  };
  return withinCaps(source) ? source : "its key derivation asks for more work than is allowed, or for none";
}
