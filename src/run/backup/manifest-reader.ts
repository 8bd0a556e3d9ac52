/** Reads manifests that are to be replaced, or to go, many at once. */
import type { ErrorReport } from "../../errors.ts";
import type { Manifest } from "../../metadata/manifest.ts";
import type { Version } from "../../plan/group.ts";
import { isTrouble } from "../worker/out-of-reach.ts";
import type { ManifestOutcome } from "../worker/tasks.ts";
import type { Workers } from "../worker/workers.ts";

/**
 * Gets the manifests of one path, the newest first; undefined where the storage does not give them for now. Those that are damaged,
 * or that nobody may read, are not among them: they tell nothing.
 */
export type TakeManifests = (manifests: readonly Manifest[] | undefined) => Promise<void>;

export class ManifestReader {
  private readonly workers: Workers;
  private readonly onTrouble: (report: ErrorReport) => void;
  private taking: Promise<void> = Promise.resolve();

  /** @param onTrouble is told of a path that the storage does not give for now. */
  constructor(workers: Workers, onTrouble: (report: ErrorReport) => void) {
    this.workers = workers;
    this.onTrouble = onTrouble;
  }

  /**
   * Has the live versions of one path read, one at least; resolves when there is room for the next. More than one are what a kill left.
   * `take` is called once for each path, one at a time; not after a stop.
   */
  async read(versions: readonly Version[], take: TakeManifests): Promise<void> {
    const newestFirst = [...versions].sort((a, b) => (b.storedAt ?? 0) - (a.storedAt ?? 0));
    const outcomes: ManifestOutcome[] = [];
    let settled = 0;
    for (const [i, version] of newestFirst.entries()) {
      await this.workers.submit({ do: "read-manifest", version }, (outcome) => {
        outcomes[i] = outcome as ManifestOutcome;
        if (++settled === versions.length) this.settle(outcomes, take);
      });
    }
  }

  /** Resolves when all was taken; throws what taking threw first. */
  async finish(): Promise<void> {
    await this.workers.drain();
    await this.taking;
  }

  private settle(outcomes: readonly ManifestOutcome[], take: TakeManifests): void {
    const manifests: Manifest[] = [];
    for (const outcome of outcomes) {
      if (outcome.kind === "stopped") return;
      if (outcome.kind === "failed" && isTrouble(outcome.report)) {
        this.onTrouble(outcome.report);
        this.hand(undefined, take);
        return;
      }
      if (outcome.kind === "manifest") manifests.push(outcome.manifest);
    }
    this.hand(manifests, take);
  }

  private hand(manifests: readonly Manifest[] | undefined, take: TakeManifests): void {
    this.taking = this.taking.then(() => take(manifests));
    this.taking.catch(() => {}); // `finish` tells of it
  }
}
