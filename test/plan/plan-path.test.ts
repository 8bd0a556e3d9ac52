import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dateOrLive } from "../../src/names/stamp.ts";
import { isLive } from "../../src/names/stored-name.ts";
import { chooseLife } from "../../src/plan/choice.ts";
import type { PathGroup, Version } from "../../src/plan/group.ts";
import { historyOf, needsStoredTimes } from "../../src/plan/history.ts";
import { type PathPlan, planPath } from "../../src/plan/plan-path.ts";
import type { Entry } from "../../src/scan/entry.ts";
import { assertProperty } from "../property.ts";
import { entryOf, versionOf } from "./worlds.ts";

const TODAY = 20261120;
const plan = (
  entry: Entry | undefined,
  versions: Version[],
  deletedKeepDays: number | null = null,
  today = TODAY,
) =>
  planPath({ path: "f", versions, ...(entry && { entry }) }, { keepsHistory: false, deletedKeepDays, today });

const planWithHistory = (entry: Entry | undefined, versions: Version[]) =>
  planPath(
    { path: "f", versions, ...(entry && { entry }) },
    { keepsHistory: true, deletedKeepDays: 0, today: TODAY },
  );

const live = versionOf("f", { mtime: 10, size: 5, md5: "1", storedAt: 1 });
const newer = versionOf("f", { mtime: 20, size: 5, md5: "2", storedAt: 2 });
const bigger = versionOf("f", { mtime: 10, size: 6, md5: "3", storedAt: 3 });
const gone1 = versionOf("f", { mtime: 8, size: 4, md5: "4", stamp: dateOrLive(20240229), storedAt: 9 });
const gone2 = versionOf("f", { mtime: 9, size: 4, md5: "5", stamp: dateOrLive(20261119), storedAt: 8 });
const same = entryOf("f", 10, 5);

describe("the plan of one path", () => {
  it.each<[string, Entry | undefined, Version[], PathPlan]>([
    ["new", same, [], { kind: "upload", entry: same, sameSize: [], previous: [] }],
    ["unchanged", same, [live], { kind: "unchanged", version: live, surplus: [] }],
    [
      "touched: the content is compared first",
      entryOf("f", 11, 5),
      [live],
      { kind: "upload", entry: entryOf("f", 11, 5), sameSize: [live], previous: [live] },
    ],
    [
      "older than what is stored counts as touched too",
      entryOf("f", 9, 5),
      [live],
      { kind: "upload", entry: entryOf("f", 9, 5), sameSize: [live], previous: [live] },
    ],
    [
      "changed in size, with the same time",
      entryOf("f", 10, 7),
      [live],
      { kind: "upload", entry: entryOf("f", 10, 7), sameSize: [], previous: [live] },
    ],
    [
      "back with the same time and size: the content is compared all the same",
      entryOf("f", 8, 4),
      [gone1],
      { kind: "upload", entry: entryOf("f", 8, 4), sameSize: [gone1], previous: [gone1] },
    ],
    [
      "a manifest is back as it was: its md5 says so",
      { ...entryOf("f", 8, 4), manifest: { text: "", md5: "4" } },
      [gone1],
      {
        kind: "revive",
        entry: { ...entryOf("f", 8, 4), manifest: { text: "", md5: "4" } },
        version: gone1,
        surplus: [],
      },
    ],
    [
      "a manifest of the same size, in which something changed",
      { ...entryOf("f", 10, 5), manifest: { text: "", md5: "9" } },
      [live],
      {
        kind: "upload",
        entry: { ...entryOf("f", 10, 5), manifest: { text: "", md5: "9" } },
        sameSize: [],
        previous: [live],
      },
    ],
    [
      "back, but touched",
      entryOf("f", 7, 4),
      [gone1],
      { kind: "upload", entry: entryOf("f", 7, 4), sameSize: [gone1], previous: [gone1] },
    ],
    [
      "back in an old state while a newer one is live",
      entryOf("f", 8, 4),
      [live, gone1],
      { kind: "upload", entry: entryOf("f", 8, 4), sameSize: [gone1], previous: [live, gone1] },
    ],
    [
      "twice live: the match wins, though stored earlier",
      same,
      [live, newer],
      { kind: "unchanged", version: live, surplus: [newer] },
    ],
    [
      "twice live and neither matches: both wait for the new one",
      entryOf("f", 30, 9),
      [live, newer],
      { kind: "upload", entry: entryOf("f", 30, 9), sameSize: [], previous: [newer, live] },
    ],
    [
      "twice live, same size as both: both are compared, the one stored last first",
      entryOf("f", 30, 5),
      [live, newer],
      { kind: "upload", entry: entryOf("f", 30, 5), sameSize: [newer, live], previous: [newer, live] },
    ],
    ["vanished", undefined, [live], { kind: "vanished", version: live, surplus: [] }],
    [
      "vanished, twice live: the one stored last stays",
      undefined,
      [live, newer, bigger],
      { kind: "vanished", version: bigger, surplus: [newer, live] },
    ],
    [
      "vanished beside an old deleted version",
      undefined,
      [gone1, live],
      { kind: "vanished", version: live, surplus: [gone1] },
    ],
    ["long gone", undefined, [gone1], { kind: "gone", version: gone1, expired: false, surplus: [] }],
    [
      "gone twice: the later deletion stays",
      undefined,
      [gone1, gone2],
      { kind: "gone", version: gone2, expired: false, surplus: [gone1] },
    ],
  ])("%s", (_, entry, versions, expected) => {
    expect(plan(entry, versions)).toEqual(expected);
  });

  it("prefers among equal matches the live one", () => {
    const deleted = versionOf("f", { mtime: 10, size: 5, md5: "1", stamp: dateOrLive(20261119) });
    expect(plan(same, [deleted, live])).toEqual({ kind: "unchanged", version: live, surplus: [deleted] });
  });

  it("takes of two that were stored at the same moment the one with the later time", () => {
    const earlier = versionOf("f", { mtime: 35, storedAt: 4 });
    const later = versionOf("f", { mtime: 36, storedAt: 4 });
    const vanished = { kind: "vanished", version: later, surplus: [earlier] };
    expect(plan(undefined, [earlier, later])).toEqual(vanished);
    expect(planWithHistory(undefined, [earlier, later])).toEqual(vanished);
  });

  it.each<[number | null, number, number, boolean]>([
    [null, 10000101, 99991231, false], // for ever
    [0, TODAY, TODAY, false], // marked today by somebody else
    [0, 20261119, TODAY, true],
    [1, 20261119, TODAY, false], // exactly one day
    [1, 20261118, TODAY, true],
    [30, 20261021, TODAY, false],
    [30, 20261020, TODAY, true],
    [1, 20240228, 20240229, false], // leap year
    [1, 20240228, 20240301, true],
    [1, 20230228, 20230301, false],
    [1, 20251231, 20260101, false], // end of the year
    [1, 20260328, 20260329, false], // the day with 23 hours in Europe
    [1, 20260328, 20260330, true],
    [1, 20261024, 20261025, false], // the day with 25
    [1, 20261024, 20261026, true],
    [5, 20991231, TODAY, false], // a clock was wrong: the future is not old
  ])("keeps for %s days what was deleted on %i; on %i it is expired: %s", (keep, deleted, today, expired) => {
    const version = versionOf("f", { stamp: dateOrLive(deleted) });
    expect(plan(undefined, [version], keep, today)).toMatchObject({ kind: "gone", expired });
  });

  it("with history decides about what is live, and compares a file with all that was", () => {
    const retired = versionOf("f", {
      mtime: 7,
      size: 5,
      md5: "7",
      stamp: { form: "stamp", began: 5, ceased: 10 },
    });
    const versions = [newer, retired, live];
    expect(planWithHistory(undefined, versions)).toEqual({
      kind: "vanished",
      version: newer,
      surplus: [live],
    });
    expect(planWithHistory(undefined, [retired])).toEqual({ kind: "nothing" });
    expect(planWithHistory(same, versions)).toEqual({ kind: "unchanged", version: live, surplus: [newer] });
    const back = entryOf("f", 7, 5);
    const [previous, sameSize] = [
      [live, newer],
      [newer, live, retired],
    ];
    expect(planWithHistory(back, versions)).toEqual({ kind: "upload", entry: back, sameSize, previous });
    expect(planWithHistory(entryOf("f", 7, 9), versions)).toMatchObject({ sameSize: [], previous });
  });

  it("with history needs no copy that a retirement left which was cut off, where the file is there", () => {
    const stored = { ...live, storedAt: 5000 };
    const copy = versionOf("f", {
      mtime: live.mtime,
      size: live.size,
      md5: live.md5,
      stamp: { form: "stamp", began: 5, ceased: 10 },
    });
    expect(planWithHistory(same, [stored, copy])).toEqual({
      kind: "unchanged",
      version: stored,
      surplus: [copy],
    });
    expect(planWithHistory(undefined, [stored, copy])).toEqual({
      kind: "vanished",
      version: stored,
      surplus: [],
    });
  });

  it("leaves the versions of a history alone", () => {
    const retired = versionOf("f", { stamp: { form: "stamp", began: 5, ceased: 10 } });
    expect(plan(undefined, [retired], 0)).toEqual({ kind: "nothing" });
    expect(plan(same, [retired], 0)).toMatchObject({ kind: "upload", previous: [] });
  });

  const anyVersions = fc.uniqueArray(
    fc
      .record({
        mtime: fc.nat({ max: 2 }),
        size: fc.nat({ max: 2 }),
        md5: fc.constantFrom("1", "2"),
        stamp: fc.constantFrom(0, 0, 20240229, 20261119, TODAY).map(dateOrLive),
        storedAt: fc.option(fc.nat({ max: 2 }), { nil: undefined }),
      })
      .map(({ storedAt, ...fields }) =>
        versionOf("f", { ...fields, ...(storedAt !== undefined && { storedAt }) }),
      ),
    { selector: ({ key }) => key, minLength: 1, maxLength: 6 },
  );
  const anyEntry = fc.option(
    fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 2 })).map(([mtime, size]) => entryOf("f", mtime, size)),
    { nil: undefined },
  );
  const anyKeep = fc.constantFrom(null, 0, 1, 300);

  it("does not depend on the order in which versions were listed, so two runs never remove each other's choice", () => {
    assertProperty(
      fc.property(anyVersions, anyEntry, anyKeep, fc.nat(), (versions, entry, keep, seed) => {
        const shuffled = versions
          .map((version, i) => ({ version, rank: Math.imul(seed + i, 2654435761) >>> 0 }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ version }) => version);
        expect(plan(entry, shuffled, keep)).toEqual(plan(entry, versions, keep));
      }),
      { numRuns: 1000 },
    );
  });

  it("keeps of a file that is not there what a restore takes", () => {
    assertProperty(
      fc.property(anyVersions, (versions) => {
        const taken = chooseLife(historyOf(versions), { deleted: true })?.version;
        expect(plan(undefined, versions)).toMatchObject({ version: taken });
      }),
      { numRuns: 1000 },
    );
  });

  it("accounts for every version, and lets none go without a successor that stays", () => {
    assertProperty(
      fc.property(anyVersions, anyEntry, anyKeep, (versions, entry, keep) => {
        const decided = plan(entry, versions, keep);
        if (decided.kind === "nothing") throw new Error("there was something");
        const leaving = decided.kind === "upload" ? decided.previous : decided.surplus;
        const staying = decided.kind === "upload" ? [] : [decided.version];
        const keys = [...leaving, ...staying].map(({ key }) => key).sort();
        expect(keys).toEqual(versions.map(({ key }) => key).sort());
        if (decided.kind === "upload") {
          // Here the new object is the successor; it must not be one that is known to be there already.
          expect(entry).toBeDefined();
          const isThere = (version: Version) =>
            isLive(version) && version.mtime === entry?.mtime && version.size === entry.size;
          expect(versions.some(isThere)).toBe(false);
          for (const version of decided.sameSize) expect(leaving).toContain(version);
        } else {
          expect(leaving.map(({ key }) => key)).not.toContain(decided.version.key);
        }
        if (decided.kind === "gone") expect(versions.every((version) => !isLive(version))).toBe(true);
        if (decided.kind === "vanished") expect(isLive(decided.version)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  // They were taken for live ones that a kill had left, and removed or marked deleted once more.
  it("leaves objects alone that tombstones retired while there was a history", () => {
    const mark = (of: Version, ceased: number) =>
      versionOf("f", { ...of, stamp: { form: "marker", began: 1, ceased } });
    const current = { ...live, storedAt: 100_000 };
    const past = { ...newer, storedAt: 1000 };
    expect(plan(same, [past, mark(past, 100), current])).toMatchObject({ version: current, surplus: [] });
    expect(plan(undefined, [past, mark(past, 100), current])).toMatchObject({
      version: current,
      surplus: [],
    });
    expect(plan(entryOf("f", 30, 5), [past, mark(past, 100)])).toMatchObject({ sameSize: [], previous: [] });
    expect(plan(undefined, [past, mark(past, 100), gone1])).toMatchObject({ version: gone1, surplus: [] });
    expect(plan(undefined, [past, mark(past, 100)])).toEqual({ kind: "nothing" });
    // Stored anew since.
    expect(plan(same, [current, mark(current, 100)])).toMatchObject({ kind: "unchanged", version: current });
  });

  it("never changes the versions it is given", () => {
    const versions = Object.freeze([gone1, live, newer]) as Version[];
    const group: PathGroup = { path: "f", versions };
    expect(() => planPath(group, { keepsHistory: false, deletedKeepDays: 3, today: TODAY })).not.toThrow();
    expect(needsStoredTimes(group.versions)).toBe(true);
    expect(needsStoredTimes([live])).toBe(false);
  });
});
