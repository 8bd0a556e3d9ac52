/**
 * Pruning: what retention does at the end of every run, by itself, without looking at the source.
 */
import type { Config } from "../../config/config.ts";
import type { ErrorReport } from "../../errors.ts";
import { parseManifestPath } from "../../names/manifest-name.ts";
import { isLive } from "../../names/stored-name.ts";
import type { PathGroup } from "../../plan/group.ts";
import { historyOf, secondsOf } from "../../plan/history.ts";
import { planPath } from "../../plan/plan-path.ts";
import { planPurge } from "../../plan/purge.ts";
import { dateStamp, Retention } from "../../plan/retention.ts";
import { reservesNames } from "../../scan/open-source.ts";
import { clocksAgree } from "../clock.ts";
import { withSortedFallback } from "../destination/destination.ts";
import { storedGroups, withStoredTimes } from "../destination/stored-groups.ts";
import { withDestination } from "../destination/with-destination.ts";
import { limitOperations } from "../limit-operations.ts";
import { type RunOptions, withDefaults } from "../run-options.ts";
import { type RunResult, Tally } from "../tally.ts";
import { filesInFlight } from "../worker/files-in-flight.ts";
import { untilOutOfReach } from "../worker/out-of-reach.ts";
import { HistoryPhase } from "./history-phase.ts";
import { Retirements } from "./retirements.ts";

export interface PruneOptions extends RunOptions {
  /** Change nothing, and tell what would go (`--dry-run`). */
  readonly dryRun?: boolean;
}

const DAY_SECONDS = 86_400;

/**
 * Removes, and condemns, what the rules of the configuration do not keep. Failures are counted one by one.
 * @throws BackupError where nothing could be done at all; `InterruptedError` after a signal.
 */
export async function runPrune(config: Config, options: PruneOptions): Promise<RunResult> {
  const tally = new Tally(options.reporter);
  const { now, calls } = withDefaults(options);
  return withDestination(config, options, tally, { mode: "verify" }, async (destination) => {
    const { storage, keys, sealer, sealTombstone } = destination;
    if (!clocksAgree(storage, options.reporter)) return tally.result();
    const prune = new Prune(config, now());
    const onFailure = (report: ErrorReport) => tally.error(report);
    try {
      await withSortedFallback(destination, async (versions) => {
        prune.restart();
        for await (const groups of storedGroups(versions)) {
          for (const listed of groups) {
            const group = await withStoredTimes(listed, storage, onFailure);
            if (group !== undefined) prune.take(group);
          }
          options.signal.throwIfAborted();
        }
      });
      const { reporter, dryRun = false } = options;
      const moment = now().getTime() + storage.clockOffset();
      await prune.carryOut({
        ...untilOutOfReach(storage, options.signal),
        config,
        keys,
        sealer,
        sealTombstone,
        tally,
        reporter,
        limit: limitOperations(filesInFlight(config, "backup"), calls),
        dryRun,
        now: moment,
        isPartlyUnread: destination.isPartlyUnread(),
      });
      return tally.result();
    } finally {
      prune.close();
    }
  });
}

class Prune {
  private readonly config: Config;
  private readonly now: Date;
  private readonly retention: Retention;
  private history = new HistoryPhase();
  private retirements = new Retirements();

  constructor(config: Config, now: Date) {
    this.config = config;
    this.now = now;
    this.retention = new Retention(config, now);
  }

  restart(): void {
    this.close();
    this.history = new HistoryPhase();
    this.retirements = new Retirements();
  }

  take(group: PathGroup): void {
    const { versions } = group;
    if (versions.every(isLive)) return;
    if (this.config.versionsKeepDays === null) this.takeMarked(group);
    else {
      const history = historyOf(versions);
      const delay = this.config.purgeDelayDays * DAY_SECONDS;
      const purge = planPurge(history, this.retention.expired(history), delay, secondsOf(this.now.getTime()));
      this.history.purge(purge, this.isManifest(group));
    }
  }

  async carryOut(context: Parameters<HistoryPhase["carryOutPurges"]>[0]): Promise<void> {
    await this.retirements.carryOut(context);
    await this.history.carryOutPurges(context);
  }

  close(): void {
    this.history.close();
    this.retirements.close();
  }

  /** Without history only what a date marks expires. */
  private takeMarked(group: PathGroup): void {
    const { deletedKeepDays } = this.config;
    const plan = planPath(group, { keepsHistory: false, deletedKeepDays, today: dateStamp(this.now) });
    if (plan.kind !== "gone" || !plan.expired) return;
    const why = this.isManifest(group) ? "outdated metadata" : "expired";
    for (const version of plan.surplus) this.retirements.remove({ version, why: "surplus" });
    this.retirements.remove({ version: plan.version, why });
  }

  private isManifest({ path }: PathGroup): boolean {
    return reservesNames(this.config) && parseManifestPath(path) !== undefined;
  }
}
