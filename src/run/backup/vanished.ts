/**
 * What becomes of versions whose files vanished, once the guard has let it pass.
 */
import { dateOrLive } from "../../names/stamp.ts";
import type { Version } from "../../plan/group.ts";
import { historyOf } from "../../plan/history.ts";
import { retiredOf } from "../../plan/plan-path.ts";
import type { JoinFindings, Vanished } from "./backup-state.ts";

export interface Deletions {
  readonly found: JoinFindings;
  /** Null: for ever; 0: nothing is kept of deleted files. */
  readonly deletedKeepDays: number | null;
  /** YYYYMMDD. */
  readonly today: number;
}

/** Without history: marks versions with the date, or removes them. */
export function markVanished({ found, deletedKeepDays, today }: Deletions): void {
  const { retirements, unsettled, vanished, vanishedManifests } = found;
  const marked = ({ path, size, mtime, md5 }: Version) => ({
    path,
    size,
    mtime,
    md5,
    stamp: dateOrLive(today),
  });
  for (const { version: current, surplus } of vanishedManifests) {
    for (const version of [current, ...surplus]) {
      if (deletedKeepDays === 0) retirements.remove({ version, why: "outdated metadata" });
      else retirements.rename({ version, to: marked(version), why: "outdated metadata", surplus: [] });
    }
  }
  for (const { version, surplus } of vanished) {
    if (unsettled.concern(version, deletedKeepDays === 0)) continue;
    for (const other of surplus) {
      retirements.removeFirst({ version: other, successor: { key: version.key }, why: "surplus" });
    }
    if (deletedKeepDays === 0) retirements.remove({ version, why: "deleted" });
    else retirements.rename({ version, to: marked(version), why: "deleted", surplus: [] });
  }
}

/** With history: retires them; where nothing is kept of deleted files, removes them with all that was before. */
export function retireVanished({ found, deletedKeepDays }: Deletions, isDelayed: boolean): void {
  const { history, retirements, unsettled, vanished, vanishedManifests } = found;
  const isRemoved = deletedKeepDays === 0 && !isDelayed;
  const end = ({ version, surplus, versions, expiring }: Vanished, why: "deleted" | "outdated metadata") => {
    if (!isRemoved) {
      history.retire({
        versions: [...surplus, version],
        why,
        retired: retiredOf(versions),
      });
      return;
    }
    // The live object goes first: what is left if this is cut off is a history, which the next run goes on with.
    retirements.remove({ version, why });
    const left = versions.filter(({ key }) => !expiring.includes(key));
    const objects = left.filter(({ key, stamp }) => key !== version.key && stamp.form !== "marker");
    const markers = left.filter(({ stamp }) => stamp.form === "marker");
    const ended = historyOf(left).lives.filter(({ ceased }) => ceased !== undefined);
    const remove = [...objects, ...markers];
    history.purge({ remove, orphans: [], restamp: [], doubles: [], ended }, why !== "deleted");
  };
  for (const gone of vanishedManifests) end(gone, "outdated metadata");
  for (const gone of vanished) if (!unsettled.concern(gone.version, isRemoved)) end(gone, "deleted");
}
