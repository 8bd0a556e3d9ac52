/**
 * Writes one large object into a temporary file, the reserved head last.
 */
import * as fs from "node:fs";
import type { StagedObject, Writer, WriterOptions } from "../storage.ts";
import { cloneBeginning, readPiecesReusing, removeQuietly, writeFully } from "./file-io.ts";

/**
 * So many bytes are brought to the disk while the next ones are made. Otherwise the system would begin when all is
 * written, and the flush that makes the object durable would wait for all of it.
 */
const FLUSHED_BYTES = 64 * 1024 * 1024;

/** Of file systems that have no such call: the flush at the end is the one that counts. */
const CANNOT: ReadonlySet<string | undefined> = new Set(["EINVAL", "ENOSYS", "ENOTSUP"]);

/** What a writer needs of its storage. */
export interface WriterPlace {
  pathOf(key: string): string | Buffer;
  /** The storage's own error for what went wrong with a key. */
  wrap(error: unknown, key: string): Error;
}

export class LocalWriter implements Writer {
  private readonly key: string;
  private readonly temporary: string;
  private readonly reserve: number;
  private readonly place: WriterPlace;
  private readonly signal: AbortSignal | undefined;
  private fd: number | undefined;
  private position: number;
  private copied = 0;
  private flushedTo = 0;
  private flushing: Promise<void> | undefined;
  private flushFailure: unknown;

  constructor(key: string, temporary: string, place: WriterPlace, { reserve = 0, signal }: WriterOptions) {
    this.key = key;
    this.temporary = temporary;
    this.reserve = reserve;
    this.place = place;
    this.signal = signal;
    this.fd = fs.openSync(temporary, "wx", 0o600);
    this.position = reserve;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.signal?.throwIfAborted();
    this.wrapped(() => writeFully(this.opened(), bytes, this.position));
    this.position += bytes.length;
    if (this.position - this.flushedTo >= FLUSHED_BYTES && this.flushing === undefined) this.flush();
  }

  async copyFrom(key: string, range: { start: number; end: number }): Promise<void> {
    const path = this.place.pathOf(key);
    if (range.start === 0 && this.position === 0 && this.wrapped(() => this.cloned(path, range.end))) return;
    const from = this.wrapped(() => fs.openSync(path, "r"));
    try {
      for (const piece of readPiecesReusing(from, range.start, range.end)) await this.write(piece);
      this.copied += range.end - range.start;
    } catch (error) {
      throw this.signal?.aborted ? error : this.place.wrap(error, this.key);
    } finally {
      fs.closeSync(from);
    }
  }

  async finish({ head, key = this.key }: { head?: Uint8Array; key?: string } = {}): Promise<StagedObject> {
    if ((head?.length ?? 0) !== this.reserve) throw new RangeError("the head must fill the reserved bytes");
    await this.flushing;
    this.wrapped(() => {
      // The system tells it once: a later flush may find nothing wrong.
      if (this.flushFailure !== undefined) throw this.flushFailure;
      if (head !== undefined) writeFully(this.opened(), head, 0);
      this.close(); // where some file systems tell that the disk is full
    });
    const { position: size, temporary, copied } = this;
    return { key, size, temporary, ...(copied > 0 && { sent: size - copied }) };
  }

  async abort(): Promise<void> {
    await this.flushing;
    try {
      this.close();
    } catch {
      // It is thrown away all the same.
    }
    removeQuietly(this.temporary);
  }

  /** Not in this thread. */
  private flush(): void {
    const fd = this.opened();
    this.flushedTo = this.position;
    this.flushing = new Promise((resolve) => {
      fs.fdatasync(fd, (error) => {
        if (error !== null && !CANNOT.has(error.code)) this.flushFailure ??= error;
        this.flushing = undefined;
        resolve();
      });
    });
  }

  /** Shares the blocks of the file system with the other object, where it can do that. */
  private cloned(path: string | Buffer, end: number): boolean {
    const clone = `${this.temporary}.clone`;
    if (!cloneBeginning(path, clone, end)) return false;
    this.close();
    fs.renameSync(clone, this.temporary);
    this.fd = fs.openSync(this.temporary, "r+");
    this.position = end;
    this.copied += end;
    return true;
  }

  private wrapped<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw this.place.wrap(error, this.key);
    }
  }

  private opened(): number {
    if (this.fd === undefined) throw new Error("the writer has ended");
    return this.fd;
  }

  private close(): void {
    if (this.fd === undefined) return;
    const fd = this.fd;
    this.fd = undefined;
    fs.closeSync(fd);
  }
}
