/**
 * A folder as a storage.
 *
 * Objects are staged in this process's temporary folder below the same root and published in groups (`placement.ts`;
 * docs/architecture.md, "The order of writing").
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { errorCode, type Side, StorageError } from "../../errors.ts";
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
import { readPieces, readUpTo, removeQuietly, writeFully } from "./file-io.ts";
import { Folders } from "./folders.ts";
import { localKeyProblem } from "./key-problem.ts";
import { listFolder } from "./list.ts";
import { listingError, localError } from "./local-error.ts";
import { LocalWriter, type WriterPlace } from "./local-writer.ts";
import { makeFolder } from "./make-folder.ts";
import { Placement } from "./placement.ts";
import { RootClock } from "./root-clock.ts";
import { RootDevice } from "./root-device.ts";
import { sweepTemporaryFolders, TemporaryFolder } from "./temporary.ts";

/** Opening an object, copying it and looking at the copy takes as long as sealing so much anew. */
const WORTH_COPYING = 64 * 1024;

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
  private readonly clock: RootClock;
  private readonly placement: Placement;
  private readonly writerPlace: WriterPlace = {
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
    this.clock = new RootClock(this.location);
    this.temporary = new TemporaryFolder(this.location);
    const { location, folders, temporary, device } = this;
    this.placement = new Placement({ side, location, folders, temporary, device });
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
      this.clock.meet();
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
      this.clock.meet();
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
      return new LocalWriter(key, this.temporary.newPath(), this.writerPlace, options);
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

  publish(staged: readonly StagedObject[], at?: number): Promise<PublishResult[]> {
    return this.placement.publish(staged, at);
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
    } catch {
      return false; // what is wrong beside that, a copy tells as well
    }
  }

  async rename(from: string, to: string): Promise<void> {
    if (from === to) throw new StorageError(this.side, "cannot be renamed to itself", { path: from });
    try {
      this.placement.rename(from, to);
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
    return this.clock.offset();
  }

  placeProblem(): StorageError | undefined {
    return this.placement.problem();
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
    this.clock.keep();
  }

  private pathOf(key: string): string | Buffer {
    return fsPath(`${this.location}/${key}`);
  }

  private wrap(error: unknown, what: string, key?: string): StorageError {
    return localError(this.side, error, what, key ?? this.location);
  }
}

function absoluteRange(range: ByteRange | undefined, size: number): { start: number; end: number } {
  const asked = range === undefined ? 0 : range.start < 0 ? size + range.start : range.start;
  const start = Math.min(Math.max(0, asked), size);
  return { start, end: Math.max(start, Math.min(range?.end ?? size, size)) };
}
