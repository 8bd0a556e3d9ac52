/**
 * The contract between the run and the place that is backed up.
 */

import type { ErrorReport } from "../errors.ts";
import type { RemoteObject } from "../storage/storage.ts";
import type { Entry } from "./entry.ts";

/** What a scan found beside files. */
export interface ScanFindings {
  /** Something could not be listed: a failure, and a reason to mark nothing as deleted. */
  onError(report: ErrorReport): void;
  /** Something was left out on purpose (a FIFO, a dangling link): worth a line, no failure. */
  onSkipped(path: string, reason: string): void;
  /** Something about the whole scan, told once at its end. */
  onNote(text: string): void;
}

export interface Source {
  readonly location: string;
  /** Begins the next scan, as far as it can go beside whatever is done before it. `close` ends it. */
  prepare?(signal?: AbortSignal): void;
  /**
   * All files in batches, ascending by `sortKey`. Throws code `ENOENT` when the source itself is missing.
   * What cannot be listed is reported, kept in `unknown`, and the scan goes on.
   */
  scan(findings: ScanFindings, signal?: AbortSignal): AsyncIterable<Entry[]>;
  /**
   * Whether this path may exist although the scan did not see it: it could not be examined, or lies in a folder that
   * could not be read. Valid for a path once the scan has passed its place.
   */
  isUnknown(path: string): boolean;
  /** Whether a file that the scan did not meet came since it began, as far as that can be seen. Valid likewise. */
  cameSince(path: string): boolean;
  /**
   * Of a file that the scan met and that is not there any more: whether its folder is, and changed since. Then the file was
   * removed, and it is not the whole place that went away.
   */
  wasRemoved(path: string): boolean;
  /**
   * The rule of `exclude` and the like that leaves out a path (as it is stored), for people; undefined where there is
   * none, and of `ignore_regex`, which treats what is stored already like deleted files. Valid once the scan has passed
   * its place.
   */
  excludedBy(path: string): Promise<string | undefined>;
  /** Whether a folder (as it is stored, with a slash at its end) is not entered: nothing in it is considered. Valid likewise. */
  skipsFolder(folder: string): boolean;
  /** Whether `excludedBy` may name one at all. Valid once the scan is over. */
  mayLeaveOut(): boolean;
  /** Whether at the source's place is what was there when the scan began, as far as that can be seen without reading. */
  isStillThere(): boolean;
  /** The rule of any kind that leaves out a path of the source (a folder with a slash at its end). Valid likewise. */
  ruleFor(path: string): Promise<string | undefined>;
  /**
   * Of buckets that the destination can copy from as they are: whether the ETag of this file may be taken for its md5.
   * One object of each is read for that, once.
   */
  trustsEtag?(entry: { path: string; size: number; etag?: string }): Promise<boolean>;
  /** Opens one file for reading. Throws code `ENOENT` when it has gone since it was listed. */
  open(entry: { path: string; size: number; mtime: number; etag?: string }): Promise<SourceFile>;
  close(): Promise<void>;
}

/** One file being read; `size` and `mtime` are those at the moment it was opened, not those of the listing. */
export interface SourceFile {
  readonly size: number;
  readonly mtime: number;
  /** What the storage says the content's md5 is, as hexadecimal digits, where it may be trusted as a guess (S3). */
  readonly md5Hint?: string;
  /** Of a bucket that the destination can copy from: the object, if its ETag may be its md5. */
  readonly remote?: RemoteObject;
  /** The first `size` bytes. Each call reads from the beginning; a piece is valid until the next is asked for. */
  read(signal?: AbortSignal): AsyncIterable<Buffer>;
  readWhole(signal?: AbortSignal): Promise<Buffer>;
  /** False once the file is no longer what it was when it was opened: what was read may be torn. */
  isUnchanged(): Promise<boolean>;
  /**
   * The content's md5 as hexadecimal digits by all that the storage shows of the object as it is now; costs a request.
   * Throws like a read when it is no longer what was opened.
   */
  toldMd5?(): Promise<string | undefined>;
  /** What the storage keeps beside the content (S3: content type, user metadata), by header; costs a request. */
  headers?(): Promise<ReadonlyMap<string, string>>;
  close(): Promise<void>;
}
