/**
 * Going through the destination path by path: what restore and verify do.
 */
import { type ErrorReport, reportOf, StorageError } from "../../errors.ts";
import type { PathGroup, Version } from "../../plan/group.ts";
import { needsStoredTimes } from "../../plan/history.ts";
import { join } from "../../plan/join.ts";
import type { Storage } from "../../storage/storage.ts";

async function* nothing(): AsyncGenerator<never[]> {}

/** The versions of each path together. */
export async function* storedGroups(versions: AsyncIterable<Version[]>): AsyncGenerator<PathGroup[]> {
  yield* join(nothing(), versions);
}

/**
 * The group with the time each version was stored. Local listings leave times out; they are asked for only where
 * versions compete, and not of those whose names tell. A version that has gone since it was listed is left out.
 *
 * Undefined where storage does not tell of one (what a disk knows of it lies on a bad place): then nobody can say which
 * version was the file's when, and nothing may be decided about this path. That keeps no other from being looked at.
 *
 * @param onFailure is told of that
 * @param all also of live versions that nothing competes with
 */
export async function withStoredTimes(
  group: PathGroup,
  storage: Pick<Storage, "stat">,
  onFailure: (report: ErrorReport) => void,
  all = false,
): Promise<PathGroup | undefined> {
  if (!all && !needsStoredTimes(group.versions)) return group;
  try {
    return { ...group, versions: await versionsWithTimes(group.versions, storage) };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    onFailure({ ...reportOf(error, "destination"), path: group.path });
    return undefined;
  }
}

async function versionsWithTimes(
  listed: readonly Version[],
  storage: Pick<Storage, "stat">,
): Promise<Version[]> {
  const versions: Version[] = [];
  for (const version of listed) {
    if (version.stamp.form === "stamp" || version.stamp.form === "marker") {
      versions.push(version);
      continue;
    }
    const storedAt = version.storedAt ?? (await storage.stat(version.key))?.modified;
    if (storedAt !== undefined) versions.push({ ...version, storedAt });
  }
  return versions;
}
