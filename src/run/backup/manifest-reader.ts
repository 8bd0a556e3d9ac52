/** Reads manifests that are to be replaced, or to go, many at once. */
import type { ErrorReport } from "../../errors.ts";
import type { Manifest } from "../../metadata/manifest.ts";
import type { Version } from "../../plan/group.ts";
import { isTrouble } from "../worker/out-of-reach.ts";
import type { ManifestOutcome } from "../worker/tasks.ts";
import type { Workers } from "../worker/workers.ts";

/**
 * Gets the manifests of one path, the newest first; undefined where the storage does not give them for now. Those that are damaged
 * or gone are not among them: they tell nothing.
 */
export type TakeManifests = (manifests: readonly Manifest[] | undefined) => Promise<void>;

export class ManifestReader {
  private readonly workers: Workers;
  private readonly mustKnow: boolean;
  private readonly onFailure: (report: ErrorReport) => void;
  private taking: Promise<void> = Promise.resolve();

  /**
   * @param mustKnow they may tell what is nowhere else: what may not be read, or is archived, is not given for now either, and
   *   what is damaged is a failure.
   * @param onFailure is told of both, and of what the storage does not give for now anyway.
   */
  constructor(workers: Workers, mustKnow: boolean, onFailure: (report: ErrorReport) => void) {
    this.workers = workers;
    this.mustKnow = mustKnow;
    this.onFailure = onFailure;
  }

  /**
   * Has the live versions of one path read, one at least; resolves when there is room for the next. More than one are what a
   * kill left.
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
      if (outcome.kind === "manifest") manifests.push(outcome.manifest);
      if (outcome.kind !== "failed" || isMissing(outcome.report)) continue;
      const { report } = outcome;
      const isAway = isTrouble(report) || (this.mustKnow && report.kind === "failed");
      if (isAway || this.mustKnow) this.onFailure(report);
      if (!isAway) continue;
      this.hand(undefined, take);
      return;
    }
    this.hand(manifests, take);
  }

  private hand(manifests: readonly Manifest[] | undefined, take: TakeManifests): void {
    this.taking = this.taking.then(() => take(manifests));
    this.taking.catch(() => {}); // `finish` tells of it
  }
}

/** Another run has removed it since it was listed. */
function isMissing({ code }: ErrorReport): boolean {
  return code === "ENOENT";
}
