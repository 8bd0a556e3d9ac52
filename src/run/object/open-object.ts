/**
 * Reading a stored object back, whole or as a stream, with everything checked that can be. Every object says for
 * itself which container it is in.
 */
import { createHash } from "node:crypto";
import type { Config } from "../../config/config.ts";
import { openStream as openClassicStream, openWhole, WHOLE_LIMIT } from "../../container/classic.ts";
import {
  type OpenedObject,
  openObject,
  openSmall,
  openStream,
  type Reading,
  type ReadOptions,
  type ReadRange,
  type RecordType,
  SNIFF_BYTES,
  sniffContainer,
  userMetadata,
} from "../../container/segmented.ts";
import { digestOf } from "../../crypto/digest.ts";
import { DamagedError, errorCode, StorageError } from "../../errors.ts";
import { release } from "../../memory/release.ts";
import { md5ToBase36, type StoredVersion } from "../../names/stored-name.ts";
import type { Storage } from "../../storage/storage.ts";
import { BLOCK_THREADS_LEAST, type BlockThreads } from "./block-threads.ts";
import { classicSettings } from "./classic-settings.ts";
import type { RunKeys } from "./keys.ts";
import type { PieceWriter } from "./write-behind.ts";

/** What an S3 source kept beside the content, by header. */
type Headers = ReadonlyMap<string, string>;

const SAMPLE_BYTES = 64 * 1024;

export interface OpenContext {
  readonly config: Config;
  readonly keys: RunKeys;
  readonly destination: Storage;
  readonly signal: AbortSignal;
  /** For large segmented files. */
  readonly threads?: BlockThreads;
}

/** Whether a version is opened in memory at once; larger ones stream. */
export function opensWhole(version: StoredVersion): boolean {
  return version.size <= WHOLE_LIMIT;
}

/** The verified original of a small version. Throws `DamagedError`, or the storage's error. */
export async function readOriginal(version: StoredVersion, context: OpenContext): Promise<Buffer> {
  return (await readRecord(version, context)).plain;
}

/** The same, and what the object says that it is; undefined of a classic one, which says nothing. */
export async function readRecord(
  version: StoredVersion,
  context: OpenContext,
): Promise<{ readonly plain: Buffer; readonly type: RecordType | undefined; readonly headers?: Headers }> {
  const most = longestStored(version.size);
  const stored = await readUpTo(most + 1, version, context);
  if (stored.length > most) {
    throw new DamagedError("is longer than an object of its size can be", { path: version.path });
  }
  if (!isSegmented(stored, version)) return { plain: openStored(stored, version, context), type: undefined };
  const { plain, object } = openSmall(stored, version, readingOf(context));
  const { type, fields } = object.trailer;
  const headers = userMetadata(fields);
  release(stored, plain);
  return { plain, type, headers };
}

/** Whether the object of a version is of the segmented container. */
export async function isSegmentedObject(version: StoredVersion, context: OpenContext): Promise<boolean> {
  if (opensWhole(version)) return isSegmented(await readSample(version, context), version);
  return (await openIfSegmented(version, context)) !== undefined;
}

/** The original in the bytes of a small object. Throws `DamagedError`. */
export function openStored(stored: Buffer, version: StoredVersion, context: OpenContext): Buffer {
  if (isSegmented(stored, version)) return openSmall(stored, version, readingOf(context)).plain;
  return openWhole(stored, version, classicSettings(context.config), context.keys.classic);
}

/** Whether all bytes of an object, or the first of a large one (its length is -1 then), are of the segmented container. */
export function isSegmented(stored: Buffer, { size, md5 }: StoredVersion, length = stored.length): boolean {
  const sniffed = sniffContainer(stored, length, size);
  if (sniffed !== "ask-md5") return sniffed !== "classic";
  return md5ToBase36(digestOf("md5", stored)) !== md5;
}

/** What the segmented container needs to know to open an object. */
export function readingOf({ config, keys }: OpenContext): Reading {
  return { ring: keys.segmented, allowUnencrypted: !config.encrypt };
}

/** The bytes of a small object, or the beginning of a large one: enough to see how it was made. */
export function readSample(version: StoredVersion, context: OpenContext): Promise<Buffer> {
  return readUpTo(opensWhole(version) ? longestStored(version.size) : SAMPLE_BYTES, version, context);
}

/**
 * The original of a large version in pieces. They are *unverified* until the last has come and the generator has
 * returned; it throws `DamagedError` at the latest then, and never gives more than the version's size.
 *
 * @param passing whether a piece is done with when the next is asked for, and may go then.
 */
export async function* streamOriginal(
  version: StoredVersion,
  context: OpenContext,
  passing = false,
): AsyncGenerator<Buffer> {
  yield* (await openOriginal(version, context, passing)).content;
}

/** The same, and what is known before the content. */
export async function openOriginal(
  version: StoredVersion,
  context: OpenContext,
  passing = false,
): Promise<{
  readonly content: AsyncIterable<Buffer>;
  readonly headers?: Headers;
  /** Given where the file is worth it: it may take the pieces that it writes, if they are passing. */
  readonly writer?: PieceWriter;
}> {
  const object = await openIfSegmented(version, context);
  if (object === undefined) {
    const stored = context.destination.read(version.key, { signal: context.signal });
    const settings = classicSettings(context.config);
    return { content: openClassicStream(stored, version, settings, context.keys.classic) };
  }
  const options = { parallel: 2, ...threadsFor(object, version, context), passing };
  const content = openStream(object, rangesOf(version, context), options);
  const { threads } = context;
  const headers = userMetadata(object.trailer.fields);
  return { content, headers, ...(threads && isWorthThreads(version) && passing && { writer: threads }) };
}

/** Threads read for themselves where they can. */
function threadsFor(
  { header }: OpenedObject,
  version: StoredVersion,
  { threads, destination }: OpenContext,
): Pick<ReadOptions, "opener" | "reader"> {
  if (threads === undefined || !isWorthThreads(version)) return {};
  if (destination.kind === "s3") return { opener: (runs) => threads.open(header.bytes, runs) };
  const object = { root: destination.location, key: version.key };
  return { reader: (runs) => threads.read(header.bytes, runs, object) };
}

function isWorthThreads({ size }: StoredVersion): boolean {
  return size >= BLOCK_THREADS_LEAST;
}

/** Header and trailer of a segmented object, authenticated and compared with the name; undefined of a classic one. */
export async function openIfSegmented(
  version: StoredVersion,
  context: OpenContext,
): Promise<OpenedObject | undefined> {
  return (await openPinned(version, context))?.object;
}

/** The same with its ETag, where the storage has such: what is read or copied later is to be of the same object. */
export async function openPinned(
  version: StoredVersion,
  context: OpenContext,
): Promise<{ readonly object: OpenedObject; readonly etag: string | undefined } | undefined> {
  const start = await readUpTo(SNIFF_BYTES, version, context);
  if (sniffContainer(start, -1, version.size) === "classic") return undefined;
  const stat = await context.destination.stat(version.key);
  if (stat === undefined) throw gone(version);
  if (sniffContainer(start, stat.size, version.size) === "ask-md5" && (await isRaw(version, context))) {
    return undefined;
  }
  const readRange = rangesOf(version, context, stat.etag);
  return { object: await openObject(stat.size, readRange, version, readingOf(context)), etag: stat.etag };
}

/** An unencrypted, uncompressed classic object may look like a segmented one of its length; its md5 tells. */
async function isRaw(version: StoredVersion, { destination, signal }: OpenContext): Promise<boolean> {
  const digest = createHash("md5");
  for await (const piece of destination.read(version.key, { signal })) digest.update(piece);
  return md5ToBase36(digest.digest()) === version.md5;
}

/** Reads ranges of an object, each at once; with an ETag, of exactly that one. */
export function rangesOf(
  { key }: Pick<StoredVersion, "key">,
  { destination, signal }: OpenContext,
  etag?: string,
): ReadRange {
  return async function* (start, end) {
    yield destination.readWhole(key, { range: { start, end }, signal, ...(etag !== undefined && { etag }) });
  };
}

/** An object under a small file's name may be of any length if it is not ours: never read more than ours can be. */
function readUpTo(bytes: number, version: StoredVersion, context: OpenContext): Promise<Buffer> {
  return reading(version, () =>
    context.destination.readWhole(version.key, { range: { start: 0, end: bytes }, signal: context.signal }),
  );
}

/** Compression and containers add little; anything above this is not an object of ours. */
function longestStored(size: number): number {
  return size + Math.ceil(size / 100) + 64 * 1024;
}

/** An object that was listed and is gone now is named by its path, like every other failure. */
async function reading<T>(version: StoredVersion, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw errorCode(error) === "ENOENT" ? gone(version) : error;
  }
}

function gone(version: StoredVersion): StorageError {
  return new StorageError("destination", "has gone from the destination since it was listed", {
    path: version.path,
    code: "ENOENT",
    remedy: "another run may have replaced it: run again",
  });
}
