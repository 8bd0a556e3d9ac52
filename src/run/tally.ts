/**
 * Counting what a run did: files and bytes by outcome, and the failures by kind, which decide the exit code.
 */
import { WHOLE_LIMIT } from "../container/classic.ts";
import type { ErrorKind, ErrorReport } from "../errors.ts";
import type { Reporter } from "./reporter.ts";

export interface Count {
  readonly files: number;
  /** Bytes of the originals. */
  readonly bytes: number;
}

/** Bytes of the object written, of it what was sent (all, where nothing is said), and of the original. */
interface Work {
  readonly stored?: number;
  readonly sent?: number | undefined;
  readonly processed?: number;
}

/** What a finished run hands back. */
export interface RunResult {
  readonly outcomes: ReadonlyMap<string, Count>;
  readonly errors: ReadonlyMap<ErrorKind, number>;
  /** Bytes of the objects written. */
  readonly storedBytes: number;
  /** Bytes that were moved to the destination for them; the rest was there. */
  readonly sentBytes: number;
  /** Bytes of originals that were read, or written back. */
  readonly processedBytes: number;
  /** Of folders whose metadata changed, or are new; they are no files. */
  readonly manifests: number;
  readonly milliseconds: number;
}

export class Tally {
  private readonly reporter: Reporter;
  private readonly started = performance.now();
  private readonly outcomes = new Map<string, { files: number; bytes: number }>();
  private readonly errors = new Map<ErrorKind, number>();
  private storedBytes = 0;
  private sentBytes = 0;
  private processedBytes = 0;
  private manifests = 0;
  /** Bytes of long tasks that have not ended, reported while they go on. */
  private partialBytes = 0;
  private files = 0;
  private bytes = 0;
  private totals: { totalFiles: number; totalBytes: number } | undefined;

  constructor(reporter: Reporter) {
    this.reporter = reporter;
  }

  /** One file has come to its end in this run, in whatever way. */
  count(outcome: string, bytes: number, work: Work = {}): void {
    this.add(outcome, bytes);
    this.done(bytes, work);
  }

  /** The same, where what it counts as is not known yet: `add` tells that. */
  done(bytes: number, { stored = 0, sent = stored, processed = 0 }: Work): void {
    this.storedBytes += stored;
    this.sentBytes += sent;
    this.processedBytes += processed;
    this.files++;
    this.bytes += bytes;
    // Only files too large for memory report bytes before they end; well or not, these are in `bytes` now.
    if (bytes > WHOLE_LIMIT) this.partialBytes = Math.max(0, this.partialBytes - bytes);
    this.showProgress();
  }

  /** A manifest was stored, which is no file, or would be: then of no bytes. */
  manifest(bytes: number): void {
    this.manifests++;
    this.storedBytes += bytes;
    this.sentBytes += bytes;
  }

  /** Files that needed nothing, counted together. */
  countMany(outcome: string, files: number, bytes: number): void {
    const count = this.outcomes.get(outcome) ?? { files: 0, bytes: 0 };
    this.outcomes.set(outcome, { files: count.files + files, bytes: count.bytes + bytes });
    this.files += files;
    this.bytes += bytes;
    this.showProgress();
  }

  /** What a file that is done counts as, or something done to a stored version, which is none (removed, marked deleted). */
  add(outcome: string, bytes: number): void {
    const count = this.outcomes.get(outcome) ?? { files: 0, bytes: 0 };
    count.files++;
    count.bytes += bytes;
    this.outcomes.set(outcome, count);
  }

  error(report: ErrorReport): void {
    this.errors.set(report.kind, (this.errors.get(report.kind) ?? 0) + 1);
    this.reporter.error(report);
  }

  /** Bytes done within a task that goes on; negative where an attempt starts again. */
  partial(bytes: number): void {
    this.partialBytes = Math.max(0, this.partialBytes + bytes);
    this.showProgress();
  }

  expect(totalFiles: number, totalBytes: number): void {
    this.totals = { totalFiles, totalBytes };
  }

  of(outcome: string): Count {
    return this.outcomes.get(outcome) ?? { files: 0, bytes: 0 };
  }

  /** Files that came to their end in some other way than by being unchanged. */
  get changing(): number {
    return this.files - this.of("unchanged").files;
  }

  get failed(): boolean {
    return this.errors.size > 0;
  }

  result(): RunResult {
    return {
      outcomes: this.outcomes,
      errors: this.errors,
      storedBytes: this.storedBytes,
      sentBytes: this.sentBytes,
      processedBytes: this.processedBytes,
      manifests: this.manifests,
      milliseconds: performance.now() - this.started,
    };
  }

  private showProgress(): void {
    this.reporter.progress({
      files: this.files,
      bytes: this.bytes + this.partialBytes,
      worked: this.processedBytes + this.partialBytes,
      ...this.totals,
    });
  }
}
