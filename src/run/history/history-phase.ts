/**
 * The last phase of a run that keeps a history: retiring what was replaced or has vanished, and removing what retention
 * does not keep.
 *
 * As with every removal, nothing happens before both listings are complete and everything new is durable, and a
 * successor is looked at once more before what it replaces is retired. That look also tells when the successor
 * began to be live, which is when the other one ceased to be.
 */
import type { Purge } from "../../plan/purge.ts";
import { SpillList } from "../../spill/spill-list.ts";
import { type Ending, GroupOfChanges, type HistoryContext, type Retiring } from "./history-changes.ts";

const PER_GROUP = 1000;

export class HistoryPhase {
  private readonly retirings = new SpillList<Retiring>();
  private readonly endings = new SpillList<Ending>();

  /** Nothing is retired in favour of itself. */
  retire(retiring: Retiring): void {
    const versions = retiring.versions.filter(({ key }) => key !== retiring.successor?.key);
    if (versions.length > 0) this.retirings.append({ ...retiring, versions });
  }

  purge(purge: Purge, isManifest: boolean): void {
    const { remove, orphans, restamp, doubles } = purge;
    if (remove.length + orphans.length + restamp.length + doubles.length > 0)
      this.endings.append({ purge, isManifest });
  }

  /** Whether anything is to be retired. */
  get retires(): boolean {
    return this.retirings.length > 0;
  }

  /** Retires everything collected. Failures are counted, one by one; only the signal ends it early. */
  async carryOutRetirings(context: HistoryContext): Promise<void> {
    await inGroups(this.retirings, context, (retiring, work) => work.retire(retiring));
  }

  /** Removes, condemns and reprieves. */
  async carryOutPurges(context: HistoryContext): Promise<void> {
    await inGroups(this.endings, context, (ending, work) => work.end(ending));
  }

  close(): void {
    this.retirings.close();
    this.endings.close();
  }
}

async function inGroups<T>(
  list: Iterable<T>,
  context: HistoryContext,
  step: (item: T, work: GroupOfChanges) => Promise<void>,
): Promise<void> {
  let group: T[] = [];
  const carryOut = async () => {
    context.signal.throwIfAborted();
    const work = new GroupOfChanges(context);
    await Promise.all(group.map((item) => context.limit(() => step(item, work))));
    await work.finish();
    group = [];
  };
  for (const item of list) {
    group.push(item);
    if (group.length >= PER_GROUP) await carryOut();
  }
  if (group.length > 0) await carryOut();
}
