/**
 * A nameless temporary file for tables that outgrow memory.
 *
 * It is unlinked as soon as it is open, so that nothing stays behind however the process ends, and nobody else can
 * open it. It holds names and numbers of files, never their content.
 */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { TemporaryFileError } from "../errors.ts";

/** Each method throws TemporaryFileError where the folder for temporary files fails it. */
export class SpillFile {
  private fd: number | undefined;
  private end = 0;

  /** Appends text; returns where it lies, for `read`. */
  append(text: string): { start: number; end: number } {
    const bytes = Buffer.from(text, "utf8");
    const start = this.end;
    try {
      this.fd ??= openNameless();
      for (let done = 0; done < bytes.length; ) {
        done += fs.writeSync(this.fd, bytes, done, bytes.length - done, start + done);
      }
    } catch (error) {
      throw new TemporaryFileError(tmpdir(), error);
    }
    this.end += bytes.length;
    return { start, end: this.end };
  }

  /** The lines written to `[start, end)`, read in pieces so that memory stays flat. */
  *lines({ start, end }: { start: number; end: number }, pieceBytes = 64 * 1024): Generator<string> {
    const piece = Buffer.allocUnsafe(pieceBytes);
    let begun: Buffer[] = [];
    for (let at = start; at < end; ) {
      const count = this.read(piece, Math.min(piece.length, end - at), at);
      at += count;
      let from = 0;
      const read = piece.subarray(0, count);
      for (let newline = read.indexOf(10); newline !== -1; newline = read.indexOf(10, from)) {
        const line = read.subarray(from, newline);
        yield (begun.length === 0 ? line : Buffer.concat([...begun, line])).toString("utf8");
        begun = [];
        from = newline + 1;
      }
      if (from < count) begun.push(Buffer.from(read.subarray(from))); // a copy: the piece is filled again
    }
  }

  private read(piece: Buffer, length: number, at: number): number {
    try {
      const count = fs.readSync(this.fd ?? -1, piece, 0, length, at);
      if (count === 0) throw new Error("it is shorter than what was written");
      return count;
    } catch (error) {
      throw new TemporaryFileError(tmpdir(), error);
    }
  }

  close(): void {
    if (this.fd !== undefined) fs.closeSync(this.fd);
    this.fd = undefined;
  }
}

function openNameless(): number {
  const folder = fs.mkdtempSync(path.join(tmpdir(), "backup-spill-"));
  try {
    const file = path.join(folder, "table");
    const fd = fs.openSync(file, "wx+", 0o600);
    fs.unlinkSync(file);
    return fd;
  } finally {
    fs.rmdirSync(folder);
  }
}
