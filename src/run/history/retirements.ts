/**
 * The last phase of a backup: renaming, marking and removing what earlier phases collected.
 *
 * Nothing here happens before both listings are complete and everything new is durable. What takes a version's place
 * is looked at once more ("seen") before the version is removed: between a listing and now another run may have
 * removed it.
 */
import type { Config } from "../../config/config.ts";
import { type ErrorReport, errorCode, reportOf } from "../../errors.ts";
import type { NameFields, StoredVersion } from "../../names/stored-name.ts";
import { SpillList } from "../../spill/spill-list.ts";
import type { LimitOperations } from "../limit-operations.ts";
import { objectRules } from "../object/object-rules.ts";
import type { Reporter } from "../reporter.ts";
import type { Tally } from "../tally.ts";
import type { LastPhaseStorage } from "../worker/out-of-reach.ts";
import { type NewKeyContext, newKeyOf } from "./new-key.ts";

/** What has to be at the destination before something else may go. */
export interface Successor {
  readonly key: string;
  /** Bytes stored, where known. */
  readonly size?: number;
}

interface Removal {
  readonly version: StoredVersion;
  readonly successor?: Successor;
  readonly why: "replaced" | "surplus" | "expired" | "deleted" | "outdated metadata";
}

interface Renaming {
  readonly version: StoredVersion;
  readonly to: NameFields;
  readonly why: "touched" | "revived" | "deleted" | "outdated metadata";
  /** Removed once the new name is there. */
  readonly surplus: readonly StoredVersion[];
}

export interface RetireContext extends NewKeyContext {
  readonly config: Config;
  readonly storage: LastPhaseStorage;
  readonly tally: Tally;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** For everything that is done to the storage one by one. */
  readonly limit: LimitOperations;
  /** Only tell what would be done. */
  readonly dryRun: boolean;
}

const REMOVALS_PER_CALL = 1000;

export class Retirements {
  private readonly doubles = new SpillList<Removal>();
  private readonly removals = new SpillList<Removal>();
  private readonly renamings = new SpillList<Renaming>();

  remove(removal: Removal): void {
    if (!isItsOwnSuccessor(removal)) this.removals.append(removal);
  }

  /**
   * Removes a version beside one that is about to be marked deleted or removed itself, and before that: the other way
   * round a kill in between would leave the older version live, and the next run would keep that one.
   */
  removeFirst(removal: Removal): void {
    if (!isItsOwnSuccessor(removal)) this.doubles.append(removal);
  }

  rename(renaming: Renaming): void {
    this.renamings.append(renaming);
  }

  /** Carries everything out. Failures are counted, one by one; only the signal ends it early. */
  async carryOut(context: RetireContext): Promise<void> {
    await removeAll(this.doubles, context);
    await inGroups(this.renamings, REMOVALS_PER_CALL, async (group) => {
      await Promise.all(group.map((renaming) => context.limit(() => this.renameOne(renaming, context))));
      await context.storage.flush();
    });
    await removeAll(this.removals, context);
  }

  close(): void {
    this.doubles.close();
    this.removals.close();
    this.renamings.close();
  }

  private async renameOne(renaming: Renaming, context: RetireContext): Promise<void> {
    const { version, to, why, surplus } = renaming;
    const { storage, tally, reporter, signal, dryRun } = context;
    signal.throwIfAborted();
    let key: string;
    try {
      key = await newKeyOf(version, to, context);
      const problem = storage.keyProblem(key);
      if (problem !== undefined && tellProblem(renaming, problem, context)) return;
      if (!dryRun) await storage.rename(version.key, key, objectRules(context.config).classFor(to));
    } catch (error) {
      signal.throwIfAborted();
      if (errorCode(error) === "ENOENT") {
        reporter.warning("another run was quicker, nothing to rename", to.path);
        return;
      }
      tally.error(failure(error, to.path));
      return;
    }
    if (why === "deleted") {
      tally.add("deleted", to.size);
      reporter.file("deleted", to.path, "marked", to.size);
    }
    for (const other of surplus) this.remove({ version: other, successor: { key }, why: "surplus" });
  }
}

/** A name can fit live and not deleted. The version is safe as it is, so it stays. False where the storage is to say so. */
function tellProblem({ to, why }: Renaming, problem: string, { reporter, tally }: RetireContext): boolean {
  if (why === "deleted") {
    reporter.warning(
      `has gone from the source but cannot be marked deleted, and stays live: ${problem}`,
      to.path,
    );
    tally.add("kept live", to.size);
  }
  return why === "deleted" || why === "outdated metadata";
}

/** Whatever led to it: what is there under this very name is not to be removed in favour of itself. */
function isItsOwnSuccessor({ version, successor }: Removal): boolean {
  return version.key === successor?.key;
}

async function removeAll(removals: SpillList<Removal>, context: RetireContext): Promise<void> {
  await inGroups(removals, REMOVALS_PER_CALL, async (group) => {
    context.signal.throwIfAborted();
    const seen = await Promise.all(
      group.map((removal) => context.limit(() => isSucceeded(removal, context))),
    );
    await removeGroup(
      group.filter((_, i) => seen[i]),
      context,
    );
  });
  await context.storage.flush();
}

async function isSucceeded({ version, successor }: Removal, context: RetireContext): Promise<boolean> {
  if (successor === undefined || context.dryRun) return true;
  context.signal.throwIfAborted();
  try {
    const stat = await context.storage.stat(successor.key);
    if (stat !== undefined && (successor.size === undefined || stat.size === successor.size)) return true;
    context.reporter.warning(
      "the version in its place is not there any more, so this one stays",
      version.path,
    );
  } catch (error) {
    context.signal.throwIfAborted();
    context.tally.error(failure(error, version.path));
  }
  return false;
}

async function removeGroup(
  group: readonly Removal[],
  { storage, tally, reporter, dryRun }: RetireContext,
): Promise<void> {
  const failures = dryRun ? [] : await storage.remove(group.map(({ version }) => version.key));
  const failed = new Map(failures.map(({ key, error }) => [key, error]));
  for (const { version, why } of group) {
    const error = failed.get(version.key);
    if (error !== undefined) tally.error(failure(error, version.path));
    else if (why === "expired" || why === "deleted") {
      tally.add(why === "expired" ? "expired" : "deleted", version.size);
      reporter.file(why, version.path, "removed", version.size);
    }
  }
}

function failure(error: unknown, path: string): ErrorReport {
  return { ...reportOf(error, "destination"), path };
}

async function inGroups<T>(
  list: Iterable<T>,
  size: number,
  work: (group: T[]) => Promise<void>,
): Promise<void> {
  let group: T[] = [];
  for (const item of list) {
    group.push(item);
    if (group.length < size) continue;
    await work(group);
    group = [];
  }
  if (group.length > 0) await work(group);
}
