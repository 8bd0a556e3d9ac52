/**
 * What a backup does about one path. Pure: a function of what both sides show, and of the date.
 */
import { compareStamps } from "../names/stamp.ts";
import { isLive } from "../names/stored-name.ts";
import type { Entry } from "../scan/entry.ts";
import type { PathGroup, Version } from "./group.ts";
import { historyOf } from "./history.ts";
import { isExpired } from "./retention.ts";

export interface PlanSettings {
  /** Whether versions are retired to a history, instead of removed or marked with a date. */
  readonly keepsHistory: boolean;
  readonly deletedKeepDays: number | null;
  /** The date of this run, YYYYMMDD. */
  readonly today: number;
}

/**
 * - `unchanged`: the live version matches path, size and mtime, and with a metadata manifest the md5 too, which alone
 *   tells whether it changed.
 * - `upload`: new (no `previous`) or changed. Where a version of the same size exists, `sameSize`, its md5 is compared
 *   first: a touched or returned file then costs a copy or a rename. `previous`, with history oldest first, go once the new
 *   version is safe. That a file has the time of a version that is not live any more proves nothing: many may have had it.
 * - `revive`: without history, a manifest is back as the version marked deleted has it, md5 and all.
 * - `vanished`: a live version whose file is not in the source.
 * - `gone`: only versions marked deleted, and no history.
 * - `nothing`: no file, and no version that this run has to decide about: retention does, over those of a history.
 *
 * `surplus`, with history oldest first, are versions that nothing needs any more, to be retired or removed in the last phase:
 * doubles that a kill left behind, and, without history, what lies beside the one version per path that is kept then.
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
  return settings.keepsHistory ? planWithHistory(group) : planWithout(group, settings);
}

/** One version is kept for each path: the live one, or the one that was deleted last. */
function planWithout(group: PathGroup, settings: PlanSettings): PathPlan {
  const versions = withoutRetired(group.versions).sort(byClaim);
  const { entry } = group;
  if (entry === undefined) return planMissing(versions, settings);
  const match = versions.find((version) => isVersionOf(version, entry));
  if (match !== undefined) {
    const surplus = versions.filter((version) => version !== match);
    if (isLive(match)) return { kind: "unchanged", version: match, surplus };
    if (entry.manifest !== undefined) return { kind: "revive", entry, version: match, surplus };
  }
  return { kind: "upload", entry, sameSize: sameSizeOf(versions, entry), previous: versions };
}

/** What was retired while a history was kept stays where it is: by its name, or because a tombstone tells so. */
function withoutRetired(versions: readonly Version[]): Version[] {
  const own = versions.filter(({ stamp }) => stamp.form === "live" || stamp.form === "date");
  if (versions.every(({ stamp }) => stamp.form !== "marker")) return own;
  const lasting = new Set(historyOf(versions).lives.map((life) => life.ceased === undefined && life.version));
  return own.filter((version) => !isLive(version) || lasting.has(version));
}

/** Whatever was live and is not any more is retired; what is retired already is not touched here. */
function planWithHistory(group: PathGroup): PathPlan {
  const { lives } = historyOf(group.versions);
  const lasting = lives.filter(({ ceased }) => ceased === undefined);
  const live = lasting.map(({ version }) => version);
  const { entry } = group;
  if (entry === undefined) {
    const version = live.at(-1);
    return version === undefined
      ? { kind: "nothing" }
      : { kind: "vanished", version, surplus: live.slice(0, -1) };
  }
  const match = lasting.findLast(({ version }) => isVersionOf(version, entry));
  if (match !== undefined) {
    // It is still there, or again: what a retirement that was cut off copied would tell of an end that was none.
    const { version: kept, doubles = [] } = match;
    return {
      kind: "unchanged",
      version: kept,
      surplus: [...doubles, ...live.filter((other) => other !== kept)],
    };
  }
  const objects = [...new Set(lives.map(({ version }) => version))].reverse();
  return { kind: "upload", entry, sameSize: sameSizeOf(objects, entry), previous: live };
}

/** Whether a version is what the source shows, as far as names tell. */
export function isVersionOf(version: Version, { size, mtime, manifest }: Entry): boolean {
  return (
    version.size === size &&
    version.mtime === mtime &&
    (manifest === undefined || version.md5 === manifest.md5)
  );
}

/** Of a manifest the md5 is known, and did not match. */
function sameSizeOf(versions: readonly Version[], { size, manifest }: Entry): readonly Version[] {
  return manifest === undefined ? versions.filter((version) => version.size === size) : [];
}

function planMissing(versions: readonly Version[], { deletedKeepDays, today }: PlanSettings): PathPlan {
  const [version, ...surplus] = versions;
  if (version === undefined) return { kind: "nothing" };
  if (isLive(version)) return { kind: "vanished", version, surplus };
  return { kind: "gone", version, expired: isExpired(version.stamp, today, deletedKeepDays), surplus };
}

/** What is retired of a path by its name, and tombstones. */
export function retiredOf(versions: readonly Version[]): readonly Version[] {
  return versions.filter((version) => !isLive(version));
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
