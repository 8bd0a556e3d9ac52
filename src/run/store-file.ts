/**
 * From a file of the source to a staged object.
 *
 * The name holds the md5 of the content, so what was hashed has to be what was stored: small files are read once into
 * memory; large ones are hashed while they stream where the storage takes its key last, and otherwise read twice, the
 * second pass checked against the first. The file is examined before and after; when it changed in between, all is
 * thrown away and tried again from its new state.
 */
import { createHash, hash } from "node:crypto";
import type { Config } from "../config/config.ts";
import {
  type ClassicSettings,
  maxStoredSize,
  StreamSealer,
  sealWhole,
  WHOLE_LIMIT,
} from "../container/classic.ts";
import type { KeyRing } from "../crypto/key-ring.ts";
import { BackupError, errorCode, FileChangedError, reportOf, StorageError } from "../errors.ts";
import { sealName } from "../names/sealed-name.ts";
import {
  formatPlainName,
  formatStoredName,
  LARGEST_MD5,
  md5ToBase36,
  type NameFields,
} from "../names/stored-name.ts";
import type { Source, SourceFile } from "../scan/source.ts";
import type { StagedObject, Storage } from "../storage/storage.ts";
import type { HashOutcome, ReadFile, SourceRef, StoreOutcome, Task } from "./tasks.ts";

export interface StoreContext {
  readonly config: Config;
  readonly classic: ClassicSettings;
  readonly source: Source;
  readonly destination: Storage;
  readonly keyRing: KeyRing | undefined;
  /** For all that this run seals. */
  readonly salt: Uint8Array | undefined;
  readonly now: () => Date;
  readonly signal: AbortSignal;
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
    const stored =
      file.size <= WHOLE_LIMIT
        ? await storeSmall(file, task.file.path, sameSize, context)
        : await storeLarge(file, task.file.path, sameSize, attempt, context);
    return stored;
  });
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
  path: string,
  sameSize: (Task & { do: "store" })["sameSize"],
  context: StoreContext,
): Promise<StoreOutcome> {
  const bytes = await file.readWhole(context.signal);
  if (!(await file.isUnchanged())) throw new ChangedMeanwhile();
  const read: ReadFile = { size: file.size, mtime: file.mtime, md5: md5ToBase36(md5Of(bytes)) };
  const version = sameSize.find((candidate) => candidate.md5 === read.md5);
  if (version !== undefined) return { kind: "same", read, version };
  const key = keyFor({ path, ...read, deleted: 0 }, context);
  const sealed = sealWhole(bytes, context.classic, sealingOf(context), context.now());
  return { kind: "stored", read, staged: await context.destination.write(key, sealed, context.signal) };
}

async function storeLarge(
  file: SourceFile,
  path: string,
  sameSize: (Task & { do: "store" })["sameSize"],
  attempt: number,
  context: StoreContext,
): Promise<StoreOutcome> {
  const { size, mtime } = file;
  let md5: string | undefined;
  if (sameSize.length > 0 || !context.destination.lateKeys) {
    md5 = (attempt === 1 ? hintedMd5(file) : undefined) ?? (await hashPass(file, context));
    const version = sameSize.find((candidate) => candidate.md5 === md5);
    if (version !== undefined) return { kind: "same", read: { size, mtime, md5 }, version };
  }
  const fields: NameFields = { path, size, mtime, md5: md5 ?? LARGEST_MD5, deleted: 0 };
  const sealer = new StreamSealer({
    settings: context.classic,
    sealing: sealingOf(context),
    now: context.now(),
    path,
  });
  const writer = await context.destination.createWriter(keyFor(fields, context), {
    reserve: sealer.reserve,
    sizeHint: maxStoredSize(size, context.classic),
    signal: context.signal,
  });
  let staged: StagedObject;
  let counted = 0;
  const count = (bytes: number) => {
    counted += bytes;
    context.progress(bytes);
  };
  try {
    for await (const piece of sealer.seal(watched(file, context, count), size)) await writer.write(piece);
    if (md5 !== undefined && sealer.md5 !== md5) throw new ChangedMeanwhile();
    if (!(await file.isUnchanged())) throw new ChangedMeanwhile();
    const key = md5 === undefined ? keyFor({ ...fields, md5: sealer.md5 }, context) : undefined;
    staged = await writer.finish({ head: sealer.head(), ...(key !== undefined && { key }) });
  } catch (error) {
    await writer.abort();
    context.progress(-counted); // the next attempt counts from the beginning
    throw error;
  }
  return { kind: "stored", read: { size, mtime, md5: sealer.md5 }, staged };
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

/** The key of a new object; throws when the destination cannot hold it. */
function keyFor(fields: NameFields, context: StoreContext): string {
  const key = storedKey(fields, context.config, context.keyRing, context.salt);
  const problem = context.destination.keyProblem(key);
  if (problem === undefined) return key;
  throw new StorageError("destination", problem, {
    path: fields.path,
    code: "ENAMETOOLONG",
    remedy: "shorten the name, or leave the file out with ignore_regex",
  });
}

/** The key under which a version is stored: its plain name, or that name encrypted. */
export function storedKey(
  fields: NameFields,
  { encryptFilenames, encryptionType }: Config,
  keyRing: KeyRing | undefined,
  salt: Uint8Array | undefined,
): string {
  if (!encryptFilenames) return formatStoredName(fields);
  if (keyRing === undefined || salt === undefined) throw new BackupError("internal", "names need a key");
  return sealName(formatPlainName(fields), { type: encryptionType, keyRing, salt });
}

function sealingOf({ classic, keyRing, salt }: StoreContext) {
  if (classic.encryption === "none") return undefined;
  if (keyRing === undefined || salt === undefined)
    throw new BackupError("internal", "encryption needs a key");
  return { keyRing, salt };
}

/** An S3 ETag that looks like an md5 is one, unless the bucket encrypts in certain ways: so it is only a guess. */
function hintedMd5({ md5Hint }: SourceFile): string | undefined {
  return md5Hint !== undefined && HINTED_MD5.test(md5Hint)
    ? md5ToBase36(Buffer.from(md5Hint, "hex"))
    : undefined;
}

function md5Of(bytes: Uint8Array): Buffer {
  return hash("md5", bytes, "buffer");
}

function isFromSource(error: unknown): boolean {
  return error instanceof BackupError && error.side === "source";
}

function hasChanged(error: unknown): boolean {
  if (error instanceof ChangedMeanwhile) return true;
  const code = errorCode(error);
  return isFromSource(error) && (code === "ECHANGED" || code === "ESHORT");
}
