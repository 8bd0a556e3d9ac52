/** What applying metadata has to tell: failures, each with its path; how much of what was made; and notes, each once. */
import { BackupError, reasonOf, reportOf, StorageError } from "../../errors.ts";
import type { Reporter } from "../reporter.ts";
import type { Tally } from "../tally.ts";

export class MetadataReport {
  private readonly root: string;
  private readonly tally: Tally;
  private readonly reporter: Reporter;
  private readonly signal: AbortSignal;
  private readonly counts = new Map<string, number>();
  private readonly notes = new Set<string>();

  constructor(about: {
    readonly root: string;
    readonly tally: Tally;
    readonly reporter: Reporter;
    readonly signal: AbortSignal;
  }) {
    this.root = about.root;
    this.tally = about.tally;
    this.reporter = about.reporter;
    this.signal = about.signal;
  }

  /** Does something about a path; a failure is counted, and the others go on. Throws only when the run is to stop. */
  attempt(path: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (this.signal.aborted) throw error;
      this.fail(error, path);
    }
  }

  fail(error: unknown, path: string): void {
    const wrapped =
      error instanceof BackupError
        ? error
        : new StorageError("restore", `its metadata cannot be restored (${reasonOf(error)})`, {
            path,
            cause: error,
          });
    this.tally.error({ ...reportOf(wrapped, "restore"), path: path || this.root });
  }

  /** A failure in the words of another program, which names the path itself. */
  complain(complaint: string): void {
    this.tally.error({ side: "restore", kind: "failed", message: `metadata: ${complaint}` });
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  note(text: string): void {
    this.notes.add(text);
  }

  tell(): void {
    const parts = [...this.counts].map(([what, count]) => `${what}: ${count}`);
    this.reporter.info(`Metadata restored${parts.length > 0 ? ` (${parts.join("; ")})` : ""}`);
    for (const note of this.notes) this.reporter.info(note);
  }
}
