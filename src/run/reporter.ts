/**
 * What a run tells while it goes on. The command line prints it; a program that uses the library may do otherwise.
 * Paths are handed over raw: whoever shows them escapes them.
 */
import type { ErrorReport } from "../errors.ts";

export interface Progress {
  /** Files and bytes of the source (or the stored originals) dealt with so far. */
  readonly files: number;
  readonly bytes: number;
  /** Bytes that were read or written back, those of files in flight included: what the rate is made of. */
  readonly worked: number;
  /** How much there is to do, once that is known. */
  readonly totalFiles?: number;
  readonly totalBytes?: number;
}

export interface Reporter {
  /** A line about the run as a whole. */
  info(text: string): void;
  /** One file acted on: what was done, to which path, a remark, and the bytes of the original. */
  file(action: string, path: string, note?: string, bytes?: number): void;
  /** Something worth knowing that is no failure. */
  warning(text: string, path?: string): void;
  /** A failure; counted, and shown among the errors. */
  error(report: ErrorReport): void;
  progress(progress: Progress): void;
}
