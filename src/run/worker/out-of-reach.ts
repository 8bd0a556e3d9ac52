/**
 * Ends a run whose storage has gone. One file's failure stops no others; but where nothing gets an answer any more, each of
 * the files to come takes its retries to fail, and a large run would take weeks for it. Where the credentials are refused,
 * each would be read, sealed and sent for nothing.
 */
import { type ErrorReport, reportOf, type Side, StorageError } from "../../errors.ts";
import { isBrokenConnection } from "../../storage/s3/retry.ts";
import type { Storage } from "../../storage/storage.ts";
import type { Outcome } from "./tasks.ts";

/** So many files, or calls, in a row, each after all its retries, over so long a time; refused credentials stay so. */
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

/** Said of credentials, whatever the object is. Signatures are not among these: some servers misread some keys only. */
const REFUSED: ReadonlySet<string> = new Set([
  "ExpiredToken",
  "InvalidAccessKeyId",
  "InvalidToken",
  "TokenRefreshRequired",
]);

export class OutOfReach {
  private readonly what: string;
  private inARow = 0;
  private refusedInARow = 0;
  private since = 0;

  /** @param what is judged, for the message */
  constructor(what = "files") {
    this.what = what;
  }

  /**
   * Why the run is to end; undefined as long as it may go on. To be given every outcome.
   *
   * @param at milliseconds of any clock that never goes back
   */
  judge(outcome: Outcome, at: number): StorageError | undefined {
    if (outcome.kind === "stopped") return undefined;
    return this.look(outcome.kind === "failed" ? outcome.report : undefined, at);
  }

  /** The same of anything that was done, or failed. */
  look(failure: ErrorReport | undefined, at: number): StorageError | undefined {
    const code = failure?.code ?? "";
    const isRefused = REFUSED.has(code);
    this.refusedInARow = isRefused ? this.refusedInARow + 1 : 0;
    if (failure === undefined || !(isRefused || isTrouble(failure))) {
      this.inARow = 0;
      return undefined;
    }
    if (this.inARow++ === 0) this.since = at;
    const { side } = failure;
    if (this.refusedInARow >= IN_A_ROW) {
      return this.end(side, `(${code})`, "give credentials that are valid, and run again");
    }
    if (this.inARow < IN_A_ROW || at - this.since < LASTING_MS) return undefined;
    const minutes = Math.round((at - this.since) / 60_000);
    const remedy = "check the network and the storage, and run again";
    return this.end(side, `(${code}), for ${minutes} minutes`, remedy);
  }

  private end(side: Side, how: string, remedy: string): StorageError {
    const message = `the last ${this.inARow} ${this.what} failed ${how}: the run ends here`;
    return new StorageError(side, message, {
      code: "EUNREACHABLE",
      remedy: `${remedy}: what was done is kept`,
    });
  }
}

/** Whether the same may well work later: the storage is in trouble, or cannot be reached. */
export function isTrouble({ code = "" }: ErrorReport): boolean {
  return TROUBLE.has(code) || isBrokenConnection(code);
}

/** What a run's last phase does to the destination. */
export type LastPhaseStorage = Pick<
  Storage,
  "flush" | "keyProblem" | "publish" | "readWhole" | "remove" | "rename" | "stat" | "write"
>;

/**
 * The same storage, whose calls one by one are judged, and a signal that is aborted as well once the run is to end for it.
 *
 * @param now milliseconds of any clock that never goes back
 */
export function untilOutOfReach(
  storage: LastPhaseStorage,
  signal: AbortSignal,
  now = () => performance.now(),
): { storage: LastPhaseStorage; signal: AbortSignal } {
  const outOfReach = new OutOfReach("calls");
  const end = new AbortController();
  const look = (error?: unknown) => {
    const failure = error === undefined ? undefined : reportOf(error, "destination");
    const reason = outOfReach.look(failure, now());
    if (reason !== undefined) end.abort(reason);
  };
  const judged = async <T>(call: Promise<T>): Promise<T> => {
    try {
      const result = await call;
      look();
      return result;
    } catch (error) {
      look(error);
      throw error;
    }
  };
  return {
    signal: AbortSignal.any([signal, end.signal]),
    storage: {
      flush: () => storage.flush(),
      keyProblem: (key) => storage.keyProblem(key),
      publish: (...given) => storage.publish(...given),
      readWhole: (...given) => judged(storage.readWhole(...given)),
      stat: (key) => judged(storage.stat(key)),
      rename: (...given) => judged(storage.rename(...given)),
      write: (...given) => judged(storage.write(...given)),
      remove: async (keys) => {
        const failures = await storage.remove(keys);
        look(failures.length < keys.length ? undefined : failures[0]?.error);
        return failures;
      },
    },
  };
}
