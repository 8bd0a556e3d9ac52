/**
 * With which settings does an object open? The classic container does not say, so they are tried, and the name's
 * size and md5 decide. Tells other settings and damage from a wrong password.
 */

import { deflateRawSync } from "node:zlib";
import { isGzip } from "../../compression/gunzip.ts";
import { type EncryptionType, TAG_BYTES } from "../../crypto/aead.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import { ConfigError, DamagedError } from "../../errors.ts";
import type { StoredVersion } from "../../names/stored-name.ts";
import { headBytes, openerFor } from "./layout.ts";
import { checkWhole, type Expected } from "./verify.ts";
import { decompressWhole } from "./whole.ts";

/**
 * - `opens`: with these settings the object gives what its name says.
 * - `damaged`: the password and the encryption are right (or there is none) but the object is not what was stored;
 *   `compress` where that can be told.
 * - `closed`: nothing fits: another password, or damage in the first bytes. One such object decides nothing.
 */
export type Diagnosis =
  | { readonly kind: "opens"; readonly encryption: EncryptionType | "none"; readonly compress: boolean }
  | { readonly kind: "damaged"; readonly encryption: EncryptionType | "none"; readonly compress?: boolean }
  | { readonly kind: "closed" };

const XZ_MAGIC = Buffer.from("fd377a585a00", "hex");
const TYPES: readonly EncryptionType[] = ["aes", "cha"];
/** Shorter content than this says nothing about being noise. */
const NOISE_LEAST = 64;
/** Content as short as this fits its md5 once in 2^64 at best. */
const FEW_BYTES = 8;

/**
 * Diagnoses one small object, read whole. Synchronous; one key derivation per type at worst. `prepareCrypto("cha")`
 * must have been awaited.
 *
 * @param version what its name says.
 * @param keyRing absent: only objects without encryption can open.
 */
export function diagnose(stored: Buffer, version: StoredVersion, keyRing: KeyRing | undefined): Diagnosis {
  const compress = contentFits(stored, version);
  if (compress !== undefined) return { kind: "opens", encryption: "none", compress };
  let damaged: Diagnosis | undefined;
  for (const encryption of keyRing === undefined ? [] : TYPES) {
    const found = tryType(stored, version, encryption, keyRing);
    if (found?.kind === "opens") return found;
    damaged ??= found;
  }
  return damaged ?? tryPlain(stored) ?? { kind: "closed" };
}

function tryType(
  stored: Buffer,
  version: Expected,
  encryption: EncryptionType,
  keyRing: KeyRing | undefined,
): Diagnosis | undefined {
  const head = headBytes(encryption);
  if (stored.length < head) return undefined;
  const opener = openerIfAny(encryption, keyRing, stored.subarray(0, head));
  if (opener === undefined) return undefined;
  const content = opener.update(stored.subarray(head));
  const authentic = passes(() => opener.final());
  const compress = contentFits(content, version);
  if (authentic && compress !== undefined) return { kind: "opens", encryption, compress };
  // A few bytes, or none, may come out right by chance.
  if (compress || (compress === false && content.length >= FEW_BYTES)) {
    return { kind: "damaged", encryption, compress };
  }
  if (startsCompressed(content)) return { kind: "damaged", encryption, compress: true };
  // Decrypted with a wrong key, anything is noise; what is not noise was decrypted with the right one.
  return authentic || !isNoise(content) ? { kind: "damaged", encryption } : undefined;
}

/** Undefined where the password cannot be that of an object of this type at all. */
function openerIfAny(encryption: EncryptionType, keyRing: KeyRing | undefined, head: Buffer) {
  try {
    return openerFor(encryption, keyRing, head);
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

/** Damage in an object without encryption shows only by the magic in front, or by not being noise. */
function tryPlain(stored: Buffer): Diagnosis | undefined {
  if (startsCompressed(stored)) return { kind: "damaged", encryption: "none", compress: true };
  const body = stored.subarray(headBytes("aes") - TAG_BYTES); // were it encrypted, salt and nonce might be no noise
  return isNoise(body) ? undefined : { kind: "damaged", encryption: "none", compress: false };
}

/** Whether content is what its name says: `false` as it is, `true` once decompressed, undefined not at all. */
function contentFits(content: Buffer, expected: Expected): boolean | undefined {
  if (passes(() => checkWhole(content, expected))) return false;
  return passes(() => checkWhole(decompressWhole(content, expected.size), expected)) ? true : undefined;
}

function startsCompressed(content: Buffer): boolean {
  // Two bytes of gzip would come up by chance; the method and the reserved flags make it one in 2^27.
  const gzip = isGzip(content) && content[2] === 8 && ((content[3] ?? 0xff) & 0xe0) === 0;
  return gzip || content.subarray(0, XZ_MAGIC.length).equals(XZ_MAGIC);
}

function isNoise(content: Buffer): boolean {
  return content.length < NOISE_LEAST || deflateRawSync(content, { level: 1 }).length >= content.length;
}

function passes(check: () => unknown): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof DamagedError) return false;
    throw error;
  }
}
