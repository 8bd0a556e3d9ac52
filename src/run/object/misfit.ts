/**
 * Telling a classic object that was made with other settings from one that is damaged, when it does not open: the
 * password check asks some objects only, and where new ones are segmented it may ask no classic one.
 */
import { type Diagnosis, diagnose, openStream, rawSize } from "../../container/classic.ts";
import { layerOf } from "../../container/segmented.ts";
import { prepareCrypto } from "../../crypto/aead.ts";
import { BackupError, DamagedError } from "../../errors.ts";
import type { StoredVersion } from "../../names/stored-name.ts";
import { classicSettings } from "./classic-settings.ts";
import { type OpenContext, opensWhole, readSample } from "./open-object.ts";
import { contradictionOf, fitsSettings, type Made } from "./settings-contradiction.ts";

/**
 * The error of an object that did not open: another one if it opens, whole and verified, with other settings; else the
 * one that was given. Reads the object once more, so it is for those that failed. Never rejects.
 */
export async function explainMisfit(
  error: unknown,
  version: StoredVersion,
  context: OpenContext,
): Promise<unknown> {
  if (!(error instanceof DamagedError) || layerOf(error) !== undefined) return error;
  try {
    const made = await madeOtherwise(version, context);
    return made === undefined ? error : misfit(made, version, context);
  } catch {
    return error;
  }
}

/** With which other settings a classic object opens, whole and verified; undefined: with none. */
export async function madeOtherwise(
  version: StoredVersion,
  context: OpenContext,
): Promise<Required<Made> | undefined> {
  const keyRing = context.keys.classic;
  if (keyRing !== undefined) await prepareCrypto("cha");
  const stored = await readSample(version, context);
  const found = diagnose(stored, version, keyRing);
  // An empty object fits any empty file, and is what is left of one that was cut off.
  if (opensWhole(version)) {
    const opens = found.kind === "opens" && stored.length > 0;
    return opens && !fitsSettings(found, context.config) ? found : undefined;
  }
  const length = (await context.destination.stat(version.key))?.size;
  for (const made of candidates(found, version.size, length)) {
    if (!fitsSettings(made, context.config) && (await streams(version, made, context))) return made;
  }
  return undefined;
}

/** What a large object may be, of whose beginning this was found: one or two, since raw content has one length. */
function candidates(found: Diagnosis, size: number, length: number | undefined): Required<Made>[] {
  const raw = (["none", "aes", "cha"] as const)
    .filter((encryption) => length === rawSize(size, encryption))
    .map((encryption) => ({ encryption, compress: false }));
  if (found.kind === "closed" || found.compress !== true) return raw;
  return [{ encryption: found.encryption, compress: true }, ...raw];
}

async function streams(version: StoredVersion, made: Required<Made>, context: OpenContext): Promise<boolean> {
  const stored = context.destination.read(version.key, { signal: context.signal });
  const settings = { ...classicSettings(context.config), ...made };
  try {
    for await (const _ of openStream(stored, version, settings, context.keys.classic)) {
      context.signal.throwIfAborted();
    }
    return true;
  } catch (error) {
    if (error instanceof DamagedError) return false;
    throw error;
  }
}

function misfit(found: Made, { path }: StoredVersion, { config }: OpenContext): BackupError {
  const { made, remedy } = contradictionOf(found, config);
  return new BackupError("config", `does not open with these settings: it is ${made}`, {
    path,
    code: "EMISFIT",
    remedy: `it is whole, and was made with ${remedy}: set that to read it`,
  });
}
