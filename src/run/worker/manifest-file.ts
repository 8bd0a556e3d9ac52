/** A metadata manifest as a file of the source: its content is at hand already. */
import { MANIFEST_MTIME } from "../../names/manifest-name.ts";
import type { SourceFile } from "../../scan/source.ts";

export class ManifestFile implements SourceFile {
  readonly size: number;
  readonly mtime = MANIFEST_MTIME;
  private readonly bytes: Buffer;

  constructor(text: string) {
    this.bytes = Buffer.from(text, "utf8");
    this.size = this.bytes.length;
  }

  async *read(): AsyncGenerator<Buffer> {
    yield this.bytes;
  }

  async readWhole(): Promise<Buffer> {
    return this.bytes;
  }

  async isUnchanged(): Promise<boolean> {
    return true;
  }

  async close(): Promise<void> {}
}
