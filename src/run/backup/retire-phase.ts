/**
 * The last phases of a backup: the guard looks at what is missing, and only then versions are renamed, marked deleted
 * and removed. Everything new is durable and in its place before.
 */
import type { Config } from "../../config/config.ts";
import { reportOf } from "../../errors.ts";
import { guardAgainstLoss } from "../../plan/guard.ts";
import type { PlanSettings } from "../../plan/plan-path.ts";
import type { Source } from "../../scan/source.ts";
import type { OpenDestination } from "../destination/destination.ts";
import type { HistoryContext } from "../history/history-changes.ts";
import type { RetireContext } from "../history/retirements.ts";
import { limitOperations } from "../limit-operations.ts";
import type { RunOptions } from "../run-options.ts";
import type { Tally } from "../tally.ts";
import { filesInFlight } from "../worker/files-in-flight.ts";
import { untilOutOfReach } from "../worker/out-of-reach.ts";
import type { JoinFindings } from "./backup-state.ts";
import { markVanished, retireVanished } from "./vanished.ts";

export interface RetirePhaseContext {
  readonly config: Config;
  readonly options: Required<RunOptions> & { readonly allowMassDelete: boolean; readonly dryRun: boolean };
  readonly tally: Tally;
  readonly source: Source;
  readonly destination: OpenDestination;
  readonly plan: PlanSettings;
  readonly found: JoinFindings;
  /** Whether the source could not be listed completely. */
  readonly isPartial: boolean;
  /** By the storage's clock, milliseconds since 1970. */
  now(): number;
  /** For the end of the run. */
  note(text: string): void;
  /** Stores the manifests that waited for the guard, and publishes them. */
  storeLate(): Promise<void>;
}

const NOT_FOR_THE_OLDER_TOOL =
  "This destination now has a history: the older tool would take retired versions for conflicts and remove them";

/** Failures of single objects, and refusals of the guard, are counted and told; only the signal ends it early. */
export async function retire(context: RetirePhaseContext): Promise<void> {
  const { found, config, plan } = context;
  const mayMark = guardPasses(context);
  if (mayMark) {
    await context.storeLate();
    const deletions = { found, deletedKeepDays: plan.deletedKeepDays, today: plan.today };
    if (plan.keepsHistory) retireVanished(deletions, config.purgeDelayDays > 0);
    else markVanished(deletions);
  }
  if (found.history.retires && !found.sawHistory && config.container === "classic")
    context.note(NOT_FOR_THE_OLDER_TOOL);
  const changes = contextOfChanges(context);
  await found.history.carryOutRetirings(changes);
  await found.retirements.carryOut(changes);
  if (mayMark) await found.history.carryOutPurges(changes);
}

function guardPasses({ found, config, options, tally, source, isPartial }: RetirePhaseContext): boolean {
  const { all, parts } = found.presence;
  const replaced = !source.isStillThere();
  const refusals = guardAgainstLoss(
    { all, parts, partial: isPartial, replaced, toRead: tally.changing, gone: found.goneFiles },
    { massDeleteShare: config.massDeleteShare, allowMassDelete: options.allowMassDelete },
  );
  for (const refusal of refusals) tally.error(reportOf(refusal, "source"));
  return refusals.length === 0;
}

function contextOfChanges(context: RetirePhaseContext): RetireContext & HistoryContext {
  const { config, options, tally, destination } = context;
  const { keys, sealer, sealTombstone } = destination;
  const { reporter, dryRun, calls } = options;
  const { storage, signal } = untilOutOfReach(destination.storage, options.signal);
  return {
    config,
    storage,
    keys,
    sealer,
    sealTombstone,
    tally,
    reporter,
    signal,
    limit: limitOperations(filesInFlight(config, "backup"), calls),
    dryRun,
    now: context.now(),
    isPartlyUnread: destination.isPartlyUnread(),
  };
}
