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

import type { Config } from "../../config/config.ts";
import { InterruptedError, reportOf } from "../../errors.ts";
import type { Version } from "../../plan/group.ts";
import { secondsOf } from "../../plan/history.ts";
import { join } from "../../plan/join.ts";
import type { PlanSettings } from "../../plan/plan-path.ts";
import { dateStamp, Retention } from "../../plan/retention.ts";
import { openSource, reservesNames } from "../../scan/open-source.ts";
import type { Source } from "../../scan/source.ts";
import { clocksAgree } from "../clock.ts";
import { type OpenDestination, openDestination, withSortedFallback } from "../destination/destination.ts";
import { type RunOptions, withDefaults } from "../run-options.ts";
import { type RunResult, Tally } from "../tally.ts";
import { JoinFindings } from "./backup-state.ts";
import { ManifestPhase } from "./manifest-phase.ts";
import { MovePhase } from "./move-phase.ts";
import { PlanPhase } from "./plan-phase.ts";
import { Publisher } from "./publisher.ts";
import { retire } from "./retire-phase.ts";
import { SourceListing } from "./source-listing.ts";
import { StorePhase } from "./store-phase.ts";
import { UnfinishedUploads } from "./unfinished-uploads.ts";

export interface BackupOptions extends RunOptions {
  /** Mark and remove however much is missing (`--allow-mass-delete`). */
  readonly allowMassDelete?: boolean;
  /** Treat stored files that a rule leaves out now like deleted ones (`--retire-excluded`). */
  readonly retireExcluded?: boolean;
  /** Change nothing, and tell what a run would do (`--dry-run`). */
  readonly dryRun?: boolean;
}

const DAY_SECONDS = 86_400;
const DAY_MS = 1000 * DAY_SECONDS;

/**
 * Runs one backup. Failures of single files are reported and counted; the result's `errors` tell.
 * @throws BackupError where nothing could be done at all: configuration, password, a source or destination that is
 *   not there; `InterruptedError` after a signal.
 */
export async function runBackup(config: Config, options: BackupOptions): Promise<RunResult> {
  const complete = { allowMassDelete: false, retireExcluded: false, dryRun: false, ...withDefaults(options) };
  const tally = new Tally(options.reporter);
  const storage = await complete.openStorage(config.dest, "destination");
  const source = await openSource(config, complete.openStorage);
  source.prepare?.(options.signal);
  let destination: OpenDestination | undefined;
  try {
    destination = await openDestination(config, storage, complete, tally, {
      mode: "backup",
      dryRun: complete.dryRun,
    });
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
  private readonly retention: Retention | undefined;
  private readonly listing: SourceListing;
  private readonly manifests: ManifestPhase;
  private found: JoinFindings;

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
    this.found = this.nothingFound();
    const keepsHistory = config.versionsKeepDays !== null;
    const { storage, workers, sealer } = destination;
    const { reporter, signal, dryRun } = options;
    this.listing = new SourceListing({ source, tally, reporter, signal });
    // The end of one version's life is the time of the next one: both by one clock.
    this.publisher = new Publisher(storage, keepsHistory ? () => this.storageTime() : undefined);
    this.unfinished = new UnfinishedUploads(storage, reporter);
    const { publisher, unfinished } = this;
    this.storePhase = new StorePhase({
      source,
      destination: storage,
      workers,
      publisher,
      tally,
      reporter,
      unfinished,
      sealer,
      keepsHistory,
      dryRun,
    });
    this.manifests = new ManifestPhase({
      source,
      workers,
      storePhase: this.storePhase,
      tally,
      keepsLeftOut: config.metadata && !options.retireExcluded,
      settle: () => this.settle(),
    });
    const mayExpire = clocksAgree(storage, reporter);
    this.plan = {
      keepsHistory,
      deletedKeepDays: mayExpire ? config.deletedKeepDays : null,
      // Of two clocks the later one: what is marked too early goes as soon as they agree.
      today: dateStamp(new Date(mayExpire ? options.now() : Math.max(+options.now(), this.storageTime()))),
    };
    this.retention = mayExpire && keepsHistory ? new Retention(config, options.now()) : undefined;
  }

  async run(): Promise<void> {
    const { signal, dryRun } = this.options;
    const stop = () => this.destination.workers.stop();
    signal.addEventListener("abort", stop);
    try {
      if (!dryRun) await this.clearLitter();
      await withSortedFallback(this.destination, (versions, sorted) => this.joinListings(versions, sorted));
      this.tally.expect(this.found.presence.all.sourceFiles, this.found.sourceBytes);
      await this.manifests.storeRewritten(this.found);
      this.countUnchanged();
      await this.storeNewFiles();
      await this.settle();
      signal.throwIfAborted();
      await this.retire();
      this.checkPlace();
      if (!dryRun) await this.unfinished.finish();
      this.tellExcluded();
      for (const note of this.listing.notes) this.options.reporter.info(note);
    } finally {
      signal.removeEventListener("abort", stop);
      // Whatever ended the run: what is staged completely is worth keeping, and the rest must not go on.
      stop();
      await this.destination.workers.close(); // all that they were handed has its outcome then
      await this.publisher.flush();
      this.found.close();
    }
  }

  private nothingFound(): JoinFindings {
    return new JoinFindings(this.config.sources?.map(({ name }) => name));
  }

  /** Now, by the storage's clock, in milliseconds since 1970. */
  private storageTime(): number {
    return this.options.now().getTime() + this.destination.storage.clockOffset();
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
    const { goneFiles } = this.found;
    this.found.close();
    this.found = this.nothingFound();
    this.found.goneFiles = goneFiles;
    const phase = this.planPhase();
    for await (const groups of join(this.listing.entries(sorted), versions)) {
      for (const group of groups) {
        const taking = phase.take(group);
        if (taking !== undefined) await taking;
      }
      this.options.signal.throwIfAborted();
    }
    const { found } = this;
    if (sorted) {
      found.unchangedFiles = Math.max(0, found.unchangedFiles - storedBefore);
      found.unchangedBytes = Math.max(0, found.unchangedBytes - bytesBefore);
    }
  }

  private planPhase(): PlanPhase {
    const { config, options, tally, source, destination, storePhase, plan, retention } = this;
    return new PlanPhase(
      {
        source,
        storage: destination.storage,
        storePhase,
        tally,
        reporter: options.reporter,
        plan,
        reservesNames: reservesNames(config),
        recordsMetadata: config.metadata,
        mayHaveMoved: !destination.empty,
        retention,
        retireExcluded: options.retireExcluded,
        purgeDelaySeconds: config.purgeDelayDays * DAY_SECONDS,
        now: secondsOf(this.storageTime()),
      },
      this.found,
    );
  }

  private countUnchanged(): void {
    const { unchangedFiles, unchangedBytes } = this.found;
    if (unchangedFiles > 0) this.tally.countMany("unchanged", unchangedFiles, unchangedBytes);
  }

  private tellExcluded(): void {
    const { excludedFiles, excludedBytes } = this.found;
    if (excludedFiles === 0) return;
    this.tally.countMany("excluded, kept as they are", excludedFiles, excludedBytes);
    const { deletedKeepDays } = this.config;
    const fate =
      deletedKeepDays === 0
        ? "removed"
        : `marked as deleted, and kept ${deletedKeepDays === null ? "for ever" : `for ${deletedKeepDays} days`}`;
    this.listing.notes.add(
      `${excludedFiles} files that are stored are excluded now, and stay as they are; with --retire-excluded they are ${fate}`,
    );
  }

  /** Phase 2. */
  private async storeNewFiles(): Promise<void> {
    const { found, source, destination, tally, options, storePhase } = this;
    await destination.workers.drain();
    const moves = new MovePhase({
      source,
      destination,
      publisher: this.publisher,
      tally,
      reporter: options.reporter,
      signal: options.signal,
      dryRun: options.dryRun,
      store: (file) => storePhase.store({ file, sameSize: [], previous: [], retired: [] }, found),
      storeUncounted: (file, then) => storePhase.storeUncounted(file, found, then),
      onExplained: ({ path }) => found.presence.explain(path),
      settleLoss: (file, outcome) => storePhase.settleLoss(file, outcome, found),
      unsettled: found.unsettled,
    });
    await moves.run(found.newFiles, found.returned, found.vanished);
  }

  /** Phase 3: every task has its outcome, every staged object is published. */
  private async settle(): Promise<void> {
    await this.destination.workers.drain();
    await this.publisher.flush();
  }

  /** What was stored is not, where its folder was removed or unmounted since: nothing else would tell. */
  private checkPlace(): void {
    const problem = this.destination.storage.placeProblem();
    if (problem !== undefined) this.tally.error(reportOf(problem, "destination"));
  }

  /** Phases 4 and 5. */
  private async retire(): Promise<void> {
    const { found, config, options, destination, tally, source, plan } = this;
    await retire({
      config,
      options,
      tally,
      source,
      destination,
      plan,
      found,
      isPartial: this.listing.isPartial,
      now: () => this.storageTime(),
      note: (text) => this.listing.notes.add(text),
      storeLate: () => this.manifests.storeLate(found),
    });
  }
}
