/** Two manifests of one folder made one. Pure. */
import { comparePaths } from "../names/path-text.ts";
import type { Manifest, ManifestEntry } from "./manifest.ts";

type Names = Readonly<Record<string, string>>;

/** What a manifest tells of its folder itself; undefined where that is nothing. */
export function ofFolder({ folder, users, groups }: Manifest): Manifest | undefined {
  if (folder === undefined) return undefined;
  const { uid, gid } = folder;
  return { folder, users: namesFor([uid], users), groups: namesFor([gid], groups), entries: [] };
}

/** What a manifest has and, of another one, the entries that it has not. The folder is as the first has it. */
export function mergeManifests(manifest: Manifest, other: Manifest): Manifest {
  const known = new Set(manifest.entries.map(({ name }) => name));
  const kept = other.entries.filter(({ name }) => !known.has(name));
  const { folder, entries } = manifest;
  return {
    ...(folder !== undefined && { folder }),
    users: {
      ...namesFor(
        kept.map(({ uid }) => uid),
        other.users,
      ),
      ...manifest.users,
    },
    groups: {
      ...namesFor(
        kept.map(({ gid }) => gid),
        other.groups,
      ),
      ...manifest.groups,
    },
    entries: [...entries, ...kept].sort(byName),
  };
}

function namesFor(ids: readonly number[], names: Names): Names {
  const found: Record<string, string> = {};
  for (const id of ids) {
    const name = names[id];
    if (name !== undefined) found[id] = name;
  }
  return found;
}

function byName(a: ManifestEntry, b: ManifestEntry): number {
  return comparePaths(a.name, b.name);
}
