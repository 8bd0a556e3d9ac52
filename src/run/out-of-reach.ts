/**
 * Ends a run whose storage has gone. One file's failure stops no others; but where nothing gets an answer any more, each of
 * the files to come takes its retries to fail, and a large run would take weeks for it.
 */
import { type ErrorReport, StorageError } from "../errors.ts";
import { isBrokenConnection } from "../storage/s3/retry.ts";
import type { Outcome } from "./tasks.ts";

/** So many files in a row, each after all its retries, over so long a time. */
export const IN_A_ROW = 20;
export const LASTING_MS = 600_000;

/** What servers say of their own trouble, and what stands for no answer at all. */
const TROUBLE: ReadonlySet<string> = new Set([
  "EANSWER",
  "InternalError",
  "RequestTimeout",
  "ServiceUnavailable",
  "SlowDown",
  "TimeoutError",
]);

export class OutOfReach {
  private inARow = 0;
  private since = 0;

  /**
   * Why the run is to end; undefined as long as it may go on. To be given every outcome.
   *
   * @param at milliseconds of any clock that never goes back
   */
  judge(outcome: Outcome, at: number): StorageError | undefined {
    if (outcome.kind === "stopped") return undefined;
    if (outcome.kind !== "failed" || !isTrouble(outcome.report)) {
      this.inARow = 0;
      return undefined;
    }
    if (this.inARow++ === 0) this.since = at;
    if (this.inARow < IN_A_ROW || at - this.since < LASTING_MS) return undefined;
    const { side, code } = outcome.report;
    const minutes = Math.round((at - this.since) / 60_000);
    return new StorageError(
      side,
      `the last ${this.inARow} files failed (${code}), for ${minutes} minutes: the run ends here`,
      {
        code: "EUNREACHABLE",
        remedy: "check the network and the storage, and run again: what was done is kept",
      },
    );
  }
}

function isTrouble({ code }: ErrorReport): boolean {
  return code !== undefined && (TROUBLE.has(code) || isBrokenConnection(code));
}
