import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparePaths } from "../../src/names/path-text.ts";
import { dateOrLive } from "../../src/names/stamp.ts";
import type { PathGroup, Version } from "../../src/plan/group.ts";
import { join, orderKeyOf } from "../../src/plan/join.ts";
import { ascending, UnsortedListingError } from "../../src/plan/order.ts";
import type { Entry } from "../../src/scan/entry.ts";
import { assertProperty } from "../property.ts";
import { all, anyWorld, cut, entryOf, versionOf } from "./worlds.ts";

const cuts = fc.array(fc.nat({ max: 5 }), { maxLength: 6 });

function joined(entries: Entry[], versions: Version[], a: number[] = [], b: number[] = []) {
  return all(join(cut(entries, a), cut(versions, b)));
}

/** What each path has, in an order that does not depend on that of the groups. */
function content(groups: readonly PathGroup[]) {
  return groups
    .map(({ path, entry, versions }) => ({
      path,
      entry: entry?.sortKey,
      versions: versions.map(({ key }) => key).sort(),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

describe("the join", () => {
  it("of nothing with nothing is nothing", async () => {
    expect(await joined([], [])).toEqual([]);
  });

  it("gives every path exactly once, with all that either side knows of it", async () => {
    await assertProperty(
      fc.asyncProperty(anyWorld, cuts, cuts, async ({ entries, versions }, a, b) => {
        const expected = new Map<string, { entry?: Entry; versions: Version[] }>();
        for (const entry of entries) expected.set(entry.path, { entry, versions: [] });
        for (const version of versions) {
          const group = expected.get(version.path) ?? { versions: [] };
          group.versions.push(version);
          expected.set(version.path, group);
        }
        const groups = await joined(entries, versions, a, b);
        expect(content(groups)).toEqual(content([...expected].map(([path, group]) => ({ path, ...group }))));
      }),
      { numRuns: 1000 },
    );
  });

  it("takes a key that a listing repeats for one version", async () => {
    await assertProperty(
      fc.asyncProperty(anyWorld, fc.infiniteStream(fc.nat({ max: 2 })), cuts, async (world, more, a) => {
        const { entries, versions } = world;
        const repeated = versions.flatMap(
          (version) => Array(1 + (more.next().value ?? 0)).fill(version) as Version[],
        );
        expect(content(await joined(entries, repeated, a))).toEqual(
          content(await joined(entries, versions, a)),
        );
      }),
      { numRuns: 300 },
    );
  });

  it("does so also where several objects have one plain name", async () => {
    const sealed = (key: string) => ({ ...versionOf("a"), key, sealed: true });
    const [one, other] = [sealed("one.enc"), sealed("other.enc")];
    const groups = await joined([], [one, other, one, other, other, one]);
    expect(content(groups)).toEqual([{ path: "a", entry: undefined, versions: ["one.enc", "other.enc"] }]);
  });

  it("holds back no more than the paths that begin the current one", async () => {
    await assertProperty(
      fc.asyncProperty(anyWorld, async ({ entries, versions }) => {
        const allPaths = [...new Set([...entries, ...versions].map(({ path }) => path))];
        const begun = new Set<string>();
        const finished = new Set<string>();
        const watch = async function* <T extends { path: string }>(items: T[]): AsyncGenerator<T[]> {
          for (const item of items) {
            begun.add(item.path);
            yield [item];
          }
        };
        // Groups come in batches of 500, more than there are paths: the order in which they are finished tells.
        for (const { path } of await all(join(watch(entries), watch(versions)))) {
          finished.add(path);
          const unfinished = allPaths.filter((other) => !finished.has(other));
          // Whatever is finished later is no beginning of a path finished before, unless ranges were left too early.
          for (const other of unfinished)
            expect(other.startsWith(`${path}.`), `${other} after ${path}`).toBe(false);
        }
        expect(begun.size).toBe(finished.size);
      }),
      { numRuns: 300 },
    );
  });

  it.each(["source", "destination"])(
    "gives groups of the %s out while it goes on, each once",
    async (side) => {
      let listed = 0;
      const endless = async function* <T>(make: (path: string) => T): AsyncGenerator<T[]> {
        for (;;) yield [make(`f${String(listed++).padStart(9, "0")}`)];
      };
      const groups =
        side === "source"
          ? join(endless(entryOf), cut<Version>([], []))
          : join(cut<Entry>([], []), endless(versionOf));
      const paths: string[] = [];
      for await (const given of groups) {
        expect(given.length).toBeGreaterThan(100);
        expect(listed - paths.length).toBeLessThan(1000);
        paths.push(...given.map(({ path }) => path));
        if (paths.length > 2000) break;
      }
      expect(new Set(paths).size).toBe(paths.length);
    },
  );

  it("keeps versions of nested names apart", async () => {
    const paths = ["a", "a.1.1", "a.1.1.1.1", "a.1.1.1.1.1.1"];
    const versions = paths
      .flatMap((path) => [versionOf(path), versionOf(path, { mtime: 2 }), versionOf(path, { mtime: 0 })])
      .sort((a, b) => comparePaths(a.key, b.key));
    const entries = paths.map((path) => entryOf(path, 5)).sort((a, b) => comparePaths(a.sortKey, b.sortKey));
    const groups = await joined(entries, versions, [1], [1]);
    expect(groups.length).toBe(4);
    for (const group of groups) {
      expect(group.entry?.path).toBe(group.path);
      expect(group.versions.map(({ path }) => path)).toEqual([group.path, group.path, group.path]);
    }
  });

  it("finds a path again behind a version of a shorter one that lies between its own", async () => {
    const versions = [
      versionOf("a.1.2", { mtime: 1, size: 0 }),
      versionOf("a", { mtime: 1, size: 2 }), // a.1.2.1.0.enc, where a.1.2.1.0.1.0.enc comes before and a.1.2.1.1.… after
      versionOf("a.1.2", { mtime: 1, size: 1 }),
    ];
    expect([...versions].sort((a, b) => comparePaths(a.key, b.key))).toEqual(versions);
    const groups = await joined([], versions, [], [1]);
    expect(groups.map(({ path, versions: found }) => [path, found.length]).sort()).toEqual([
      ["a", 1],
      ["a.1.2", 2],
    ]);
  });

  it("closes both listings when it is left early, and when one of them fails", async () => {
    const closed: string[] = [];
    const listing = async function* <T>(name: string, item: T, failAt: number): AsyncGenerator<T[]> {
      try {
        for (let i = 0; ; i++) {
          if (i === failAt) throw new Error("the listing broke");
          yield [item];
        }
      } finally {
        closed.push(name);
      }
    };
    const run = all(join(listing("source", entryOf("a"), 3), listing("destination", versionOf("a"), -1)));
    await expect(run).rejects.toThrow("the listing broke");
    expect(closed.sort()).toEqual(["destination", "source"]);
    closed.length = 0;
    let paths = 0;
    const many = async function* (): AsyncGenerator<Entry[]> {
      try {
        for (;;) yield [entryOf(`f${String(paths++).padStart(9, "0")}`)];
      } finally {
        closed.push("source");
      }
    };
    for await (const _ of join(many(), listing("destination", versionOf("zz"), -1))) break;
    expect(closed.sort()).toEqual(["destination", "source"]);
  });

  it("orders versions with encrypted names by their plain names", () => {
    const version = { ...versionOf("a", { stamp: dateOrLive(20240229) }), key: "zzz.enc", sealed: true };
    expect(orderKeyOf(version)).toBe("a.1.1.1.c1tgl.enc");
    expect(orderKeyOf(versionOf("b"))).toBe("b.1.1.1.0.enc");
  });
});

describe("a listing that should ascend", () => {
  const watched = (keys: string[], cutAt: number[]) =>
    all(ascending(cut(keys, cutAt), "destination", (key) => key));

  it("passes through when it does, equal keys included", async () => {
    expect(await watched(["a", "a", "a-", "a.", "a/", "\uff5e", "\u{1f600}"], [2])).toHaveLength(7);
  });

  it("ends with the key that is out of order, within a batch and across two", async () => {
    for (const cutAt of [[9], [1]]) {
      const run = watched(["a", "c", "b"], cutAt);
      await expect(run).rejects.toBeInstanceOf(UnsortedListingError);
      await expect(watched(["a", "c", "b"], cutAt)).rejects.toMatchObject({
        path: "b",
        code: "EUNSORTED",
        side: "destination",
      });
    }
  });

  it("in the order of JavaScript strings is out of order", async () => {
    await expect(watched(["\u{1f600}", "\uff5e"], [9])).rejects.toBeInstanceOf(UnsortedListingError);
  });
});
