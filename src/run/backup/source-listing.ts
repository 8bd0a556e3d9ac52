/**
 * The entries of the source in order, and what is told about them: each error, skipped path and note once, also where
 * they are listed a second time.
 */
import { BackupError, errorCode, RefusedError } from "../../errors.ts";
import { ascending } from "../../plan/order.ts";
import type { Entry } from "../../scan/entry.ts";
import type { ScanFindings, Source } from "../../scan/source.ts";
import { sortedBatches } from "../../spill/sorted-batches.ts";
import type { Reporter } from "../reporter.ts";
import type { Tally } from "../tally.ts";

export interface SourceListingContext {
  readonly source: Source;
  readonly tally: Tally;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

export class SourceListing {
  /** What is for the end of the run. */
  readonly notes = new Set<string>();
  /** Whether anything could not be listed: what is missing is unknown then, not deleted. */
  isPartial = false;
  private readonly context: SourceListingContext;
  private readonly told = new Set<string>();

  constructor(context: SourceListingContext) {
    this.context = context;
  }

  /**
   * In batches, ascending by their sort keys; `sorted` where the source's own order is not to be relied on.
   * @throws RefusedError where the source is not there; OutOfOrderError.
   */
  entries(sorted: boolean): AsyncIterable<Entry[]> {
    const { source, tally, reporter, signal } = this.context;
    const findings: ScanFindings = {
      onError: (report) => {
        this.isPartial = true;
        this.once(`${report.path}\0${report.message}`, () => tally.error(report));
      },
      onSkipped: (path, reason) => {
        this.once(path, () => reporter.warning(`skipped, ${reason}`, path));
      },
      onNote: (text) => this.notes.add(text),
    };
    const entries = refuseMissing(source.scan(findings, signal), source.location);
    const sortKey = (entry: Entry) => entry.sortKey;
    return sorted ? sortedBatches(entries, sortKey) : ascending(entries, "source", sortKey);
  }

  private once(key: string, tell: () => void): void {
    if (this.told.has(key)) return;
    this.told.add(key);
    tell();
  }
}

/** A source that is not there is refused: an empty listing of it would mean that everything was deleted. */
async function* refuseMissing(entries: AsyncIterable<Entry[]>, location: string): AsyncGenerator<Entry[]> {
  try {
    yield* entries;
  } catch (error) {
    if (!(error instanceof BackupError) || error.side !== "source" || errorCode(error) !== "ENOENT")
      throw error;
    throw new RefusedError("source", `the source ${error.message}: nothing was marked deleted`, {
      path: location,
      code: "ENOENT",
      cause: error,
      ...(error.remedy !== undefined && { remedy: error.remedy }),
    });
  }
}
