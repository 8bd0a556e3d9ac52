/**
 * Whether the ETags of a bucket are the md5s of what it holds, tried once a run on one object of it.
 *
 * S3 says when an ETag is the md5 (API reference, "Object"), and a HEAD shows most of it. Servers are known that
 * encrypt in ways which give other ETags of the same look, and show that in headers of their own, or not at all.
 */
import { createHash } from "node:crypto";
import type { Storage } from "../storage/storage.ts";

export interface TriedObject {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** 32 hexadecimal digits. */
  readonly etag: string;
}

/** Objects that cannot be read (gone, archived) before the bucket counts as one that cannot be tried. */
const TRIES = 3;
const MD5_OF_NOTHING = "d41d8cd98f00b204e9800998ecf8427e";

export class EtagTrial {
  private readonly storage: Storage;
  private smallest: TriedObject | undefined;
  private verdict: Promise<boolean | undefined> | undefined;
  private triesLeft = TRIES;

  constructor(storage: Storage) {
    this.storage = storage;
  }

  /** An object that was listed: the smallest is read, should it come to a trial. */
  note(object: TriedObject): void {
    if (object.size > 0 && (this.smallest === undefined || object.size < this.smallest.size))
      this.smallest = object;
  }

  /** Whether this object's ETag may be taken for its md5. Reads an object at the first call. */
  async allows(object: TriedObject): Promise<boolean> {
    if (object.size === 0) return object.etag === MD5_OF_NOTHING; // would prove nothing of others
    this.verdict ??= this.try(this.smallest ?? object);
    const verdict = await this.verdict;
    if (verdict === undefined && this.triesLeft > 0) {
      this.verdict = undefined;
      this.smallest = undefined;
    }
    return verdict ?? false;
  }

  /** Undefined where the object cannot be read. */
  private async try({ key, etag }: TriedObject): Promise<boolean | undefined> {
    this.triesLeft--;
    const digest = createHash("md5");
    try {
      for await (const piece of this.storage.read(key, { etag })) digest.update(piece);
    } catch {
      return undefined; // whoever comes to store it says why
    }
    return digest.digest("hex") === etag;
  }
}
