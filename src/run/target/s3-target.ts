/**
 * A bucket as the target of a restore. The content streams into an upload that completes only when the stream has
 * ended well; one that fails is aborted and leaves nothing.
 */
import { errorCode, StorageError } from "../../errors.ts";
import { md5ToBase36, type StoredVersion } from "../../names/stored-name.ts";
import type { Storage } from "../../storage/storage.ts";
import { intoBackup } from "./local-target.ts";
import type { Existing, PutOptions, RestoreTarget } from "./restore-target.ts";

export class S3Target implements RestoreTarget {
  readonly takesAtOnce = false;
  private readonly storage: Storage;
  private readonly backup: string | undefined;

  /** @param backup where the destination lies below it, with a slash at its end: nothing is written there. */
  constructor(storage: Storage, backup?: string) {
    this.storage = storage;
    this.backup = backup;
  }

  /** A bucket that is missing is one mistake, not one for each file. Whatever else is wrong with it each file tells. */
  async check(): Promise<void> {
    try {
      await this.storage.create();
    } catch (error) {
      if (errorCode(error) === "ENOENT") throw error;
    }
  }

  async examine(path: string): Promise<Existing | undefined> {
    const problem = this.storage.keyProblem(path);
    if (problem !== undefined) throw new StorageError("restore", `not restored: ${problem}`, { path });
    if (this.backup !== undefined && path.startsWith(this.backup)) throw intoBackup(path);
    const stat = await this.storage.stat(path);
    if (stat === undefined) return undefined;
    return {
      size: stat.size,
      mtime: Math.floor((stat.mtime ?? stat.modified) / 1000),
      storedAt: Math.floor(stat.modified / 1000),
      regular: true,
      ...(stat.md5 !== undefined && { md5: md5ToBase36(Buffer.from(stat.md5, "hex")) }),
    };
  }

  /**
   * By md5 where the ETag is one, else by the mtime that a restore leaves in the object's metadata, or by when it was stored:
   * as the object of a source a backup goes by that, whatever mtime another program gave it.
   */
  async isIdentical(version: StoredVersion, existing: Existing, checksum: boolean): Promise<boolean> {
    if (existing.size !== version.size) return false;
    if (existing.md5 !== undefined) return existing.md5 === version.md5;
    return !checksum && [existing.mtime, existing.storedAt].includes(version.mtime);
  }

  async put(
    version: StoredVersion,
    content: AsyncIterable<Buffer>,
    signal: AbortSignal,
    { headers }: PutOptions = {},
  ): Promise<void> {
    await this.storage.upload(version.path, content, {
      mtime: version.mtime * 1000,
      sizeHint: version.size,
      ...(headers !== undefined && { headers }),
      signal,
    });
  }

  async flush(): Promise<void> {
    await this.storage.flush();
  }

  async close(): Promise<void> {
    await this.storage.close();
  }
}
