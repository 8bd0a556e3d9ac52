/**
 * A file of a local source while it is read: what it was when it was opened, and whether it still is.
 */
import * as fs from "node:fs";
import { errorCode, messageOf, StorageError, TemporaryFileError } from "../errors.ts";
import { readPiecesReusing, readUpTo } from "../storage/local/file-io.ts";
import { secondsOfNanoseconds } from "./mtime.ts";
import type { SourceFile } from "./source.ts";

export class OpenLocalFile implements SourceFile {
  readonly size: number;
  readonly mtime: number;
  private readonly fd: number;
  private readonly path: string;
  private readonly opened: fs.BigIntStats;

  constructor(fd: number, file: string) {
    this.fd = fd;
    this.path = file;
    try {
      this.opened = fs.fstatSync(fd, { bigint: true });
      if (!this.opened.isFile())
        throw new StorageError("source", "is no longer a regular file", { path: file });
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
    this.size = Number(this.opened.size);
    this.mtime = secondsOfNanoseconds(this.opened.mtimeNs);
  }

  async *read(signal?: AbortSignal): AsyncGenerator<Buffer> {
    try {
      for (const piece of readPiecesReusing(this.fd, 0, this.size)) {
        signal?.throwIfAborted();
        yield piece;
      }
    } catch (error) {
      if (signal?.aborted) throw error;
      throw sourceError(error, this.path);
    }
  }

  async readWhole(): Promise<Buffer> {
    try {
      const bytes = readUpTo(this.fd, this.size, 0);
      if (bytes.length === this.size) return bytes;
    } catch (error) {
      throw sourceError(error, this.path);
    }
    throw sourceError(Object.assign(new Error("ended early"), { code: "ESHORT" }), this.path);
  }

  async isUnchanged(): Promise<boolean> {
    const now = fs.fstatSync(this.fd, { bigint: true });
    return (
      now.size === this.opened.size &&
      now.mtimeNs === this.opened.mtimeNs &&
      now.ctimeNs === this.opened.ctimeNs
    );
  }

  async close(): Promise<void> {
    fs.closeSync(this.fd);
  }
}

/** The failure of a call of the file system, for a path of the source. */
export function sourceError(error: unknown, file: string, what = "cannot be read"): StorageError {
  if (error instanceof TemporaryFileError) return error;
  const code = errorCode(error);
  return new StorageError("source", `${what} (${code ?? messageOf(error)})`, {
    path: file,
    cause: error,
    ...(code === "EACCES" && { remedy: "give the user that runs this tool read access, or ignore it" }),
  });
}
