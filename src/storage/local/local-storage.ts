/**
 * A folder as a storage.
 *
 * Objects are staged in this process's temporary folder below the same root and published in groups: flush the data
 * of all, rename each to its key, flush every folder that changed. A power cut at any moment leaves for each key the
 * old object or the new one, whole (docs/architecture.md, "The order of writing").
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { errorCode, type Side, StorageError } from "../../errors.ts";
import { folderOf } from "../../names/folders.ts";
import { bytesOfPath, fsPath } from "../../names/path-text.ts";
import type {
  ByteRange,
  ListedObject,
  ObjectStat,
  PublishResult,
  ReadOptions,
  StagedObject,
  Storage,
  UnfinishedUpload,
  UploadOptions,
  Writer,
  WriterOptions,
} from "../storage.ts";
import { flushFiles } from "./durability.ts";
import { readPieces, readUpTo, removeQuietly, writeFully } from "./file-io.ts";
import { Folders } from "./folders.ts";
import { localKeyProblem } from "./key-problem.ts";
import { LetterCase } from "./letter-case.ts";
import { listFolder } from "./list.ts";
import { listingError, localError } from "./local-error.ts";
import { LocalWriter, type WriterPlace } from "./local-writer.ts";
import { makeFolder } from "./make-folder.ts";
import { RootDevice, wentAway } from "./root-device.ts";
import { sweepTemporaryFolders, TemporaryFolder } from "./temporary.ts";

/** Opening an object, copying it and looking at the copy takes as long as sealing so much anew. */
const WORTH_COPYING = 64 * 1024;
/** Some 3 ms. */
const MOVED_AT_ONCE = 200;

export class LocalStorage implements Storage {
  readonly kind = "local";
  readonly location: string;
  readonly lateKeys = true;
  readonly worthCopying = WORTH_COPYING;
  private readonly side: Side;
  private readonly rootBytes: number;
  private readonly folders: Folders;
  private readonly temporary: TemporaryFolder;
  private readonly device: RootDevice;
  private hasPublished = false;
  private readonly letterCase: LetterCase;
  private readonly place: WriterPlace = {
    pathOf: (key) => this.pathOf(key),
    wrap: (error, key) => this.wrap(error, "cannot be written", key),
  };

  /** `root` may be relative to the working directory; it need not exist yet. */
  constructor(root: string, side: Side) {
    this.location = path.resolve(root);
    this.side = side;
    this.rootBytes = bytesOfPath(this.location).length;
    this.folders = new Folders(this.location);
    this.device = new RootDevice(this.location);
    this.letterCase = new LetterCase(this.location);
    this.temporary = new TemporaryFolder(this.location);
  }

  keyProblem(key: string): string | undefined {
    return localKeyProblem(key, this.rootBytes);
  }

  async *list(
    signal?: AbortSignal,
    onUnlistable?: (error: StorageError) => void,
  ): AsyncGenerator<ListedObject[]> {
    try {
      this.device.meet();
      yield* listFolder(this.location, signal, {
        onEmpty: (folder) => this.folders.foundEmpty(folder),
        ...(onUnlistable && {
          onUnlistable: (error: unknown) => onUnlistable(listingError(this.side, error, this.location)),
        }),
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw listingError(this.side, error, this.location);
    }
  }

  async stat(key: string): Promise<ObjectStat | undefined> {
    try {
      const stat = fs.statSync(this.pathOf(key), { throwIfNoEntry: false });
      return stat?.isFile() ? { size: stat.size, modified: stat.mtimeMs } : undefined;
    } catch (error) {
      if (errorCode(error) === "ENOTDIR") return undefined;
      throw this.wrap(error, "cannot be examined", key);
    }
  }

  async *read(key: string, { range, signal }: ReadOptions = {}): AsyncGenerator<Buffer> {
    let fd: number | undefined;
    try {
      fd = fs.openSync(this.pathOf(key), "r");
      const { start, end } = absoluteRange(range, fs.fstatSync(fd).size);
      for (const piece of readPieces(fd, start, end)) {
        signal?.throwIfAborted();
        yield piece;
      }
    } catch (error) {
      if (signal?.aborted) throw error;
      throw this.wrap(error, "cannot be read", key);
    } finally {
      if (fd !== undefined) fs.closeSync(fd);
    }
  }

  async readWhole(key: string, { range }: ReadOptions = {}): Promise<Buffer> {
    return this.readNow(key, range);
  }

  /** The same without a promise, for threads that do nothing else. */
  readNow(key: string, range?: ByteRange): Buffer {
    let fd: number | undefined;
    try {
      fd = fs.openSync(this.pathOf(key), "r");
      const { start, end } = absoluteRange(range, fs.fstatSync(fd).size);
      const bytes = readUpTo(fd, end - start, start);
      if (bytes.length < end - start) {
        throw new StorageError(this.side, "became shorter while it was read", { path: key, code: "ESHORT" });
      }
      return bytes;
    } catch (error) {
      throw this.wrap(error, "cannot be read", key);
    } finally {
      if (fd !== undefined) fs.closeSync(fd);
    }
  }

  async create(): Promise<void> {
    try {
      makeFolder(this.location);
      this.device.meet();
    } catch (error) {
      throw this.wrap(error, "cannot be created");
    }
  }

  async write(key: string, bytes: Uint8Array): Promise<StagedObject> {
    let temporary: string | undefined;
    try {
      temporary = this.temporary.newPath();
      const fd = fs.openSync(temporary, "wx", 0o600);
      try {
        writeFully(fd, bytes, 0);
      } finally {
        fs.closeSync(fd);
      }
      return { key, size: bytes.length, temporary };
    } catch (error) {
      if (temporary !== undefined) removeQuietly(temporary);
      throw this.wrap(error, "cannot be written", key);
    }
  }

  async createWriter(key: string, options: WriterOptions): Promise<Writer> {
    try {
      return new LocalWriter(key, this.temporary.newPath(), this.place, options);
    } catch (error) {
      throw this.wrap(error, "cannot be written", key);
    }
  }

  async upload(
    key: string,
    body: AsyncIterable<Uint8Array>,
    { signal, sizeHint }: UploadOptions,
  ): Promise<StagedObject> {
    const writer = await this.createWriter(key, { sizeHint, ...(signal && { signal }) });
    try {
      for await (const piece of body) await writer.write(piece);
      return await writer.finish();
    } catch (error) {
      await writer.abort();
      throw this.wrap(error, "cannot be written", key);
    }
  }

  async publish(staged: readonly StagedObject[], at?: number): Promise<PublishResult[]> {
    if (at !== undefined) {
      for (const { temporary, notBefore = at } of staged) setTime(temporary, Math.max(at, notBefore));
    }
    const flushed = await flushFiles(
      this.location,
      staged.map((object) => temporaryOf(object)),
    );
    const problem = this.device.problem(this.side);
    const failures = problem === undefined ? flushed : staged.map(() => problem);
    const results: PublishResult[] = [];
    for (const [i, object] of staged.entries()) {
      // Others wait for this thread: workers for their next files.
      if (i % MOVED_AT_ONCE === MOVED_AT_ONCE - 1) await turn();
      results.push(this.moveIntoPlace(object, failures[i]));
    }
    this.hasPublished ||= results.some(({ error }) => error === undefined);
    try {
      await this.folders.flush();
      return results;
    } catch (error) {
      const failure = this.wrap(error, "could not be made durable");
      return results.map((result) => ({ error: failure, ...result }));
    }
  }

  async discard(staged: readonly StagedObject[]): Promise<void> {
    for (const { temporary } of staged) if (temporary !== undefined) removeQuietly(temporary);
  }

  /**
   * A hard link where the file system has them: objects are never changed in place, so sharing is safe. A separate
   * copy shares blocks where the file system does that.
   */
  async copy(
    from: string,
    to: string,
    { separate = false }: { readonly separate?: boolean } = {},
  ): Promise<StagedObject> {
    let temporary: string | undefined;
    try {
      temporary = this.temporary.newPath();
      const { size } = fs.statSync(this.pathOf(from));
      if (separate || !this.link(from, temporary)) {
        fs.copyFileSync(this.pathOf(from), temporary, fs.constants.COPYFILE_FICLONE);
      }
      return { key: to, size, temporary };
    } catch (error) {
      if (temporary !== undefined) removeQuietly(temporary);
      throw this.wrap(error, "cannot be copied", from);
    }
  }

  /** Whether the file system took a hard link. */
  private link(from: string, temporary: string): boolean {
    try {
      fs.linkSync(this.pathOf(from), temporary);
      return true;
    } catch (error) {
      if (errorCode(error) === "ENOENT") throw error;
      return false;
    }
  }

  async rename(from: string, to: string): Promise<void> {
    if (from === to) throw new StorageError(this.side, "cannot be renamed to itself", { path: from });
    try {
      this.renameIntoPlace(this.pathOf(from), to);
      // Between two names of one file (hard links, as `copy` makes them) rename(2) does nothing, and says it did.
      fs.rmSync(this.pathOf(from), { force: true });
      this.folders.touch(from, true);
    } catch (error) {
      throw this.wrap(error, "cannot be renamed", from);
    }
  }

  async remove(keys: readonly string[]): Promise<{ key: string; error: Error }[]> {
    const failures: { key: string; error: Error }[] = [];
    for (const key of keys) {
      try {
        fs.unlinkSync(this.pathOf(key));
        this.folders.touch(key, true);
      } catch (error) {
        const code = errorCode(error);
        if (code === "ENOENT" || code === "ENOTDIR") continue;
        failures.push({ key, error: this.wrap(error, "cannot be removed", key) });
      }
    }
    return failures;
  }

  clockOffset(): number {
    return 0;
  }

  /** Our temporary folder is in the root as long as we are: nobody else removes it. */
  placeProblem(): StorageError | undefined {
    if (!this.hasPublished || this.temporary.isThere()) return undefined;
    return wentAway(this.side, this.location);
  }

  async flush(): Promise<void> {
    try {
      await this.folders.flush();
    } catch (error) {
      throw this.wrap(error, "could not be made durable");
    }
  }

  async listUploads(): Promise<UnfinishedUpload[]> {
    return [];
  }

  async lastActivity({ initiated }: UnfinishedUpload): Promise<number> {
    return initiated;
  }

  async abortUpload(): Promise<void> {
    // A local storage has no unfinished uploads: its temporary files go with `sweep`.
  }

  async sweep(maxAgeMs: number): Promise<number> {
    try {
      return sweepTemporaryFolders(this.location, maxAgeMs, Date.now());
    } catch (error) {
      throw this.wrap(error, "temporary files cannot be removed");
    }
  }

  async close(): Promise<void> {
    this.temporary.remove();
  }

  /** `failure`: why the disk did not take the data; such an object never gets its name. */
  private moveIntoPlace(object: StagedObject, failure: unknown): PublishResult {
    try {
      if (failure !== undefined) throw failure;
      this.checkFolder(object.key);
      this.renameIntoPlace(temporaryOf(object), object.key);
      return { staged: object };
    } catch (error) {
      removeQuietly(temporaryOf(object));
      const what = failure === undefined ? "cannot be put in its place" : "could not be made durable";
      return { staged: object, error: this.wrap(error, what, object.key) };
    }
  }

  /** In a folder of another name it would be listed as another file. */
  private checkFolder(key: string): void {
    const folder = folderOf(key);
    if (folder === "" || !this.letterCase.isIgnoredAt(path.basename(this.temporary.path))) return;
    const there = this.letterCase.namesakeOf(folder);
    if (there === undefined) return;
    throw new StorageError(this.side, `cannot be stored: its folder is called ${there} there already`, {
      path: key,
      code: "ECASE",
      remedy:
        "this file system does not tell upper from lower case: set encrypt_filenames, or store on another",
    });
  }

  private renameIntoPlace(from: string | Buffer, key: string): void {
    this.folders.ensureFor(key);
    try {
      fs.renameSync(from, this.pathOf(key));
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
      // Another run may have removed the folder while it was empty; if not, the second try fails the same way.
      this.folders.forget(key);
      this.folders.ensureFor(key);
      try {
        fs.renameSync(from, this.pathOf(key));
      } catch (second) {
        this.folders.touch(key, true); // a folder made for nothing goes with the next flush
        throw second;
      }
    }
  }

  private pathOf(key: string): string | Buffer {
    return fsPath(`${this.location}/${key}`);
  }

  private wrap(error: unknown, what: string, key?: string): StorageError {
    return localError(this.side, error, what, key ?? this.location);
  }
}

/** Before the flush, which makes it durable with the data. A failure shows when the object is put in its place. */
function setTime(temporary: string | undefined, at: number): void {
  try {
    if (temporary !== undefined) fs.utimesSync(temporary, at / 1000, at / 1000);
  } catch {
    // Then it keeps the moment at which it was written, which is nearly the same.
  }
}

function temporaryOf(object: StagedObject): string {
  if (object.temporary === undefined) throw new Error("not staged by a local storage");
  return object.temporary;
}

function absoluteRange(range: ByteRange | undefined, size: number): { start: number; end: number } {
  const asked = range === undefined ? 0 : range.start < 0 ? size + range.start : range.start;
  const start = Math.min(Math.max(0, asked), size);
  return { start, end: Math.max(start, Math.min(range?.end ?? size, size)) };
}
