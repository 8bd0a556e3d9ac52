/**
 * Writes one large object into a temporary file, the reserved head last.
 */
import * as fs from "node:fs";
import type { StagedObject, Writer, WriterOptions } from "../storage.ts";
import { readPiecesReusing, writeFully } from "./file-io.ts";

export class LocalWriter implements Writer {
  private readonly key: string;
  private readonly temporary: string;
  private readonly reserve: number;
  private readonly pathOf: (key: string) => string | Buffer;
  private readonly signal: AbortSignal | undefined;
  private fd: number | undefined;
  private position: number;

  constructor(
    key: string,
    temporary: string,
    pathOf: (key: string) => string | Buffer,
    { reserve = 0, signal }: WriterOptions,
  ) {
    this.key = key;
    this.temporary = temporary;
    this.reserve = reserve;
    this.pathOf = pathOf;
    this.signal = signal;
    this.fd = fs.openSync(temporary, "wx", 0o600);
    this.position = reserve;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.signal?.throwIfAborted();
    writeFully(this.opened(), bytes, this.position);
    this.position += bytes.length;
  }

  async copyFrom(key: string, range: { start: number; end: number }): Promise<void> {
    const from = fs.openSync(this.pathOf(key), "r");
    try {
      for (const piece of readPiecesReusing(from, range.start, range.end)) await this.write(piece);
    } finally {
      fs.closeSync(from);
    }
  }

  async finish({ head, key = this.key }: { head?: Uint8Array; key?: string } = {}): Promise<StagedObject> {
    if ((head?.length ?? 0) !== this.reserve) throw new RangeError("the head must fill the reserved bytes");
    if (head !== undefined) writeFully(this.opened(), head, 0);
    this.close();
    return { key, size: this.position, temporary: this.temporary };
  }

  async abort(): Promise<void> {
    this.close();
    fs.rmSync(this.temporary, { force: true });
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
