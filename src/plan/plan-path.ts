/**
 * What a backup does about one path. Pure: a function of what both sides show, and of the date.
 */

import { compareStamps } from "../names/stamp.ts";
import { isLive } from "../names/stored-name.ts";
import type { Entry } from "../scan/entry.ts";
import type { PathGroup, Version } from "./group.ts";
import { isExpired } from "./retention.ts";

export interface PlanSettings {
  readonly deletedKeepDays: number | null;
  /** The date of this run, YYYYMMDD. */
  readonly today: number;
}

/**
 * - `unchanged`: the live version matches path, size and mtime, and with a metadata manifest the md5 too, which alone
 *   tells whether it changed.
 * - `upload`: new (no `previous`) or changed. Where a version of the same size exists, `sameSize`, its md5 is compared
 *   first: a touched or returned file then costs a rename. `previous` go once the new version is safe.
 * - `revive`: the file is back as the version marked deleted has it.
 * - `vanished`: a live version whose file is not in the source.
 * - `gone`: only versions marked deleted.
 * - `nothing`: no file, and no version but those of a history, which are left alone.
 *
 * `surplus` are versions that nothing needs any more, to be removed in the last phase: doubles that a kill left
 * behind, and what lies beside the one version per path that this layout keeps.
 */
export type PathPlan =
  | { readonly kind: "nothing" }
  | { readonly kind: "unchanged"; readonly version: Version; readonly surplus: readonly Version[] }
  | {
      readonly kind: "upload";
      readonly entry: Entry;
      readonly sameSize: readonly Version[];
      readonly previous: readonly Version[];
    }
  | {
      readonly kind: "revive";
      readonly entry: Entry;
      readonly version: Version;
      readonly surplus: readonly Version[];
    }
  | { readonly kind: "vanished"; readonly version: Version; readonly surplus: readonly Version[] }
  | {
      readonly kind: "gone";
      readonly version: Version;
      readonly expired: boolean;
      readonly surplus: readonly Version[];
    };

/** Plans one path. Versions with equal claims are ranked by when they were stored, so `storedAt` should be known then. */
export function planPath(group: PathGroup, settings: PlanSettings): PathPlan {
  const versions = group.versions
    .filter(({ stamp }) => stamp.form === "live" || stamp.form === "date")
    .sort(byClaim);
  const { entry } = group;
  if (entry === undefined) return planMissing(versions, settings);
  const { size, mtime, manifest } = entry;
  const match = versions.find(
    (version) =>
      version.size === size &&
      version.mtime === mtime &&
      (manifest === undefined || version.md5 === manifest.md5),
  );
  if (match !== undefined) {
    const surplus = versions.filter((version) => version !== match);
    if (isLive(match)) return { kind: "unchanged", version: match, surplus };
    return { kind: "revive", entry, version: match, surplus };
  }
  const sameSize = manifest === undefined ? versions.filter((version) => version.size === size) : [];
  return { kind: "upload", entry, sameSize, previous: versions };
}

/** Whether deciding needs to know when versions were stored: only when there are several. */
export function needsStoredTimes(group: PathGroup): boolean {
  return group.versions.length > 1;
}

/** The version that a path has when the source says nothing: what restore and verify take. */
export function currentVersion(versions: readonly Version[]): Version | undefined {
  return [...versions].sort(byClaim)[0];
}

function planMissing(versions: readonly Version[], { deletedKeepDays, today }: PlanSettings): PathPlan {
  const [version, ...surplus] = versions;
  if (version === undefined) return { kind: "nothing" };
  if (isLive(version)) return { kind: "vanished", version, surplus };
  return { kind: "gone", version, expired: isExpired(version.stamp, today, deletedKeepDays), surplus };
}

/**
 * Live before deleted, later deletion before earlier, stored later before stored earlier. What is still equal is
 * ordered by what the names say, so that two runs side by side never each remove the other's choice.
 */
function byClaim(a: Version, b: Version): number {
  return (
    compareStamps(b.stamp, a.stamp) ||
    (b.storedAt ?? 0) - (a.storedAt ?? 0) ||
    b.mtime - a.mtime ||
    (a.key < b.key ? 1 : a.key > b.key ? -1 : 0)
  );
}
