/**
 * What storing a file needs, whichever way it goes: the places, the key, reading the source with a stop in between.
 */
import { createHash } from "node:crypto";
import type { Header } from "../../container/segmented.ts";
import { DamagedError, errorCode, StorageError } from "../../errors.ts";
import { md5ToBase36, type NameFields, type StoredVersion } from "../../names/stored-name.ts";
import type { Source, SourceFile } from "../../scan/source.ts";
import { isPassing } from "../../storage/passing.ts";
import type { UnfinishedUpload } from "../../storage/storage.ts";
import type { FileMeta, ObjectSealer } from "../object/object-sealer.ts";
import type { OpenContext } from "../object/open-object.ts";
import type { ReadFile } from "./tasks.ts";

export interface StoreContext extends OpenContext {
  readonly source: Source;
  readonly sealer: ObjectSealer;
  /** What this worker has learned of both sides. */
  readonly learned: Learned;
  stopped(): boolean;
  progress(bytes: number): void;
}

/** Kept for the run. */
export interface Learned {
  /** The server cannot copy parts of objects. */
  cannotCopyParts: boolean;
  /** Buckets of the source whose objects it does not copy, or copies into something else. */
  readonly cannotImportFrom: Set<string>;
  /** The source has ETags that look like md5s and are none. */
  etagsAreNoMd5: boolean;
}

/** What one attempt at a file needs to know beside the open file. */
export interface Attempt {
  readonly path: string;
  readonly type: "file" | "manifest";
  /** What is kept beside the content. */
  readonly headers: Pick<FileMeta, "headers">;
  readonly sameSize: readonly StoredVersion[];
  /** The live version that the new one takes the place of. */
  readonly previous: StoredVersion | undefined;
  /** Uploads of this path that earlier runs left. */
  readonly unfinished: readonly UnfinishedUpload[];
  readonly attempt: number;
  /** Gets what a small file is, before it is stored. */
  onRead(read: ReadFile): void;
}

/** Thrown inside one attempt; the caller tries again. */
export class ChangedMeanwhile extends Error {}

/** The file's pieces, ending early when the run is told to stop; `take` is given each before it is handed on. */
export async function* watched(
  file: SourceFile,
  context: StoreContext,
  take: (piece: Buffer) => void,
): AsyncGenerator<Buffer> {
  for await (const piece of file.read(context.signal)) {
    if (context.stopped()) throw new ChangedMeanwhile();
    take(piece);
    yield piece;
  }
}

/** The md5 of a file, canonical base 36; `take` sees each piece. Throws `ChangedMeanwhile`. */
export async function hashPass(
  file: SourceFile,
  context: StoreContext,
  take: (piece: Buffer) => void = () => {},
): Promise<string> {
  const digest = createHash("md5");
  for await (const piece of watched(file, context, take)) digest.update(piece);
  if (!(await file.isUnchanged())) throw new ChangedMeanwhile();
  return md5ToBase36(digest.digest());
}

/** What is kept beside the content: of S3 sources, while metadata are on, in containers that have a place for it. */
export async function headersOf(
  file: SourceFile,
  { config, sealer }: StoreContext,
): Promise<Pick<FileMeta, "headers">> {
  return config.metadata && sealer.keepsHeaders && file.headers ? { headers: await file.headers() } : {};
}

/** Counts progress, and can take it back where an attempt starts again. */
export class Progress {
  private readonly context: StoreContext;
  private counted = 0;

  constructor(context: StoreContext) {
    this.context = context;
  }

  add(bytes: number): void {
    this.counted += bytes;
    this.context.progress(bytes);
  }

  takeBack(): void {
    this.add(-this.counted);
  }
}

/** At least as much as stands between the key of a live version and the longest that its path can get. */
const GROWTH = "x".repeat(40);

/** What decides about keys. */
type KeyContext = Pick<StoreContext, "sealer" | "destination">;

/** The key of a new object; throws when the destination cannot hold it, or not once the version is retired. */
export function keyFor(fields: NameFields, context: KeyContext): string {
  return checked(context.sealer.keyFor(fields), fields, context);
}

/** The same of an object that keeps the bytes, and the header, of another one; undefined: of the classic container. */
export function keyOver(fields: NameFields, header: Header | undefined, context: StoreContext): string {
  return checked(context.sealer.keyOver(fields, header), fields, context);
}

function checked(key: string, fields: NameFields, { sealer, destination }: KeyContext): string {
  const isClose = destination.keyProblem(key + GROWTH) !== undefined;
  const longest = isClose ? sealer.longestKeyFor?.(fields) : undefined;
  const problem = destination.keyProblem(key) ?? (longest && destination.keyProblem(longest));
  if (problem === undefined) return key;
  throw new StorageError("destination", problem, {
    path: fields.path,
    code: "ENAMETOOLONG",
    remedy: "shorten the name, or leave the file out with ignore_regex",
  });
}

/** Of a server that never does what it was asked for. */
const NOT_IMPLEMENTED: ReadonlySet<string | undefined> = new Set(["NotImplemented", "MethodNotAllowed"]);

/**
 * Undefined for a failure of copying, or of what would be copied, that a full upload makes good. Throws everything
 * else on: what the source did, and failures of the moment.
 */
export function fallBack(error: unknown, { stopped, learned }: StoreContext): undefined {
  const permanent =
    error instanceof DamagedError ||
    (error instanceof StorageError && error.side === "destination" && !isPassing(error));
  if (!permanent || stopped()) throw error;
  if (NOT_IMPLEMENTED.has(errorCode(error))) learned.cannotCopyParts = true;
  return undefined;
}
