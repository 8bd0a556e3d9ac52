/**
 * Making objects: their keys and their bytes, in the container that the configuration names.
 */
import type { Config } from "../../config/config.ts";
import type { DeltaWriter, Header, OpenedObject } from "../../container/segmented.ts";
import type { NameFields } from "../../names/stored-name.ts";
import type { BlockThreads } from "./block-threads.ts";
import { ClassicSealer } from "./classic-sealer.ts";
import type { RunKeys } from "./keys.ts";
import type { RuledFile } from "./object-rules.ts";
import { SegmentedSealer } from "./segmented-sealer.ts";

export interface ObjectSealer {
  /** Whether objects repeat their name inside, so that another name takes another object. */
  readonly bindsNames: boolean;
  /** Whether objects hold headers. */
  readonly keepsHeaders: boolean;
  /** Files up to this size, in bytes, are sealed in memory at once; larger ones stream. */
  readonly wholeLimit: number;
  /** The key under which a new object is stored: its plain name, or that name encrypted. */
  keyFor(fields: NameFields): string;
  /**
   * The key of another name for an object that keeps its bytes. It opens with what the object says of itself, since
   * nothing else may ever tell of the keys of this run.
   *
   * @param header of the object; undefined for one of the classic container, or where it does not open.
   */
  keyOver(fields: NameFields, header: Header | undefined): string;
  /** The same by the name that the object has; undefined where that does not tell, and the header has to be read. */
  keyAfter(key: string, fields: NameFields): string | undefined;
  /** The longest key this path will ever have, live or retired: what the destination has to be able to hold. */
  longestKeyFor?(fields: NameFields): string;
  /** Synchronous, for worker threads. `md5` is that of `plain`, in canonical base 36. */
  sealSmall(plain: Buffer, file: FileMeta): { readonly bytes: Buffer; readonly md5: string };
  sealLarge(file: FileMeta & { readonly size: number }): LargeSealer;
  /** Whether the same file under the same settings gives the same bytes, so that half an upload can be gone on with. */
  readonly deterministic: boolean;
  /** Makes the next version behind the body of an object; undefined where a new object would be under other keys. */
  continueObject?(old: OpenedObject, next: RuledFile): DeltaWriter | undefined;
}

export interface FileMeta {
  readonly path: string;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  /** What the object says that it is, where it says so; a file unless told otherwise. */
  readonly type?: "file" | "manifest";
  /** Of an S3 source: headers kept with the object, where the container has a place for them. */
  readonly headers?: ReadonlyMap<string, string>;
}

/** One large file being sealed: `seal` to its end, then `head` and `md5`. */
export interface LargeSealer {
  /** Bytes to keep free in front of what `seal` gives. */
  readonly reserve: number;
  /** An upper bound of the object's size. */
  readonly storedAtMost: number;
  /** Throws `FileChangedError` when the content is not of the size that was said. */
  seal(plain: AsyncIterable<Buffer>): AsyncIterable<Buffer>;
  /** The bytes in front, where some are reserved. */
  head(): Buffer | undefined;
  /** Of what went in: canonical base 36. */
  readonly md5: string;
}

/**
 * @param salt for all that this run seals; undefined where nothing is encrypted.
 * @param threads for large segmented files.
 */
export function openSealer(
  config: Config,
  keys: RunKeys,
  salt: Uint8Array | undefined,
  now: () => Date,
  threads?: BlockThreads,
): ObjectSealer {
  return config.container === "classic"
    ? new ClassicSealer(config, keys.classic, salt, now)
    : new SegmentedSealer(config, keys, salt, threads);
}
