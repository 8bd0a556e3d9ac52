/**
 * Opening encrypted names, of both forms.
 *
 * Classic names carry their salt, often one each, so they go to the workers: a name may cost a key derivation.
 * Segmented names carry a short tag of their key. The salts that are known are tried first; for any other tag the header of an
 * object says what to derive the key from, and then a name costs some microseconds. An object without a header that
 * can be read (damaged, archived, on a bad place of a disk) teaches nothing and counts for nothing: the next of its tag is
 * asked.
 */
import type { Config } from "../../config/config.ts";
import { HEADER_MOST, type Header, parseHeader } from "../../container/segmented.ts";
import { DamagedError, errorCode, StorageError } from "../../errors.ts";
import { openSegmentedName, segmentedNameTag } from "../../names/segmented-name.ts";
import { looksSealed, type StoredVersion } from "../../names/stored-name.ts";
import { isPassing } from "../../storage/passing.ts";
import type { Storage } from "../../storage/storage.ts";
import { nameKeys, type RunKeys } from "../object/keys.ts";
import { SaltTrials } from "../object/salt-trials.ts";

/** Tags come from strangers, too. */
const TAGS_MOST = 64;
/** Derivations in one run, of all tags: two thirds of what the ring grants. */
const DERIVATIONS_MOST = 20;
/** So many headers of one tag are read that are whole and do not give its key. */
const STRANGE_MOST = 32;
/** So many objects of one tag are asked one by one; when none had a header, only one of so many from then on. */
const BROKEN_MOST = 512;
const BROKEN_STEP = 32;

/** What became of asking the objects of one tag. */
interface Asked {
  readonly trials: SaltTrials;
  strange: number;
  broken: number;
}

/** Whether a key could be an encrypted name of either form. No plain name is, for want of dots. */
export function looksEncrypted(key: string): boolean {
  return looksSealed(key) || segmentedNameTag(key) !== undefined;
}

export class NameOpener {
  private readonly config: Config;
  private readonly keys: RunKeys;
  private readonly destination: Storage;
  private readonly asked = new Map<string, Asked>();
  private readonly budget = { derivations: DERIVATIONS_MOST };
  private readonly salts: Uint8Array[] = [];
  private readonly headers = new Map<string, Header>();
  private readonly failures = new Map<string, StorageError>();
  private strangeNames = 0;

  constructor(config: Config, keys: RunKeys, destination: Storage) {
    this.config = config;
    this.keys = keys;
    this.destination = destination;
    if (config.salt !== undefined) this.suggest(config.salt);
  }

  /** A salt that is likely that of segmented names, too: it is tried before any header is read. */
  suggest(salt: Uint8Array): void {
    if (this.keys.classic !== undefined) this.salts.push(salt);
  }

  /** The header that taught the key of a name; undefined where none had to be read. */
  headerOf(key: string): Header | undefined {
    return this.headers.get(key);
  }

  /** Why the header of an object could not be read, where its storage did not give it. */
  failureOf(key: string): StorageError | undefined {
    return this.failures.get(key);
  }

  /** The first of these failures. */
  get failure(): StorageError | undefined {
    return this.failures.values().next().value;
  }

  /** Headers so far that are whole and do not give the key of their name: another password's, if none does. */
  get strange(): number {
    return this.strangeNames;
  }

  /** The version behind a segmented name; undefined when it does not open under this password. */
  async openSegmented(key: string): Promise<StoredVersion | undefined> {
    let opened = this.openKnown(key);
    while (opened === undefined) {
      const salt = this.salts.shift();
      if (salt === undefined) return this.openByHeader(key);
      nameKeys(this.config, this.keys.segmented, salt);
      opened = this.openKnown(key);
    }
    return opened;
  }

  /** The same with the keys learnt so far. Nothing is read. */
  openKnown(key: string): StoredVersion | undefined {
    const record = openSegmentedName(key, this.keys.segmented);
    if (record === undefined) return undefined;
    return { key, ...record, sealed: true };
  }

  /** Reads the header of the object to learn the salt of its name. Undefined when that does not teach it. */
  private async openByHeader(key: string): Promise<StoredVersion | undefined> {
    const tag = segmentedNameTag(key);
    const asked = tag === undefined || this.keys.classic === undefined ? undefined : this.askedOf(tag);
    if (asked === undefined || asked.strange >= STRANGE_MOST) return undefined;
    if (asked.broken >= BROKEN_MOST && asked.broken++ % BROKEN_STEP !== 0) return undefined;
    const header = await this.readHeader(key);
    // No name is sealed without a secret: such a key would be anyone's.
    if (header === undefined || header.source.kind === "none") {
      asked.broken++;
      return undefined;
    }
    const { source, cipher } = header;
    if (asked.trials.grants(source)) {
      // Without encryption of contents the header cannot say which cipher the names have; the tag tells.
      const ciphers = cipher === "none" ? (["aes", "cha"] as const) : [cipher];
      for (const one of ciphers) this.keys.segmented.keysFor(source, one);
      const opened = this.openKnown(key);
      if (opened !== undefined) {
        this.headers.set(key, header);
        return opened;
      }
    }
    asked.strange++;
    this.strangeNames++;
    return undefined;
  }

  private askedOf(tag: string): Asked | undefined {
    const known = this.asked.get(tag);
    if (known !== undefined || this.asked.size >= TAGS_MOST) return known;
    const asked = { trials: new SaltTrials(this.keys.segmented, this.budget), strange: 0, broken: 0 };
    this.asked.set(tag, asked);
    return asked;
  }

  /** Undefined without one that can be read: it is damaged, an upload that is not finished, archived, or has gone. */
  private async readHeader(key: string): Promise<Header | undefined> {
    try {
      return parseHeader(await this.destination.readWhole(key, { range: { start: 0, end: HEADER_MOST } }));
    } catch (error) {
      if (error instanceof DamagedError || errorCode(error) === "ENOENT") return undefined;
      if (!isOfOneObject(error)) throw error;
      this.failures.set(key, error);
      return undefined;
    }
  }
}

/** Whether others may be read all the same. */
function isOfOneObject(error: unknown): error is StorageError {
  return error instanceof StorageError && (errorCode(error) === "EIO" || !isPassing(error));
}
