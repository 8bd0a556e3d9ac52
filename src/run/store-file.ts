/**
 * From a file of the source to a staged object.
 *
 * The name holds the md5 of the content, so what was hashed has to be what was stored: small files are read once into
 * memory; large ones are hashed while they stream where the storage takes its key last, and otherwise read twice, the
 * second pass checked against the first. The file is examined before and after; when it changed in between, all is
 * thrown away and tried again from its new state.
 */
import { createHash, hash } from "node:crypto";
import { BackupError, errorCode, FileChangedError, reportOf, StorageError } from "../errors.ts";
import { LARGEST_MD5, md5ToBase36, type NameFields, type StoredVersion } from "../names/stored-name.ts";
import type { Source, SourceFile } from "../scan/source.ts";
import type { StagedObject } from "../storage/storage.ts";
import type { ObjectSealer } from "./object-sealer.ts";
import { copyRenewed, type OpenContext } from "./open-object.ts";
import type { CopyOutcome, HashOutcome, ReadFile, SourceRef, StoreOutcome, Task } from "./tasks.ts";

export interface StoreContext extends OpenContext {
  readonly source: Source;
  readonly sealer: ObjectSealer;
  stopped(): boolean;
  progress(bytes: number): void;
}

const ATTEMPTS = 3;
const HINTED_MD5 = /^[0-9a-f]{32}$/;

/** Thrown inside one attempt; the caller tries again. */
class ChangedMeanwhile extends Error {}

/** Stages one file, or finds that one of the versions of the same size has its content. Never throws. */
export function storeFile(task: Task & { do: "store" }, context: StoreContext): Promise<StoreOutcome> {
  return withRetries(task.file, context, async (file, attempt) => {
    const sameSize = task.sameSize.filter((version) => version.size === file.size);
    const store = file.size <= context.sealer.wholeLimit ? storeSmall : storeLarge;
    return store(file, { path: task.file.path, sameSize, attempt }, context);
  });
}

/** What one attempt at a file needs to know beside the open file. */
interface Attempt {
  readonly path: string;
  readonly sameSize: readonly StoredVersion[];
  readonly attempt: number;
}

/** The md5 of one file as it is now. Never throws. */
export function hashFile(task: Task & { do: "hash" }, context: StoreContext): Promise<HashOutcome> {
  return withRetries(task.file, context, async (file) => {
    const md5 = await hashPass(file, context);
    return { kind: "hashed", read: { size: file.size, mtime: file.mtime, md5 } };
  });
}

async function withRetries<T>(
  ref: SourceRef,
  context: StoreContext,
  work: (file: SourceFile, attempt: number) => Promise<T>,
) {
  for (let attempt = 1; ; attempt++) {
    if (context.stopped()) return { kind: "stopped" } as const;
    let file: SourceFile | undefined;
    try {
      // What was listed is only trusted at the first attempt; later ones look afresh.
      const { etag: _, ...fresh } = ref;
      file = await context.source.open(attempt === 1 ? ref : fresh);
      return await work(file, attempt);
    } catch (error) {
      if (context.stopped()) return { kind: "stopped" } as const;
      if (isFromSource(error) && errorCode(error) === "ENOENT") return { kind: "vanished" } as const;
      if (!hasChanged(error)) return { kind: "failed", report: reportOf(error, "source", ref.path) } as const;
      if (attempt === ATTEMPTS) {
        return { kind: "failed", report: reportOf(new FileChangedError(ref.path), "source") } as const;
      }
    } finally {
      await file?.close();
    }
  }
}

async function storeSmall(
  file: SourceFile,
  { path, sameSize }: Attempt,
  context: StoreContext,
): Promise<StoreOutcome> {
  const { size, mtime } = file;
  const plain = await file.readWhole(context.signal);
  if (!(await file.isUnchanged())) throw new ChangedMeanwhile();
  if (sameSize.length > 0) {
    const read = { size, mtime, md5: md5ToBase36(hash("md5", plain, "buffer")) };
    const version = sameSize.find(({ md5 }) => md5 === read.md5);
    const kept = version && (await keepContent(version, path, read, context));
    if (kept !== undefined) return kept;
  }
  const { bytes, md5 } = context.sealer.sealSmall(plain, { path, mtime });
  const key = keyFor({ path, size, mtime, md5, deleted: 0 }, context);
  const staged = await context.destination.write(key, bytes, context.signal);
  return { kind: "stored", read: { size, mtime, md5 }, staged };
}

async function storeLarge(
  file: SourceFile,
  { path, sameSize, attempt }: Attempt,
  context: StoreContext,
): Promise<StoreOutcome> {
  const { size, mtime } = file;
  let md5: string | undefined;
  if (sameSize.length > 0 || !context.destination.lateKeys) {
    md5 = (attempt === 1 ? hintedMd5(file) : undefined) ?? (await hashPass(file, context));
    const version = sameSize.find((candidate) => candidate.md5 === md5);
    const kept = version && (await keepContent(version, path, { size, mtime, md5 }, context));
    if (kept !== undefined) return kept;
  }
  const fields: NameFields = { path, size, mtime, md5: md5 ?? LARGEST_MD5, deleted: 0 };
  const sealer = context.sealer.sealLarge({ path, size, mtime });
  const writer = await context.destination.createWriter(keyFor(fields, context), {
    reserve: sealer.reserve,
    sizeHint: sealer.storedAtMost,
    signal: context.signal,
  });
  let staged: StagedObject;
  let counted = 0;
  const count = (bytes: number) => {
    counted += bytes;
    context.progress(bytes);
  };
  try {
    for await (const piece of sealer.seal(watched(file, context, count))) await writer.write(piece);
    if (md5 !== undefined && sealer.md5 !== md5) throw new ChangedMeanwhile();
    if (!(await file.isUnchanged())) throw new ChangedMeanwhile();
    const head = sealer.head();
    const key = md5 === undefined ? keyFor({ ...fields, md5: sealer.md5 }, context) : undefined;
    staged = await writer.finish({ ...(head !== undefined && { head }), ...(key !== undefined && { key }) });
  } catch (error) {
    await writer.abort();
    context.progress(-counted); // the next attempt counts from the beginning
    throw error;
  }
  return { kind: "stored", read: { size, mtime, md5: sealer.md5 }, staged };
}

/**
 * The content is there already, under another time or marked deleted. A new name brings it up to date; an object that
 * repeats its time inside gets a new trailer with it. Undefined when the version has gone meanwhile (another run was
 * quicker): then the file is stored like any other.
 */
async function keepContent(
  version: StoredVersion,
  path: string,
  read: ReadFile,
  context: StoreContext,
): Promise<StoreOutcome | undefined> {
  if (version.mtime === read.mtime) return { kind: "same", read, version };
  const key = keyFor({ path, ...read, deleted: 0 }, context);
  try {
    const staged = await copyRenewed(version, { path, mtime: read.mtime }, key, context);
    return { kind: "same", read, version, ...(staged !== undefined && { staged }) };
  } catch (error) {
    if (!isFromSource(error) && errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Stages a copy of a version under another path or time. Never throws. */
export async function copyFile(
  { version, to }: Task & { do: "copy" },
  context: StoreContext,
): Promise<CopyOutcome> {
  if (context.stopped()) return { kind: "stopped" };
  try {
    const key = keyFor(to, context);
    const renewed = await copyRenewed(version, to, key, context);
    return { kind: "copied", staged: renewed ?? (await context.destination.copy(version.key, key)) };
  } catch (error) {
    if (context.stopped()) return { kind: "stopped" };
    return { kind: "failed", report: reportOf(error, "destination", to.path) };
  }
}

async function hashPass(file: SourceFile, context: StoreContext): Promise<string> {
  const digest = createHash("md5");
  for await (const piece of file.read(context.signal)) {
    digest.update(piece);
    if (context.stopped()) throw new ChangedMeanwhile();
  }
  if (!(await file.isUnchanged())) throw new ChangedMeanwhile();
  return md5ToBase36(digest.digest());
}

/** The file's pieces, handed on with a word to `count`, ending early when the run is told to stop. */
async function* watched(
  file: SourceFile,
  context: StoreContext,
  count: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const piece of file.read(context.signal)) {
    if (context.stopped()) throw new ChangedMeanwhile();
    yield piece;
    count(piece.length);
  }
}

/** So many characters may stand between the key of a live version and the longest that its path can get. */
const KEY_GROWTH = 40;

/** The key of a new object; throws when the destination cannot hold it, or not once the version is retired. */
function keyFor(fields: NameFields, { sealer, destination }: StoreContext): string {
  const key = sealer.keyFor(fields);
  const longest = key.length > 255 - KEY_GROWTH ? sealer.longestKeyFor?.(fields) : undefined;
  const problem = destination.keyProblem(key) ?? (longest && destination.keyProblem(longest));
  if (problem === undefined) return key;
  throw new StorageError("destination", problem, {
    path: fields.path,
    code: "ENAMETOOLONG",
    remedy: "shorten the name, or leave the file out with ignore_regex",
  });
}

/** An S3 ETag that looks like an md5 is one, unless the bucket encrypts in certain ways: so it is only a guess. */
function hintedMd5({ md5Hint }: SourceFile): string | undefined {
  return md5Hint !== undefined && HINTED_MD5.test(md5Hint)
    ? md5ToBase36(Buffer.from(md5Hint, "hex"))
    : undefined;
}

function isFromSource(error: unknown): boolean {
  return error instanceof BackupError && error.side === "source";
}

function hasChanged(error: unknown): boolean {
  if (error instanceof ChangedMeanwhile) return true;
  const code = errorCode(error);
  return isFromSource(error) && (code === "ECHANGED" || code === "ESHORT");
}
