/**
 * Opening encrypted names, of both forms.
 *
 * Classic names carry their salt, often one each, so they go to the workers: a name may cost a key derivation.
 * Segmented names carry a short tag of their key; the header of one object of each unknown tag says what to derive
 * it from, and then a name costs some microseconds.
 */
import type { Config } from "../config/config.ts";
import { HEADER_MOST, parseHeader } from "../container/segmented.ts";
import { DamagedError, errorCode } from "../errors.ts";
import { openSegmentedName, segmentedNameTag } from "../names/segmented-name.ts";
import { looksSealed, type StoredVersion } from "../names/stored-name.ts";
import type { Storage } from "../storage/storage.ts";
import type { RunKeys } from "./keys.ts";

/** So many objects of one tag are asked for their salt, in case the first are damaged. */
const HEADERS_PER_TAG = 4;
/** Tags come from strangers, too, and each may cost a derivation. */
const TAGS_MOST = 64;

/** Whether a key could be an encrypted name of either form. No plain name is, for want of dots. */
export function looksEncrypted(key: string): boolean {
  return looksSealed(key) || segmentedNameTag(key) !== undefined;
}

export class NameOpener {
  private readonly config: Config;
  private readonly keys: RunKeys;
  private readonly destination: Storage;
  private readonly asked = new Map<string, number>();

  constructor(config: Config, keys: RunKeys, destination: Storage) {
    this.config = config;
    this.keys = keys;
    this.destination = destination;
  }

  /** The version behind a segmented name; undefined when it does not open under this password. */
  async openSegmented(key: string): Promise<StoredVersion | undefined> {
    const opened = this.tryOpen(key);
    if (opened !== undefined) return opened;
    return (await this.learnKey(key)) ? this.tryOpen(key) : undefined;
  }

  private tryOpen(key: string): StoredVersion | undefined {
    const record = openSegmentedName(key, this.keys.segmented);
    if (record === undefined) return undefined;
    return { key, ...record, sealed: true };
  }

  /** Reads the header of the object to learn the salt of its name. False when there is nothing to be learnt from it. */
  private async learnKey(key: string): Promise<boolean> {
    const tag = segmentedNameTag(key);
    if (tag === undefined || this.keys.classic === undefined) return false;
    const asked = this.asked.get(tag) ?? 0;
    if (asked >= HEADERS_PER_TAG || (asked === 0 && this.asked.size >= TAGS_MOST)) return false;
    this.asked.set(tag, asked + 1);
    try {
      const start = await this.destination.readWhole(key, { range: { start: 0, end: HEADER_MOST } });
      const { source, cipher } = parseHeader(start);
      // Without encryption of contents the header cannot say which cipher the names have.
      this.keys.segmented.keysFor(source, cipher === "none" ? this.config.encryptionType : cipher);
      return true;
    } catch (error) {
      // An unfinished upload has a name and no object yet; one that was listed may have gone.
      if (error instanceof DamagedError || errorCode(error) === "ENOENT") return false;
      throw error;
    }
  }
}
