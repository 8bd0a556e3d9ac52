/**
 * A backup, from two listings to a destination that mirrors the source.
 *
 *   1. The listings are joined as they stream in. Changed files go to the workers at once; new ones too when the
 *      destination was empty, else they wait, since they may be files that moved.
 *   2. New files are told from moved ones; moved ones are copied at the destination, the others uploaded.
 *   3. Everything staged is published: complete, durable, in place.
 *   4. The guard looks at what is missing.
 *   5. Only now versions are renamed, marked deleted and removed.
 *
 * A kill at any point leaves for every path its old or its new version; what it leaves beside them the next run
 * clears away.
 */

import type { Config } from "../config/config.ts";
import { BackupError, errorCode, InterruptedError, RefusedError, reportOf } from "../errors.ts";
import { parseManifestPath } from "../names/manifest-name.ts";
import { dateOrLive, LIVE } from "../names/stamp.ts";
import type { StoredVersion } from "../names/stored-name.ts";
import { isLive } from "../names/stored-name.ts";
import type { PathGroup, Version } from "../plan/group.ts";
import { guardAgainstLoss } from "../plan/guard.ts";
import { join } from "../plan/join.ts";
import { ascending } from "../plan/order.ts";
import { type PlanSettings, planPath } from "../plan/plan-path.ts";
import { dateStamp } from "../plan/retention.ts";
import type { Entry } from "../scan/entry.ts";
import type { ScanFindings, Source } from "../scan/source.ts";
import { sortedBatches } from "../spill/sorted-batches.ts";
import { JoinFindings } from "./backup-state.ts";
import { type OpenDestination, openDestination, withSortedFallback } from "./destination.ts";
import { contentKey, MovePhase } from "./move-phase.ts";
import { openSource, reservesNames } from "./open-source.ts";
import { Publisher } from "./publisher.ts";
import { type RunOptions, withDefaults } from "./run-options.ts";
import { StorePhase } from "./store-phase.ts";
import { withStoredTimes } from "./stored-groups.ts";
import { type RunResult, Tally } from "./tally.ts";
import { UnfinishedUploads } from "./unfinished-uploads.ts";

export interface BackupOptions extends RunOptions {
  /** Mark and remove however much is missing (`--allow-mass-delete`). */
  readonly allowMassDelete?: boolean;
}

const DAY_MS = 86_400_000;

/**
 * Runs one backup. Failures of single files are reported and counted; the result's `errors` tell.
 * @throws BackupError where nothing could be done at all: configuration, password, a source or destination that is
 *   not there; `InterruptedError` after a signal.
 */
export async function runBackup(config: Config, options: BackupOptions): Promise<RunResult> {
  const complete = { allowMassDelete: false, ...withDefaults(options) };
  const tally = new Tally(options.reporter);
  const storage = await complete.openStorage(config.dest, "destination");
  const source = await openSource(config, complete.openStorage);
  let destination: OpenDestination | undefined;
  try {
    destination = await openDestination(config, storage, complete, tally, { mode: "backup" });
    await new Backup(config, complete, tally, source, destination).run();
    return tally.result();
  } catch (error) {
    throw options.signal.aborted ? new InterruptedError() : error;
  } finally {
    await destination?.workers.close();
    await storage.close();
    await source.close();
  }
}

class Backup {
  private readonly config: Config;
  private readonly options: Required<BackupOptions>;
  private readonly tally: Tally;
  private readonly source: Source;
  private readonly destination: OpenDestination;
  private readonly publisher: Publisher;
  private readonly storePhase: StorePhase;
  private readonly unfinished: UnfinishedUploads;
  private readonly plan: PlanSettings;
  private readonly told = new Set<string>();
  private readonly notes = new Set<string>();
  private found = new JoinFindings();
  private partial = false;

  constructor(
    config: Config,
    options: Required<BackupOptions>,
    tally: Tally,
    source: Source,
    destination: OpenDestination,
  ) {
    this.config = config;
    this.options = options;
    this.tally = tally;
    this.source = source;
    this.destination = destination;
    this.publisher = new Publisher(destination.storage);
    this.unfinished = new UnfinishedUploads(destination.storage, options.reporter);
    const { workers } = destination;
    this.storePhase = new StorePhase(workers, this.publisher, tally, options.reporter, this.unfinished);
    this.plan = { deletedKeepDays: config.deletedKeepDays, today: dateStamp(options.now()) };
  }

  async run(): Promise<void> {
    const { signal } = this.options;
    const stop = () => this.destination.workers.stop();
    signal.addEventListener("abort", stop);
    try {
      await this.clearLitter();
      await withSortedFallback(this.destination, (versions, sorted) => this.joinListings(versions, sorted));
      this.tally.expect(this.found.sourceFiles, this.found.sourceBytes);
      this.countUnchanged();
      const moves = await this.storeNewFiles();
      await this.settle();
      signal.throwIfAborted();
      await this.retire(moves);
      await this.unfinished.finish();
      for (const note of this.notes) this.options.reporter.info(note);
    } finally {
      signal.removeEventListener("abort", stop);
      // Whatever ended the run: what is staged completely is worth keeping, and the rest must not go on.
      stop();
      await this.settle();
      this.found.close();
    }
  }

  /** What dead runs left: temporary files, and uploads that nobody will finish. */
  private async clearLitter(): Promise<void> {
    const { storage } = this.destination;
    const { unfinishedKeepDays } = this.config;
    const folders = await storage.sweep(unfinishedKeepDays * DAY_MS);
    if (folders > 0) this.options.reporter.info("Removed temporary files of an earlier run that was cut off");
    await this.unfinished.find(
      (keys) => this.destination.openNames(keys),
      this.options.now(),
      unfinishedKeepDays,
    );
  }

  /** Phase 1. A second pass starts from nothing, once all that the first one began is in place. */
  private async joinListings(versions: AsyncIterable<Version[]>, sorted: boolean): Promise<void> {
    await this.settle();
    const storedBefore = this.tally.of("new").files + this.tally.of("changed").files;
    const bytesBefore = this.tally.of("new").bytes + this.tally.of("changed").bytes;
    this.found.close();
    this.found = new JoinFindings();
    const entries = this.scan(sorted);
    for await (const groups of join(entries, versions)) {
      for (const group of groups) {
        await this.planGroup(group);
      }
      this.options.signal.throwIfAborted();
    }
    const { found } = this;
    if (sorted) {
      found.unchangedFiles = Math.max(0, found.unchangedFiles - storedBefore);
      found.unchangedBytes = Math.max(0, found.unchangedBytes - bytesBefore);
    }
  }

  private scan(sorted: boolean): AsyncIterable<Entry[]> {
    const findings: ScanFindings = {
      onError: (report) => {
        this.partial = true;
        this.once(`${report.path}\0${report.message}`, () => this.tally.error(report));
      },
      onSkipped: (path, reason) => {
        this.once(path, () => this.options.reporter.warning(`skipped, ${reason}`, path));
      },
      onNote: (text) => this.notes.add(text),
    };
    const entries = refuseMissing(this.source.scan(findings, this.options.signal), this.source.location);
    const sortKey = (entry: Entry) => entry.sortKey;
    return sorted ? sortedBatches(entries, sortKey) : ascending(entries, "source", sortKey);
  }

  private once(key: string, tell: () => void): void {
    if (this.told.has(key)) return;
    this.told.add(key);
    tell();
  }

  private async planGroup(listed: PathGroup): Promise<void> {
    const { found } = this;
    const group =
      listed.versions.length > 1 ? await withStoredTimes(listed, this.destination.storage) : listed;
    const { entry } = group;
    if (entry === undefined && group.versions.length === 0) return; // another run has removed what was listed
    if (reservesNames(this.config) && parseManifestPath(group.path) !== undefined) {
      await this.planManifest(group);
      return;
    }
    if (entry !== undefined) {
      found.sourceFiles++;
      found.sourceBytes += entry.size;
    }
    if (group.versions.some(isLive)) found.livePaths++;
    const plan = planPath(group, this.plan);
    const { retirements } = found;
    switch (plan.kind) {
      case "nothing":
        return;
      case "unchanged":
        found.unchangedFiles++;
        found.unchangedBytes += plan.version.size;
        this.removeSurplus(plan.version, plan.surplus);
        return;
      case "revive": {
        const { path, size, mtime } = plan.entry;
        const to = { path, size, mtime, md5: plan.version.md5, stamp: LIVE };
        retirements.rename({ version: plan.version, to, why: "revived", surplus: plan.surplus });
        this.tally.count("revived", size);
        this.options.reporter.file("revived", path);
        return;
      }
      case "upload": {
        const file = withoutSortKey(plan.entry);
        if (plan.previous.length === 0 && !this.destination.empty) found.newFiles.append(file);
        else
          await this.storePhase.store(
            { file, sameSize: plan.sameSize, previous: plan.previous },
            retirements,
          );
        return;
      }
      case "vanished":
        if (!this.source.isUnknown(group.path)) found.vanished.append(plan);
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
  private async planManifest(group: PathGroup): Promise<void> {
    const { retirements, vanishedManifests } = this.found;
    const plan = planPath(group, this.plan);
    switch (plan.kind) {
      case "nothing":
        return;
      case "unchanged":
        this.removeSurplus(plan.version, plan.surplus);
        return;
      case "revive": {
        const { path, size, mtime } = plan.entry;
        const to = { path, size, mtime, md5: plan.version.md5, stamp: LIVE };
        retirements.rename({ version: plan.version, to, why: "revived", surplus: plan.surplus });
        return;
      }
      case "upload":
        await this.storePhase.store(
          { file: withoutSortKey(plan.entry), sameSize: [], previous: plan.previous },
          retirements,
        );
        return;
      case "vanished":
        if (this.source.isUnknown(group.path)) return;
        for (const version of [plan.version, ...plan.surplus]) vanishedManifests.append(version);
        return;
      case "gone":
        for (const version of plan.expired ? [plan.version, ...plan.surplus] : plan.surplus) {
          retirements.remove({ version, why: "outdated metadata" });
        }
        return;
    }
  }

  private removeSurplus(keep: StoredVersion, surplus: readonly StoredVersion[]): void {
    for (const version of surplus) {
      this.found.retirements.remove({ version, successor: { key: keep.key }, why: "surplus" });
    }
  }

  private countUnchanged(): void {
    const { unchangedFiles, unchangedBytes } = this.found;
    if (unchangedFiles > 0) this.tally.countMany("unchanged", unchangedFiles, unchangedBytes);
  }

  /** Phase 2. */
  private async storeNewFiles(): Promise<MovePhase> {
    const { found, destination, tally, options } = this;
    const moves = new MovePhase({
      destination,
      publisher: this.publisher,
      tally,
      reporter: options.reporter,
      signal: options.signal,
      store: (file) => this.storePhase.store({ file, sameSize: [], previous: [] }, found.retirements),
    });
    await moves.run(found.newFiles, found.vanished);
    return moves;
  }

  /** Phase 3: every task has its outcome, every staged object is published. */
  private async settle(): Promise<void> {
    await this.destination.workers.drain();
    await this.publisher.flush();
  }

  /** Phases 4 and 5. */
  private async retire(moves: MovePhase): Promise<void> {
    const { found, config, options, destination, tally } = this;
    const { sourceFiles, livePaths } = found;
    const lost = found.vanished.length - moves.explained;
    const refusal = guardAgainstLoss(
      { sourceFiles, livePaths, lost, partial: this.partial },
      { massDeleteShare: config.massDeleteShare, allowMassDelete: options.allowMassDelete },
    );
    if (refusal === undefined) this.planDeletions(moves.unsettled);
    else tally.error(reportOf(refusal, "source"));
    const { storage, sealer } = destination;
    const { reporter, signal } = options;
    await found.retirements.carryOut({ config, storage, sealer, tally, reporter, signal });
  }

  private planDeletions(unsettled: ReadonlySet<string>): void {
    const { retirements, vanished, vanishedManifests } = this.found;
    for (const version of vanishedManifests) {
      if (this.config.deletedKeepDays === 0) retirements.remove({ version, why: "outdated metadata" });
      else {
        const { path, size, mtime, md5 } = version;
        const to = { path, size, mtime, md5, stamp: dateOrLive(this.plan.today) };
        retirements.rename({ version, to, why: "outdated metadata", surplus: [] });
      }
    }
    for (const { version, surplus } of vanished) {
      if (unsettled.has(contentKey(version))) continue;
      for (const other of surplus) {
        retirements.removeFirst({ version: other, successor: { key: version.key }, why: "surplus" });
      }
      if (this.config.deletedKeepDays === 0) {
        retirements.remove({ version, why: "deleted" });
      } else {
        const { path, size, mtime, md5 } = version;
        const to = { path, size, mtime, md5, stamp: dateOrLive(this.plan.today) };
        retirements.rename({ version, to, why: "deleted", surplus: [] });
      }
    }
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

function withoutSortKey({ sortKey: _, ...file }: Entry): Omit<Entry, "sortKey"> {
  return file;
}
