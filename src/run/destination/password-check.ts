/**
 * Making sure, before anything is done, that the settings fit what is at the destination.
 *
 * Classic objects say nothing about themselves. So some are read, the smallest first: as soon as one opens with the
 * settings as they are, all is well (and its salt is taken on, so that a run derives one key). If they open with *other*
 * settings the run stops and says which; if none opens, the password is wrong.
 *
 * An object that is evidently damaged decides nothing: others are asked, all over the listing. Nor does a segmented one
 * about more than the password, since it says how it was made; where new objects are to be classic, a classic one is
 * looked for. Where they are not, nothing is lost on classic objects that nobody asked: misfit.ts tells of each that does
 * not fit when it is read.
 */
import type { Config } from "../../config/config.ts";
import { type EncryptionType, prepareCrypto } from "../../crypto/aead.ts";
import { ConfigError, DamagedError, WrongPasswordError } from "../../errors.ts";
import { parseSealedName, saltOfSealedName } from "../../names/sealed-name.ts";
import { segmentedNameTag } from "../../names/segmented-name.ts";
import { looksSealed, parseStoredName, type StoredVersion } from "../../names/stored-name.ts";
import type { ListedObject } from "../../storage/storage.ts";
import { Examination, type Examined } from "../object/examine-object.ts";
import type { OpenContext } from "../object/open-object.ts";
import { contradictionOf, contradicts, fitsSettings } from "../object/settings-contradiction.ts";
import { askingOrder } from "./asking-order.ts";
import type { NameOpener } from "./name-opener.ts";

/** How many objects, or names, are asked at least before the password counts as wrong. */
const SAMPLE = 32;
/** How many objects that do not open are asked at most: of several that are damaged one may be whole. */
const UNOPENED_MOST = 80;
/** How many are asked at most for one that is not damaged. */
const ASKED_MOST = 512;
/** How many are asked for a classic one where others open. */
const CLASSIC_MOST = 64;

/** What the check learnt. */
export interface CheckResult {
  /** The salt of an object that opened. */
  readonly salt?: Uint8Array;
  /** Nothing could be told, since all that was asked is damaged. To be thrown by whoever writes. */
  readonly undecided?: DamagedError;
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
  if (classic.salt !== undefined) opener.suggest(classic.salt);
  const segmented = await checkSegmentedNames(objects, context, opener);
  const versions = [
    ...objects.flatMap(({ key }) => parseStoredName(key) ?? []),
    ...classic.versions,
    ...segmented.versions,
  ];
  const content = await checkContents(versions, context, opener);
  const findings = [classic, segmented, content];
  const verdicts = findings.map(({ verdict }) => verdict);
  if (!verdicts.includes("opens")) {
    if (verdicts.includes("closed")) throw wrongPassword(config);
    // Nothing could be asked though there was something: better no run than one with a password that may be wrong.
    const failure = content.failure ?? segmented.failure;
    if (failure !== undefined) throw failure;
    if (verdicts.includes("broken")) return { undecided: undecided() };
  }
  const salt = content.salt ?? (config.container === "classic" ? classic.salt : undefined);
  return salt === undefined ? {} : { salt };
}

interface Findings {
  /** `broken`: what could be asked is damaged; `none`: there was nothing to ask, or nothing that decides. */
  readonly verdict: "opens" | "closed" | "broken" | "none";
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
    if (versions.filter(({ stamp }) => stamp.form !== "marker").length >= 4) break;
  }
  if (opened !== undefined) {
    const salt = saltOfSealedName(opened);
    return { verdict: "opens", versions, ...(salt !== undefined && { salt }) };
  }
  const other = otherType(config.encryptionType);
  await prepareCrypto(other);
  if (keys.slice(0, 4).some((key) => parseSealedName(key, keyRing, other) !== undefined)) {
    throw contradicts("names", {
      setting: "encryption_type",
      made: `encrypted with ${other}`,
      remedy: `"encryption_type": "${other}"`,
    });
  }
  return { verdict: "closed", versions };
}

async function checkSegmentedNames(
  objects: readonly ListedObject[],
  { keys, signal }: OpenContext,
  opener: NameOpener,
): Promise<Findings & { versions: StoredVersion[] }> {
  const sealed = objects.map(({ key }) => key).filter((key) => segmentedNameTag(key) !== undefined);
  if (sealed.length === 0) return { verdict: "none", versions: [] };
  if (keys.classic === undefined) throw passwordForNames();
  const versions: StoredVersion[] = [];
  for (const key of askingOrder(sealed, SAMPLE)) {
    signal.throwIfAborted();
    const version = await opener.openSegmented(key);
    if (version !== undefined) versions.push(version);
    if (versions.length >= 4 || opener.strange >= SAMPLE) break;
  }
  if (versions.length > 0) return { verdict: "opens", versions };
  const { strange, failure } = opener;
  return { verdict: strange > 0 ? "closed" : "broken", versions, ...(failure && { failure }) };
}

function passwordForNames(): ConfigError {
  return new ConfigError("the names at the destination are encrypted, and no password is given", {
    path: "encryption_password",
    remedy: "set encryption_password and encrypt_filenames",
  });
}

type Shown = Examined & { readonly kind: "opens" | "damaged" };

async function checkContents(
  versions: readonly StoredVersion[],
  context: OpenContext,
  opener: NameOpener,
): Promise<Findings> {
  const { config } = context;
  const examination = new Examination(context);
  const inOrder = [...versions].sort(
    (a, b) => lateness(a, config, opener) - lateness(b, config, opener) || a.size - b.size,
  );
  let asked = 0;
  let broken = 0;
  let closed = 0;
  /** Objects that do not open, for whatever reason, and are not evidently damaged. */
  let unopened = 0;
  /** Made with other settings; one that opens rather than one that is damaged. */
  let other: Shown | undefined;
  /** A segmented one that opens. */
  let opened: Shown | undefined;
  let failure: Error | undefined;
  for (const version of askingOrder(inOrder, SAMPLE)) {
    const most = opened ? CLASSIC_MOST : other?.kind === "opens" ? SAMPLE : ASKED_MOST;
    if (asked >= most || unopened >= UNOPENED_MOST) break;
    const header = opener.headerOf(version.key);
    const found =
      header === undefined
        ? await examination.examine(version, asked < SAMPLE)
        : examination.examineHeader(header);
    asked++;
    if (found.kind === "unknown") failure ??= found.failure;
    else if (found.kind === "broken") broken++;
    else if (found.kind === "closed") closed++;
    else if (!fitsSettings(found, config)) other = other?.kind === "opens" ? other : found;
    else if (found.container === "classic" || config.container !== "classic") return opens(found);
    else opened ??= found;
    if (found.kind === "closed" || found.kind === "damaged") unopened++;
  }
  // What is damaged shows less of how it was made than what opens.
  if (other !== undefined && (other.kind === "opens" || opened === undefined)) {
    throw contradicts("objects", contradictionOf(other, config));
  }
  if (opened !== undefined) return opens(opened);
  return { verdict: closed > 0 ? "closed" : broken > 0 ? "broken" : "none", ...(failure && { failure }) };
}

/** So that one read is enough: what is known to decide nothing comes last, and what need not be read comes first. */
function lateness({ key, stamp }: StoredVersion, { container }: Config, opener: NameOpener): number {
  const isSegmented = segmentedNameTag(key) !== undefined || stamp.form === "marker";
  if (container === "classic") return isSegmented ? 1 : 0;
  return opener.headerOf(key) === undefined ? 1 : 0;
}

function opens({ salt }: Shown): Findings {
  return { verdict: "opens", ...(salt && { salt }) };
}

function undecided(): DamagedError {
  return new DamagedError(
    "all objects that were asked at the destination are damaged, so whether the settings fit it cannot be told",
    {
      code: "EUNDECIDED",
      remedy:
        "nothing was changed; verify names what is damaged: remove that if the source still has it, or use another destination",
    },
  );
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
