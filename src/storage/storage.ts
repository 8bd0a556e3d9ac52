/**
 * The contract between the tool and the place where objects lie.
 *
 * A storage is a flat set of objects under keys: a local folder (key = path below the root) or a bucket (key below
 * a base path). Two implementations, `local/` and `s3/`, pass one conformance suite (test/storage/conformance.ts).
 *
 * Guarantees that every implementation gives:
 * - **Atomic**: an object is absent or complete under its key, never partial, whatever dies when.
 * - **Durable**: when `publish` has resolved, the objects it reported survive a power cut.
 * - **Visible**: what was published, renamed or removed shows in the next `stat`, `read` and `list`.
 * - **Whole**: a read delivers exactly the bytes that were asked for, or throws; never fewer in silence.
 *
 * Writing has two steps so that flushes can be shared: `write` (or a `Writer`) *stages* an object; `publish` makes
 * a group of staged objects durable, puts them under their keys and makes the names durable. What is staged is
 * plain data: a worker stages, the main thread publishes. On S3 a finished PUT is durable and visible, so `publish`
 * has nothing left to do there.
 *
 * All methods throw `StorageError` (side of this storage, `path` = the key). A missing object is code `ENOENT`.
 */
import type { S3StorageConfig } from "../config/config.ts";
import type { BackupError } from "../errors.ts";

/** One object as a listing shows it. Local listings of a destination leave out what would cost a `stat`. */
export interface ListedObject {
  readonly key: string;
  /** Bytes. */
  readonly size?: number;
  /** When it was stored, by the storage's own clock; milliseconds since 1970. */
  readonly modified?: number;
  /** S3 only, without quotes. */
  readonly etag?: string;
}

/** An object of a bucket, for another bucket of the same service to copy. */
export interface RemoteObject {
  readonly bucket: S3StorageConfig;
  /** Below the base path. */
  readonly key: string;
  /** Without quotes: 32 hexadecimal digits. */
  readonly etag: string;
  /** Bytes. */
  readonly size: number;
}

/** What `stat` knows. */
export interface ObjectStat {
  readonly size: number;
  readonly modified: number;
  /** What `upload` was given as mtime, where the storage keeps it (S3 user metadata); milliseconds since 1970. */
  readonly mtime?: number;
  readonly etag?: string;
  /** Of the content, 32 hexadecimal digits, where the ETag is that by all that the storage shows (S3). */
  readonly md5?: string;
  /** What was given with the object, by header in lower case (`content-type`, `x-amz-meta-...`), where there is any (S3). */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Bytes `[start, end)`; `end` absent: to the end of the object; `start` negative: that many bytes from the end.
 * Clamped to the object: what lies beyond its end is left out, so a range wholly beyond it is empty.
 */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
}

export interface ReadOptions {
  readonly range?: ByteRange;
  /** Fail with code `ECHANGED` unless the object still has this ETag (S3 If-Match); local storages ignore it. */
  readonly etag?: string;
  readonly signal?: AbortSignal;
  /** Hears what `stat` tells as `headers`, with the content and before it; local storages keep nothing beside it. */
  onHeaders?(headers: Readonly<Record<string, string>>): void;
}

/** An object that is complete but perhaps not yet durable or not yet under its key. Plain data, crosses threads. */
export interface StagedObject {
  readonly key: string;
  /** Bytes stored. */
  readonly size: number;
  /** Where it waits (local); absent when it already has its key (S3). */
  readonly temporary?: string;
  /** Bytes that were moved there for it; absent when all were: others were copied, or had been sent before. */
  readonly sent?: number;
  /** It is not to count as stored before this moment (milliseconds since 1970), where a storage leaves that to us (local). */
  readonly notBefore?: number;
}

export interface PublishResult {
  readonly staged: StagedObject;
  /** Absent: durable under its key. */
  readonly error?: Error;
}

/** Where the storage puts an object. */
export interface PlaceOptions {
  /** The storage class (S3), in place of the configured one; local storages have none. */
  readonly storageClass?: string;
}

export interface WriteOptions extends PlaceOptions {
  readonly signal?: AbortSignal;
}

export interface WriterOptions extends PlaceOptions {
  /**
   * Bytes kept free at the front, handed over at `finish`: the classic container's tag is known last and stands
   * first. At most 1 KiB.
   */
  readonly reserve?: number;
  /** An upper bound of the object's size in bytes; decides part sizes on S3. */
  readonly sizeHint: number;
  readonly signal?: AbortSignal;
  /**
   * An unfinished upload of the same key to go on with: parts that are there and equal the bytes written, by their
   * md5, are not sent again. One that does not fit is left alone. Local storages have none.
   */
  readonly resume?: UnfinishedUpload;
}

/** One object being written piece by piece. Exactly one of `finish` and `abort` ends it. */
export interface Writer {
  /** Appends; resolves when the writer can take more. The bytes may be reused once it has resolved. */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Appends bytes `[start, end)` of an object that the storage already has, without moving them through this
   * process where the storage can do that (UploadPartCopy on S3).
   * On S3 bytes move all the same where parts would be too small; see s3/multipart-writer.ts.
   */
  copyFrom(key: string, range: { start: number; end: number }, etag?: string): Promise<void>;
  /**
   * Completes the object. `head` fills the reserved bytes and must be exactly as long. `key` replaces the key given
   * at the start, where the storage has `lateKeys`. Should it fail it has given up; `keep` asks for what was sent to
   * stay if the failure was one of the moment.
   */
  finish(options?: { head?: Uint8Array; key?: string; keep?: boolean }): Promise<StagedObject>;
  /**
   * Gives up. Nothing stays behind, unless `keep` asks for what was sent to stay, where a later writer could go on
   * with it (`resume`). Never throws.
   */
  abort(options?: { keep?: boolean }): Promise<void>;
}

export interface UploadOptions {
  /** Milliseconds since 1970, kept with the object as user metadata where the storage has such (S3). */
  readonly mtime?: number;
  /** As `stat` gives them, kept with the object where the storage has such (S3); theirs wins over `mtime`. */
  readonly headers?: ReadonlyMap<string, string>;
  /** An upper bound of the size in bytes; decides part sizes on S3. */
  readonly sizeHint: number;
  readonly signal?: AbortSignal;
}

/** An unfinished multipart upload (S3). */
export interface UnfinishedUpload {
  readonly key: string;
  readonly uploadId: string;
  /** Milliseconds since 1970. */
  readonly initiated: number;
}

export interface Storage {
  readonly kind: "local" | "s3";
  /** Which bucket it is (S3). */
  readonly bucket?: S3StorageConfig;
  /** For messages: a path, or `s3://bucket/base`; never with credentials. */
  readonly location: string;
  /** Why this key can never be stored here (too long, a component of `..`), or undefined. Pure. */
  keyProblem(key: string): string | undefined;

  /**
   * All objects in batches, ascending by the bytes of the key. What a storage returns out of order is passed on as
   * it came: the caller checks, and sorts (plan/order.ts). Throws when any part cannot be listed; with `onUnlistable`,
   * for those who only read, such a part is told of and passed over where the others can be listed (a folder of many).
   * A storage that does not exist throws code `ENOENT`: whether that means "empty" is for the caller to say.
   */
  list(signal?: AbortSignal, onUnlistable?: (error: BackupError) => void): AsyncIterable<ListedObject[]>;
  /** Undefined when there is no such object. */
  stat(key: string): Promise<ObjectStat | undefined>;
  /** Streams the object, or a range of it, in pieces of the storage's choosing. */
  read(key: string, options?: ReadOptions): AsyncIterable<Buffer>;
  /** The whole object, or range, at once: for small objects. */
  readWhole(key: string, options?: ReadOptions): Promise<Buffer>;

  /** Makes the root folder or the bucket if it is missing (a clear "not found", never "forbidden"). */
  create(): Promise<void>;
  /** Stages a whole small object. */
  write(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<StagedObject>;
  /** Begins a large one. */
  createWriter(key: string, options: WriterOptions): Promise<Writer>;
  /** Whether a writer takes its key at `finish`, so that a name holding an md5 needs no second pass. Local only. */
  readonly lateKeys: boolean;
  /**
   * Bytes of content from which on another name for a segmented object is cheaper made from a copy of its body than by
   * sealing and writing the content again.
   */
  readonly worthCopying: number;
  /** Stages a stream; if it throws, nothing appears. Used to restore into S3. */
  upload(key: string, body: AsyncIterable<Uint8Array>, options: UploadOptions): Promise<StagedObject>;
  /**
   * Makes staged objects durable and visible, in one group; never throws for a single object. `at` becomes the moment
   * at which they were stored (milliseconds since 1970), where a storage leaves that to us (local).
   */
  publish(staged: readonly StagedObject[], at?: number): Promise<PublishResult[]>;
  /** Throws staged objects away (a failed or interrupted run). Never throws. */
  discard(staged: readonly StagedObject[]): Promise<void>;

  /**
   * Stages a copy made without moving the bytes through here; `publish` puts it in place. `separate`: it shares
   * nothing with the original that a time of its own would change.
   */
  copy(
    from: string,
    to: string,
    options?: PlaceOptions & { readonly separate?: boolean },
  ): Promise<StagedObject>;
  /**
   * Stages a copy of an object of another bucket, made by the service (S3). Undefined where it is of another service or
   * account, or not provably of the md5 that its ETag says.
   */
  importObject?(from: RemoteObject, to: string, options?: PlaceOptions): Promise<StagedObject | undefined>;
  /**
   * Gives an object another key without moving its bytes through here; the old key goes only once the new one is
   * durable. `from === to` is a mistake and throws (S3 would delete the object).
   */
  rename(from: string, to: string, options?: PlaceOptions): Promise<void>;
  /** Removes objects; absent ones count as removed. Returns the failures. */
  remove(keys: readonly string[]): Promise<{ key: string; error: Error }[]>;
  /**
   * How far the storage's clock is ahead of this machine's, in milliseconds, as its last answer told; 0 where it is
   * the same clock, or no answer came yet. A second or two is no difference. Of a folder it is known once it was listed.
   */
  clockOffset(): number;
  /**
   * Why what was published may be gone: the place is not there any more, or is another. Undefined where all is well, and
   * for a bucket, which answers every call by itself.
   */
  placeProblem(): BackupError | undefined;
  /** Makes renames and removals so far durable (local: flushes the folders touched). */
  flush(): Promise<void>;

  /** Unfinished multipart uploads below the base path (S3); local storages have none. */
  listUploads(): Promise<UnfinishedUpload[]>;
  /** When its newest part was stored, or it began; milliseconds since 1970. */
  lastActivity(upload: UnfinishedUpload): Promise<number>;
  abortUpload(upload: UnfinishedUpload): Promise<void>;
  /** Removes temporary files of dead processes of this host, and of anyone older than `maxAgeMs`. Returns how many. */
  sweep(maxAgeMs: number): Promise<number>;
  /** Removes what this process still has staged, and closes connections. */
  close(): Promise<void>;
}
