/**
 * Making sure, before anything is done, that the settings fit what is at the destination.
 *
 * Classic objects say nothing about themselves. So the smallest ones are read: as soon as one opens with the settings
 * as they are, all is well (and its salt is taken on, so that a run derives one key). If they open with *other*
 * settings the run stops and says which; if none opens, the password is wrong. An object that is merely damaged
 * decides nothing as long as others can be asked.
 */
import type { Config, EncryptionType } from "../config/config.ts";
import { type Diagnosis, diagnose } from "../container/classic.ts";
import { layerOf, type OpenedObject, openSmall, parseHeader } from "../container/segmented.ts";
import { prepareCrypto } from "../crypto/aead.ts";
import { SALT_BYTES } from "../crypto/kdf.ts";
import { formatKeySource, passwordSource } from "../crypto/key-source.ts";
import { ConfigError, errorCode, StorageError, WrongPasswordError } from "../errors.ts";
import { parseSealedName, saltOfSealedName } from "../names/sealed-name.ts";
import { segmentedNameTag } from "../names/segmented-name.ts";
import { looksSealed, parseStoredName, type StoredVersion } from "../names/stored-name.ts";
import type { ListedObject } from "../storage/storage.ts";
import type { NameOpener } from "./name-opener.ts";
import {
  isSegmented,
  type OpenContext,
  openIfSegmented,
  openStored,
  opensWhole,
  readingOf,
  readSample,
  streamOriginal,
} from "./open-object.ts";

/** How many objects, or names, are asked before the password counts as wrong. */
const SAMPLE = 32;

/** What the check learnt. */
export interface CheckResult {
  /** The salt of an object that opened. */
  readonly salt?: Uint8Array;
}

/**
 * @param objects the beginning of the destination's listing.
 * @throws WrongPasswordError when nothing opens; ConfigError when it opens with other settings.
 */
export async function checkSettings(
  objects: readonly ListedObject[],
  context: OpenContext,
  opener: NameOpener,
): Promise<CheckResult> {
  const { config } = context;
  const classic = await checkNames(objects, context);
  const segmented = await checkSegmentedNames(objects, context, opener);
  const versions = [
    ...objects.flatMap(({ key }) => parseStoredName(key) ?? []),
    ...classic.versions,
    ...segmented.versions,
  ];
  const content = await checkContents(versions, context);
  const verdicts = [classic.verdict, segmented.verdict, content.verdict];
  if (!verdicts.includes("opens") && verdicts.includes("closed")) throw wrongPassword(config);
  // Nothing could be asked though there was something: better no run than one with a password that may be wrong.
  if (!verdicts.includes("opens") && content.failure) throw content.failure;
  const salt = content.salt ?? (config.container === "classic" ? classic.salt : undefined);
  return salt === undefined ? {} : { salt };
}

interface Findings {
  /** `none`: there was nothing to ask, or nothing that decides. */
  readonly verdict: "opens" | "closed" | "none";
  readonly salt?: Uint8Array;
  /** Why an object could not be asked. */
  readonly failure?: Error;
}

async function checkNames(
  objects: readonly ListedObject[],
  { config, keys: { classic: keyRing } }: OpenContext,
): Promise<Findings & { versions: StoredVersion[] }> {
  const keys = objects.map(({ key }) => key).filter(looksSealed);
  const versions: StoredVersion[] = [];
  if (keys.length === 0) return { verdict: "none", versions };
  if (keyRing === undefined) throw passwordForNames();
  let opened: string | undefined;
  for (const key of keys.slice(0, SAMPLE)) {
    const version = parseSealedName(key, keyRing, config.encryptionType);
    if (version === undefined) continue;
    versions.push(version);
    opened ??= key;
    if (versions.length >= 4) break;
  }
  if (opened !== undefined) {
    const salt = saltOfSealedName(opened);
    return { verdict: "opens", versions, ...(salt !== undefined && { salt }) };
  }
  const other = otherType(config.encryptionType);
  await prepareCrypto(other);
  if (keys.slice(0, 4).some((key) => parseSealedName(key, keyRing, other) !== undefined)) {
    throw contradiction(
      "encryption_type",
      `names are encrypted with ${other}`,
      `"encryption_type": "${other}"`,
    );
  }
  return { verdict: "closed", versions };
}

async function checkSegmentedNames(
  objects: readonly ListedObject[],
  { keys }: OpenContext,
  opener: NameOpener,
): Promise<Findings & { versions: StoredVersion[] }> {
  const sealed = objects.map(({ key }) => key).filter((key) => segmentedNameTag(key) !== undefined);
  if (sealed.length === 0) return { verdict: "none", versions: [] };
  if (keys.classic === undefined) throw passwordForNames();
  const versions: StoredVersion[] = [];
  for (const key of sealed.slice(0, SAMPLE)) {
    const version = await opener.openSegmented(key);
    if (version !== undefined) versions.push(version);
    if (versions.length >= 4) break;
  }
  return { verdict: versions.length > 0 ? "opens" : "closed", versions };
}

function passwordForNames(): ConfigError {
  return new ConfigError("the names at the destination are encrypted, and no password is given", {
    path: "encryption_password",
    remedy: "set encryption_password and encrypt_filenames",
  });
}

async function checkContents(versions: readonly StoredVersion[], context: OpenContext): Promise<Findings> {
  const { config } = context;
  const sample = [...versions].sort((a, b) => a.size - b.size).slice(0, SAMPLE);
  let other: (Diagnosis & { kind: "opens" | "damaged" }) | undefined;
  let closed = 0;
  let failure: Error | undefined;
  for (const version of sample) {
    const found = await examine(version, context);
    if (found === undefined) continue;
    if (found instanceof Error) failure ??= found;
    else if (found.kind === "closed") closed++;
    else if (fits(found, config)) return { verdict: "opens", ...(found.salt && { salt: found.salt }) };
    else if (other === undefined || found.kind === "opens") other = found;
  }
  if (other !== undefined) throw contradictionOf(other, config);
  return { verdict: closed > 0 ? "closed" : "none", ...(failure && { failure }) };
}

type Examined = Diagnosis & { readonly salt?: Uint8Array };

/** Undefined: the object has gone; an error: its storage failed (an archived object, say). Neither decides anything. */
async function examine(version: StoredVersion, context: OpenContext): Promise<Examined | Error | undefined> {
  try {
    const stored = await readSample(version, context);
    // Of a large object this is the beginning, whose length then says nothing about raw content.
    const segmented = isSegmented(stored, version, opensWhole(version) ? stored.length : -1);
    return await (segmented ? examineSegmented : examineClassic)(stored, version, context);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    if (error instanceof StorageError && !context.signal.aborted) return error;
    throw error;
  }
}

/**
 * Small objects are opened as the settings say, which nearly always decides. Of a large one the beginning is looked at
 * first: decrypted with the right key it shows a codec's magic, or at least no noise. Only if it shows neither (stored
 * media, say) is the whole object read.
 */
async function examineClassic(
  stored: Buffer,
  version: StoredVersion,
  context: OpenContext,
): Promise<Examined> {
  const { encrypt, encryptionType, compress, container } = context.config;
  const encryption = encrypt ? encryptionType : "none";
  const salt =
    encrypt && container === "classic" ? { salt: new Uint8Array(stored.subarray(0, SALT_BYTES)) } : {};
  const asConfigured = { kind: "opens", encryption, compress, ...salt } as const;
  const small = opensWhole(version);
  if (small && passes(() => openStored(stored, version, context))) return asConfigured;
  const keyRing = context.keys.classic;
  if (keyRing !== undefined) await prepareCrypto("cha");
  const found = diagnose(stored, version, keyRing);
  if (found.kind !== "closed") return { ...found, ...salt };
  return !small && (await streamOpens(version, context)) ? asConfigured : found;
}

/** A segmented object says what it is: only the password, and whether it may be unencrypted, are in question. */
async function examineSegmented(
  stored: Buffer,
  version: StoredVersion,
  context: OpenContext,
): Promise<Examined> {
  const { encrypt, encryptionType, compress } = context.config;
  const fits = { encryption: encrypt ? encryptionType : "none", compress } as const;
  try {
    const object = opensWhole(version)
      ? openSmall(stored, version, readingOf(context)).object
      : await openIfSegmented(version, context);
    return { kind: "opens", ...fits, ...(object !== undefined && saltToAdopt(object, context)) };
  } catch (error) {
    if (errorCode(error) === "ENOPASSWORD") return { kind: "closed" };
    const layer = layerOf(error);
    if (layer === undefined) throw error;
    if (layer === "key") return { kind: "closed" };
    // Before the key check everything is damage but one thing: no encryption where the settings expect it.
    if (layer !== "header") return { kind: "damaged", ...fits };
    return isUnencrypted(stored) ? { kind: "opens", encryption: "none", compress } : { kind: "closed" };
  }
}

function isUnencrypted(stored: Buffer): boolean {
  try {
    return parseHeader(stored).cipher === "none";
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  }
}

/** The salt of an authenticated object, if a key derived from it would be the one that new objects are sealed with. */
function saltToAdopt({ header: { source } }: OpenedObject, { config }: OpenContext): { salt?: Uint8Array } {
  if (source.kind === "none" || config.container !== "segmented") return {};
  const ours = passwordSource(config.encryptionType, source.salt);
  return formatKeySource(ours).equals(formatKeySource(source)) ? { salt: new Uint8Array(source.salt) } : {};
}

async function streamOpens(version: StoredVersion, context: OpenContext): Promise<boolean> {
  try {
    for await (const _ of streamOriginal(version, context)) context.signal.throwIfAborted();
    return true;
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  }
}

function passes(open: () => unknown): boolean {
  try {
    open();
    return true;
  } catch (error) {
    if (isDamage(error)) return false;
    throw error;
  }
}

function isDamage(error: unknown): boolean {
  return typeof error === "object" && error !== null && "kind" in error && error.kind === "damaged";
}

function fits(found: Diagnosis & { kind: "opens" | "damaged" }, config: Config): boolean {
  const encryption = config.encrypt ? config.encryptionType : "none";
  return (
    found.encryption === encryption && (found.compress === undefined || found.compress === config.compress)
  );
}

function contradictionOf(found: Diagnosis & { kind: "opens" | "damaged" }, config: Config): ConfigError {
  if ((found.encryption !== "none") !== config.encrypt) {
    return config.encrypt
      ? contradiction("encrypt", "objects are not encrypted", '"encrypt": false')
      : contradiction("encrypt", "objects are encrypted", '"encrypt": true');
  }
  if (found.encryption !== "none" && found.encryption !== config.encryptionType) {
    const type = `"encryption_type": "${found.encryption}"`;
    return contradiction("encryption_type", `objects are encrypted with ${found.encryption}`, type);
  }
  return found.compress
    ? contradiction("compress", "objects are compressed", '"compress": true')
    : contradiction("compress", "objects are not compressed", '"compress": false');
}

function contradiction(path: string, what: string, remedy: string): ConfigError {
  return new ConfigError(`the settings do not fit the destination, whose ${what}`, {
    path,
    remedy: `its objects were made with ${remedy}: set that, or use another destination`,
  });
}

function wrongPassword(config: Config): Error {
  if (!config.encrypt && config.password === undefined) {
    return new ConfigError("the objects at the destination do not open without a password", {
      path: "encrypt",
      remedy: "they were probably made with encryption: set encrypt and encryption_password",
    });
  }
  return new WrongPasswordError("nothing at the destination opens with this password", {
    path: "encryption_password",
    code: "EPASSWORD",
    remedy: "give the password that the backup was made with; nothing was changed",
  });
}

function otherType(type: EncryptionType): EncryptionType {
  return type === "aes" ? "cha" : "aes";
}
