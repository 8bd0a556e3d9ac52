/** Sources and destinations made of names that are hard to keep in order. */

import fc from "fast-check";
import { comparePaths } from "../../src/names/path-text.ts";
import { dateOrLive, LIVE } from "../../src/names/stamp.ts";
import { formatStoredName, parseStoredName, sortKeyOf } from "../../src/names/stored-name.ts";
import type { Version } from "../../src/plan/group.ts";
import type { Entry } from "../../src/scan/entry.ts";

/** Characters around the dot and the slash in byte order, number fields, and where UTF-16 and bytes disagree. */
const UNITS = [
  "a",
  "b",
  ".",
  "-",
  "/",
  " ",
  "!",
  "0",
  "1",
  "2",
  "~",
  "\u00e9",
  "\uff5e",
  "\ufffd",
  "\u{1f600}",
  "\udcff",
];
const TAILS = [".1.2", ".1", ".", "..", "-", "/x", ".0.0.0.0", ".enc", "\u{10ffff}", "\uffee", ".1.2.3.0"];

/** Names of a file system: no empty, `.` or `..` component. */
export function isFilePath(path: string): boolean {
  return path.split("/").every((name) => name !== "" && name !== "." && name !== "..");
}

const shortName = fc.string({ unit: fc.constantFrom(...UNITS), minLength: 1, maxLength: 4 });

/** Paths of which many begin with others, as `a`, `a.1.2`, `a.1.2.1.2`. */
export const anyPath = fc
  .tuple(shortName, fc.array(fc.constantFrom(...TAILS), { maxLength: 3 }))
  .map(([name, tails]) => name + tails.join(""));

const smallNumber = fc.constantFrom(0, 1, 2, 35, 36, 1_600_000_000);
const anyVersion = fc.record({
  mtime: smallNumber,
  size: smallNumber,
  md5: fc.constantFrom("0", "1", "2", "f5lxx1zz5pnorynqglhzmsp33"),
  stamp: fc.constantFrom(0, 0, 20240229, 20261120).map(dateOrLive),
});

export interface World {
  readonly entries: Entry[];
  readonly versions: Version[];
}

export function entryOf(path: string, mtime = 1, size = 1): Entry {
  return { path, mtime, size, sortKey: sortKeyOf(path, mtime, size) };
}

export function versionOf(path: string, fields: Partial<Omit<Version, "path" | "key">> = {}): Version {
  const complete = { path, mtime: 1, size: 1, md5: "1", stamp: LIVE, ...fields };
  const version = parseStoredName(formatStoredName(complete)) as Version;
  return { ...version, ...(fields.storedAt !== undefined && { storedAt: fields.storedAt }) };
}

/** Both sides in the order in which their storages list them. */
export const anyWorld: fc.Arbitrary<World> = fc
  .uniqueArray(
    fc.record({
      path: anyPath,
      entry: fc.option(fc.record({ mtime: smallNumber, size: smallNumber }), { nil: undefined }),
      versions: fc.array(anyVersion, { maxLength: 4 }),
    }),
    { selector: ({ path }) => path, maxLength: 25 },
  )
  .map((paths) => {
    const entries = paths.flatMap(({ path, entry }) =>
      entry ? [entryOf(path, entry.mtime, entry.size)] : [],
    );
    const versions = new Map(
      paths.flatMap(({ path, versions }) =>
        versions.map((fields) => versionOf(path, fields)).map((version) => [version.key, version] as const),
      ),
    );
    return {
      entries: entries.sort((a, b) => comparePaths(a.sortKey, b.sortKey)),
      versions: [...versions.values()].sort((a, b) => comparePaths(a.key, b.key)),
    };
  });

/** Cuts a list into batches, empty ones among them. */
export async function* cut<T>(items: readonly T[], cuts: readonly number[]): AsyncGenerator<T[]> {
  let at = 0;
  for (let i = 0; at < items.length; i++) {
    const length = cuts.length === 0 ? items.length : (cuts[i % cuts.length] as number);
    if (i % 7 === 6) yield []; // also keeps cuts of nothing from going on for ever
    yield items.slice(at, at + Math.max(length, i % 2));
    at += Math.max(length, i % 2);
  }
}

export async function all<T>(batches: AsyncIterable<T[]>): Promise<T[]> {
  const items: T[] = [];
  for await (const batch of batches) items.push(...batch);
  return items;
}
