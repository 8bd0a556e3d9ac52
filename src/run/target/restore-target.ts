/**
 * Where restored files go. Two kinds: a folder (local-target.ts) and a bucket (s3-target.ts).
 */
import type { StoredVersion } from "../../names/stored-name.ts";
import type { PieceWriter } from "../object/write-behind.ts";

/** What lies at a path of the target already. */
export interface Existing {
  readonly size: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  /** When it was stored, likewise, where the target tells that from its mtime. */
  readonly storedAt?: number;
  /** The content's md5 in canonical base 36 where the target knows it without reading. */
  readonly md5?: string;
  /** Only regular files can be identical to what would be restored. */
  readonly regular: boolean;
  /** Its permission bits, where it has such: what takes its place keeps them. */
  readonly mode?: number;
}

export interface PutOptions {
  /** Runs of zeros become holes, where the target has such. */
  readonly sparse?: boolean;
  /** No metadata that were recorded will fit it, so that its mode is not known. */
  readonly isOld?: boolean;
  /** Kept beside the content, where the target has a place for it. */
  readonly headers?: ReadonlyMap<string, string>;
  /** What `examine` found there. */
  readonly existing?: Existing;
  /** Writes files of a folder elsewhere; it takes the memory of the pieces. */
  readonly writer?: PieceWriter;
}

export interface RestoreTarget {
  /** Whether a piece of content is done with when `put` asks for the next. */
  readonly takesAtOnce: boolean;
  /** Throws StorageError where it is certain that nothing can be written; for the main thread, before anything is read. */
  check?(): Promise<void>;
  /** Undefined when nothing is there. Throws when the path must not or cannot be written. */
  examine(path: string): Promise<Existing | undefined>;
  isIdentical(version: StoredVersion, existing: Existing, checksum: boolean): Promise<boolean>;
  /**
   * Writes the file so that it appears only after `content` has ended, which it does when everything is verified;
   * when `content` throws, nothing changes at the path.
   */
  put(
    version: StoredVersion,
    content: AsyncIterable<Buffer>,
    signal: AbortSignal,
    options: PutOptions,
  ): Promise<void>;
  /** Makes durable what replaced something, and leaves no temporary file; for the main thread, when nothing more is put. */
  flush(): Promise<void>;
  close(): Promise<void>;
}
