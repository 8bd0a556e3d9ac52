/**
 * What a backup does with each path that the join gives: the plan is asked, and what it says is begun at once or
 * collected for a later phase.
 */
import type { ErrorReport } from "../../errors.ts";
import { folderOf } from "../../names/folders.ts";
import { MANIFEST_MTIME, parseManifestPath } from "../../names/manifest-name.ts";
import { LIVE } from "../../names/stamp.ts";
import { isLive, type StoredVersion } from "../../names/stored-name.ts";
import type { PathGroup, Version } from "../../plan/group.ts";
import { historyOf, type Life, needsStoredTimes } from "../../plan/history.ts";
import { isVersionOf, type PathPlan, type PlanSettings, planPath, retiredOf } from "../../plan/plan-path.ts";
import { planPurge } from "../../plan/purge.ts";
import type { Retention } from "../../plan/retention.ts";
import type { Entry } from "../../scan/entry.ts";
import type { Source } from "../../scan/source.ts";
import type { Storage } from "../../storage/storage.ts";
import { withStoredTimes } from "../destination/stored-groups.ts";
import type { Reporter } from "../reporter.ts";
import type { Tally } from "../tally.ts";
import type { JoinFindings } from "./backup-state.ts";
import type { StorePhase, StoreRequest } from "./store-phase.ts";

export interface PlanContext {
  readonly source: Source;
  readonly storage: Storage;
  readonly storePhase: StorePhase;
  readonly tally: Tally;
  readonly reporter: Reporter;
  readonly plan: PlanSettings;
  /** Whether some names of the source are stored in another form, so that manifests have theirs. */
  readonly reservesNames: boolean;
  /** Whether the source has manifests. */
  readonly recordsMetadata: boolean;
  /** New files may be moved ones: they wait, as manifests do. False where the destination was empty. */
  readonly mayHaveMoved: boolean;
  /** Undefined: nothing expires in this run. */
  readonly retention: Retention | undefined;
  readonly purgeDelaySeconds: number;
  /** Treat files that a rule leaves out like deleted ones. */
  readonly retireExcluded: boolean;
  /** Seconds since 1970, by the storage's clock. */
  readonly now: number;
}

type Changed = Exclude<PathPlan, { kind: "nothing" | "unchanged" }>;

export class PlanPhase {
  private readonly context: PlanContext;
  private readonly found: JoinFindings;

  constructor(context: PlanContext, found: JoinFindings) {
    this.context = context;
    this.found = found;
  }

  /** A promise only where something has to be waited for: most paths of most runs are unchanged. */
  take(listed: PathGroup): Promise<void> | undefined {
    if (!needsStoredTimes(listed.versions)) return this.takeGroup(listed);
    return this.takeCompeting(listed);
  }

  private async takeCompeting(listed: PathGroup): Promise<void> {
    const onFailure = (report: ErrorReport) => this.leave(listed, report);
    const group = await withStoredTimes(listed, this.context.storage, onFailure);
    if (group !== undefined) await this.takeGroup(group);
  }

  /** A path about which nothing can be decided stays as it is stored; its file counts as one that was not stored. */
  private leave({ path, entry }: PathGroup, report: ErrorReport): void {
    const { tally, storePhase } = this.context;
    this.found.rewritten.leave(path);
    if (entry === undefined) tally.error(report);
    else storePhase.settleLoss(entry, { kind: "failed", report }, this.found);
  }

  private takeGroup(group: PathGroup): Promise<void> | undefined {
    const { context, found } = this;
    if (group.entry === undefined && group.versions.length === 0) return undefined; // another run has removed what was listed
    const isManifest = this.isManifest(group);
    const plan = planPath(group, context.plan);
    if (!isManifest) this.count(group, plan);
    else if (group.entry !== undefined) found.renumbered.meet(group.path);
    const expiring = this.purge(group, plan, isManifest);
    if (context.plan.keepsHistory && group.versions.some(({ stamp }) => stamp.form !== "live"))
      found.sawHistory = true;
    if (plan.kind === "nothing") return undefined;
    if (plan.kind === "unchanged") {
      this.takeUnchanged(group, plan, isManifest);
      return undefined;
    }
    return isManifest ? this.takeManifest(group, plan, expiring) : this.takeFile(group, plan, expiring);
  }

  private takeUnchanged(group: PathGroup, plan: PathPlan & { kind: "unchanged" }, isManifest: boolean): void {
    const { context, found } = this;
    const { version, surplus } = plan;
    const others = isManifest ? surplus.filter((other) => isLive(other) && other.md5 !== version.md5) : [];
    if (others.length > 0) this.holdAmong(group, others, version);
    const rest = surplus.filter((other) => !others.includes(other));
    if (rest.length > 0) this.removeSurplus(version, rest, group);
    if (isManifest) return;
    found.unchangedFiles++;
    found.unchangedBytes += version.size;
    if (!context.recordsMetadata || !found.rewritten.mayConcern(group.path)) return;
    found.rewritten.consider(requestOf(group, group.entry as Entry, [version], [version]));
  }

  /**
   * Of a manifest that is stored as the source has it, but live beside others, which a kill or a run at the same time left:
   * they may tell of what is left out.
   */
  private holdAmong(group: PathGroup, others: readonly Version[], version: Version): void {
    const previous = [...others, version].sort((a, b) => (a.storedAt ?? 0) - (b.storedAt ?? 0));
    this.found.rewritten.hold(requestOf(group, group.entry as Entry, [], previous));
  }

  /** Where names are not reserved, a file may have such a name; what has none may be of a run that reserved them. */
  private isManifest({ path, entry, versions }: PathGroup): boolean {
    if (parseManifestPath(path) === undefined) return false;
    if (this.context.reservesNames) return true;
    return entry === undefined && versions.every(({ mtime }) => mtime === MANIFEST_MTIME);
  }

  private count({ path, entry }: PathGroup, plan: PathPlan): void {
    const { found } = this;
    if (entry !== undefined) {
      found.presence.meet(path);
      found.sourceBytes += entry.size;
    }
    if (isLiveBefore(plan)) found.presence.meetLive(path);
  }

  private async takeFile(group: PathGroup, plan: Changed, expiring: readonly string[]): Promise<void> {
    const { context, found } = this;
    const { retirements } = found;
    switch (plan.kind) {
      case "upload": {
        const request = requestOf(group, plan.entry, plan.sameSize, plan.previous);
        const isNew = plan.previous.length === 0 && plan.sameSize.length === 0;
        if (isNew && context.mayHaveMoved) found.newFiles.append(request.file);
        else await context.storePhase.store(request, found);
        return;
      }
      case "vanished":
        if (this.mayBeThere(group.path) || (await this.isExcluded(group, plan))) return;
        found.vanished.append({ ...plan, versions: group.versions, expiring });
        found.presence.miss(group.path);
        return;
      case "gone":
        for (const version of plan.surplus) {
          retirements.removeFirst({ version, successor: { key: plan.version.key }, why: "surplus" });
        }
        if (plan.expired) retirements.remove({ version: plan.version, why: "expired" });
        return;
    }
  }

  /** Manifests are stored, kept and retired like files, but are none: nobody counts them, and none has moved. */
  private async takeManifest(group: PathGroup, plan: Changed, expiring: readonly string[]): Promise<void> {
    const { context, found } = this;
    switch (plan.kind) {
      case "revive":
        if (plan.surplus.some(isLive))
          found.rewritten.hold(requestOf(group, plan.entry, [], [...plan.surplus, plan.version]));
        else this.renameToLive(plan.entry, plan.version, plan.surplus);
        return;
      case "upload": {
        const request = requestOf(group, plan.entry, [], plan.previous);
        // What could not be looked at keeps its metadata, and links, which are nowhere else.
        if (plan.entry.manifest?.isPartial && plan.previous.some(isLive)) return;
        // One without a predecessor may take the place of another number of manifests.
        if (context.mayHaveMoved) found.rewritten.hold(request);
        else await context.storePhase.store(request, found);
        return;
      }
      case "vanished":
        if (this.mayBeThere(group.path) || (await this.isFolderExcluded(group.path))) return;
        found.renumbered.miss(group.path);
        found.vanishedManifests.append({ ...plan, versions: group.versions, expiring });
        return;
      case "gone":
        for (const version of plan.expired ? [plan.version, ...plan.surplus] : plan.surplus) {
          found.retirements.remove({ version, why: "outdated metadata" });
        }
        return;
    }
  }

  private mayBeThere(path: string): boolean {
    const { source } = this.context;
    return source.isUnknown(path) || source.cameSince(path);
  }

  /** What a rule leaves out now stays as it is, unless it is to be treated like what was deleted. */
  private async isExcluded(
    { path }: PathGroup,
    { version }: PathPlan & { kind: "vanished" },
  ): Promise<boolean> {
    const { source, retireExcluded } = this.context;
    if (retireExcluded || (await source.excludedBy(path)) === undefined) return false;
    this.found.excludedFiles++;
    this.found.excludedBytes += version.size;
    this.found.presence.leaveOut(path);
    return true;
  }

  /**
   * The same of a manifest: a rule may well match its name, but is not about it. Where something in the folder is considered
   * nevertheless, it has to be read.
   */
  private async isFolderExcluded(path: string): Promise<boolean> {
    const { source, retireExcluded } = this.context;
    const folder = `${folderOf(path)}/`;
    if (retireExcluded || folder === "/" || !source.skipsFolder(folder)) return false;
    return (await source.excludedBy(folder)) !== undefined;
  }

  private renameToLive(
    { path, size, mtime }: Entry,
    version: StoredVersion,
    surplus: readonly StoredVersion[],
  ): void {
    const to = { path, size, mtime, md5: version.md5, stamp: LIVE };
    this.found.retirements.rename({ version, to, why: "revived", surplus });
  }

  /** With history, doubles of the very same content go; others were live, so they are retired. */
  private removeSurplus(keep: Version, surplus: readonly Version[], group: PathGroup): void {
    const { retirements, history } = this.found;
    const successor = { key: keep.key };
    const isSame = ({ mtime, size, md5 }: Version) =>
      mtime === keep.mtime && size === keep.size && md5 === keep.md5;
    const { keepsHistory } = this.context.plan;
    for (const version of surplus) {
      if (!keepsHistory || isSame(version)) retirements.remove({ version, successor, why: "surplus" });
    }
    if (!keepsHistory) return;
    const versions = surplus.filter((version) => !isSame(version));
    history.retire({ versions, successor, why: "replaced", retired: retiredOf(group.versions) });
  }

  /** Returns the keys of what is to be removed. */
  private purge({ entry, versions }: PathGroup, { kind }: PathPlan, isManifest: boolean): string[] {
    const { retention, purgeDelaySeconds, now } = this.context;
    if (retention === undefined || versions.every(isLive)) return [];
    const history = historyOf(versions);
    const isStored = kind === "upload";
    // What is stored in this run may get the very key that a tombstone marks.
    const mayReturn = ({ version }: Life) => isStored && entry !== undefined && isVersionOf(version, entry);
    const expired = retention.expired(history, isStored).filter((life) => !mayReturn(life));
    const purge = planPurge(history, expired, purgeDelaySeconds, now);
    this.found.history.purge(purge, isManifest);
    return [...purge.remove, ...purge.orphans].map(({ key }) => key);
  }
}

function isLiveBefore(plan: PathPlan): boolean {
  if (plan.kind === "upload") return plan.previous.some(isLive);
  if (plan.kind === "revive") return plan.surplus.some(isLive);
  return plan.kind === "unchanged" || plan.kind === "vanished";
}

function requestOf(
  group: PathGroup,
  { sortKey: _, ...file }: Entry,
  sameSize: readonly Version[],
  previous: readonly Version[],
): StoreRequest {
  return { file, sameSize, previous, retired: retiredOf(group.versions) };
}
