/**
 * Going through the destination path by path: what restore and verify do.
 */
import type { PathGroup, Version } from "../plan/group.ts";
import { needsStoredTimes } from "../plan/history.ts";
import { join } from "../plan/join.ts";
import type { Storage } from "../storage/storage.ts";

async function* nothing(): AsyncGenerator<never[]> {}

/** The versions of each path together. */
export async function* storedGroups(versions: AsyncIterable<Version[]>): AsyncGenerator<PathGroup[]> {
  yield* join(nothing(), versions);
}

/**
 * The group with the time each version was stored. Local listings leave times out; they are asked for only where
 * versions compete, and not of those whose names tell. A version that has gone since it was listed is left out.
 *
 * @param all also of live versions that nothing competes with
 */
export async function withStoredTimes(group: PathGroup, storage: Storage, all = false): Promise<PathGroup> {
  if (!all && !needsStoredTimes(group.versions)) return group;
  const versions: Version[] = [];
  for (const version of group.versions) {
    if (version.stamp.form === "stamp" || version.stamp.form === "marker") {
      versions.push(version);
      continue;
    }
    const storedAt = version.storedAt ?? (await storage.stat(version.key))?.modified;
    if (storedAt !== undefined) versions.push({ ...version, storedAt });
  }
  return { ...group, versions };
}
