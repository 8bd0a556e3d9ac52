/**
 * A bucket as a source: objects below the base path, their LastModified as mtime.
 *
 * S3 lists keys by their own bytes, where `a` comes before `a-b`; the join wants `a-b.…` before `a.…`. Every key
 * still to come is at least the one just listed, and so is its sort key: what sorts before the key just listed can go
 * out. The few entries that cannot wait in a small sorted array (a chain of keys of which each begins the next).
 */
import { errorCode, StorageError } from "../errors.ts";
import { escapePath, unescapePath } from "../names/manifest-name.ts";
import { comparePaths } from "../names/path-text.ts";
import { sortKeyOf } from "../names/stored-name.ts";
import type { ListedObject, ObjectStat, RemoteObject, Storage } from "../storage/storage.ts";
import type { Entry } from "./entry.ts";
import type { EtagTrial } from "./etag-trial.ts";
import type { Exclusions } from "./exclusions.ts";
import type { ScanFindings, Source, SourceFile } from "./source.ts";

const MD5_ETAG = /^[0-9a-f]{32}$/;

export class S3Source implements Source {
  readonly location: string;
  private readonly storage: Storage;
  private readonly exclusions: Exclusions;
  private readonly escapes: boolean;
  private readonly trial: EtagTrial | undefined;
  private tell: (text: string) => void = () => {};

  /**
   * @param options.reserve keep names that begin like manifests out of their way (docs/format.md, section 9).
   * @param options.trial where the destination can copy objects as they are, should their ETags be md5s.
   */
  constructor(
    storage: Storage,
    exclusions: Exclusions,
    { reserve = false, trial }: { reserve?: boolean; trial?: EtagTrial } = {},
  ) {
    this.escapes = reserve;
    this.trial = trial;
    this.storage = storage;
    this.location = storage.location;
    this.exclusions = exclusions;
  }

  async *scan(findings: ScanFindings, signal?: AbortSignal): AsyncGenerator<Entry[]> {
    this.tell = (text) => findings.onNote(text);
    const waiting: Entry[] = []; // descending: the next to go out is the last
    for await (const objects of this.storage.list(signal)) {
      const batch: Entry[] = [];
      for (const object of objects) {
        while (waiting.length > 0 && comparePaths((waiting.at(-1) as Entry).sortKey, object.key) < 0) {
          batch.push(waiting.pop() as Entry);
        }
        const entry = this.examine(object);
        if (entry !== undefined) insert(waiting, entry);
      }
      if (batch.length > 0) yield batch;
    }
    if (waiting.length > 0) yield waiting.reverse();
  }

  isUnknown(): boolean {
    return false; // a listing is complete, or it throws
  }

  cameSince(): boolean {
    return false; // it would take a request for each file that has gone
  }

  wasRemoved(): boolean {
    return false; // nothing tells
  }

  isStillThere(): boolean {
    return true; // a bucket that is not fails each read by itself
  }

  async excludedBy(file: string): Promise<string | undefined> {
    const path = this.escapes ? unescapePath(file) : file;
    return this.exclusions.reasonFor(path)?.classic ? undefined : this.ruleFor(path);
  }

  skipsFolder(folder: string): boolean {
    return this.exclusions.skipsFolder(this.escapes ? unescapePath(folder) : folder);
  }

  mayLeaveOut(): boolean {
    return this.exclusions.mayLeaveOut;
  }

  async ruleFor(path: string): Promise<string | undefined> {
    const reason = this.exclusions.reasonFor(path);
    if (reason !== undefined || !this.exclusions.limitsSize) return reason?.text;
    if (this.storage.keyProblem(path) !== undefined) return undefined; // stored from elsewhere: it is not there
    const stat = await this.storage.stat(path);
    return stat && this.exclusions.isTooLarge(path, stat.size) ? "exclude_larger_than" : undefined;
  }

  async trustsEtag({ path, size, etag }: { path: string; size: number; etag?: string }): Promise<boolean> {
    if (this.trial === undefined || etag === undefined || !MD5_ETAG.test(etag)) return false;
    const key = this.keyOf(path);
    if (this.storage.keyProblem(key) !== undefined) return false; // reading it says what is wrong
    if (await this.trial.allows({ key, size, etag })) return true;
    this.tell(`${this.location} cannot be relied on to tell md5s of objects: they are read, not copied`);
    return false;
  }

  async open(entry: { path: string; size: number; mtime: number; etag?: string }): Promise<SourceFile> {
    let { size, mtime, etag } = entry;
    const key = this.keyOf(entry.path);
    if (etag === undefined) {
      const stat = await this.storage.stat(key);
      if (stat === undefined) throw await goneOrWorse(this.storage, key, entry.path);
      size = stat.size;
      mtime = Math.floor(stat.modified / 1000);
      etag = stat.etag;
    }
    return new OpenS3Object(this.storage, key, { size, mtime, etag, copied: this.trial !== undefined });
  }

  async close(): Promise<void> {
    await this.storage.close();
  }

  private keyOf(path: string): string {
    return this.escapes ? unescapePath(path) : path;
  }

  private examine(object: ListedObject): Entry | undefined {
    const { key, size = 0, modified = 0, etag } = object;
    this.exclusions.meet(key);
    if (this.exclusions.reasonFor(key) !== undefined || this.exclusions.isTooLarge(key, size))
      return undefined;
    if (etag !== undefined && MD5_ETAG.test(etag) && this.storage.keyProblem(key) === undefined)
      this.trial?.note({ key, size, etag });
    const mtime = Math.max(0, Math.floor(modified / 1000));
    const path = this.escapes ? escapePath(key) : key;
    return {
      path,
      size,
      mtime,
      sortKey: sortKeyOf(path, mtime, size),
      ...(etag !== undefined && { etag }),
    };
  }
}

class OpenS3Object implements SourceFile {
  readonly size: number;
  readonly mtime: number;
  readonly md5Hint?: string;
  readonly remote?: RemoteObject;
  private readonly storage: Storage;
  private readonly key: string;
  private readonly etag: string | undefined;
  /** They come with the content, too. */
  private readHeaders: Readonly<Record<string, string>> | undefined;

  constructor(
    storage: Storage,
    key: string,
    { size, mtime, etag, copied }: { size: number; mtime: number; etag: string | undefined; copied: boolean },
  ) {
    this.storage = storage;
    this.key = key;
    this.size = size;
    this.mtime = mtime;
    this.etag = etag;
    if (etag === undefined || !MD5_ETAG.test(etag)) return;
    this.md5Hint = etag;
    if (copied && storage.bucket !== undefined) this.remote = { bucket: storage.bucket, key, etag, size };
  }

  async *read(signal?: AbortSignal): AsyncGenerator<Buffer> {
    let length = 0;
    for await (const piece of this.storage.read(this.key, this.pinned(signal))) {
      length += piece.length;
      if (length > this.size) break;
      yield piece;
    }
    this.checkLength(length);
  }

  async readWhole(signal?: AbortSignal): Promise<Buffer> {
    const onHeaders = (headers: Readonly<Record<string, string>>) => {
      this.readHeaders = headers;
    };
    const whole = await this.storage.readWhole(this.key, { ...this.pinned(signal), onHeaders });
    this.checkLength(whole.length);
    return whole;
  }

  async toldMd5(): Promise<string | undefined> {
    const { size, md5 } = await this.stat();
    return size === this.size ? md5 : undefined;
  }

  async headers(): Promise<ReadonlyMap<string, string>> {
    return new Map(Object.entries(this.readHeaders ?? (await this.stat()).headers ?? {}));
  }

  /** Every read was pinned to the ETag, and compared with the size: what was read is the one object, or it failed. */
  async isUnchanged(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {
    // A read holds nothing once it has ended.
  }

  private async stat(): Promise<ObjectStat> {
    const stat = await this.storage.stat(this.key);
    if (stat !== undefined && (this.etag === undefined || stat.etag === this.etag)) return stat;
    throw stat === undefined ? await goneOrWorse(this.storage, this.key) : this.changed();
  }

  private checkLength(length: number): void {
    if (length !== this.size) throw this.changed();
  }

  private changed(): StorageError {
    return new StorageError("source", "changed while it was being read", {
      path: this.key,
      code: "ECHANGED",
    });
  }

  private pinned(signal: AbortSignal | undefined) {
    return { ...(this.etag !== undefined && { etag: this.etag }), ...(signal !== undefined && { signal }) };
  }
}

/**
 * What is wrong with an object that a HEAD did not find: its answer has no body that could tell a missing object from a
 * missing bucket, so a read does.
 */
async function goneOrWorse(storage: Storage, key: string, path = key): Promise<unknown> {
  try {
    await storage.readWhole(key, { range: { start: 0, end: 1 } });
  } catch (error) {
    if (errorCode(error) !== "ENOENT") return error;
    return new StorageError("source", "has gone since it was listed", { path, code: "ENOENT" });
  }
  return new StorageError("source", "changed while it was being read", { path, code: "ECHANGED" }); // it is back
}

/** Keeps `waiting` descending by sort key. It is short, and the new entry nearly always belongs at its end. */
function insert(waiting: Entry[], entry: Entry): void {
  let at = waiting.length;
  while (at > 0 && comparePaths((waiting[at - 1] as Entry).sortKey, entry.sortKey) < 0) at--;
  waiting.splice(at, 0, entry);
}
