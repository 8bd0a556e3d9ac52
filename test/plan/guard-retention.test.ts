import { afterEach, describe, expect, it } from "vitest";
import { dateOrLive } from "../../src/names/stamp.ts";
import {
  A_HANDFUL,
  type GuardFacts,
  guardAgainstLoss,
  guardAgainstRemoval,
  type LossFacts,
} from "../../src/plan/guard.ts";
import { dateStamp, daysBetween, isExpired } from "../../src/plan/retention.ts";

const settings = { massDeleteShare: 0.5, allowMassDelete: false };
const all: LossFacts = { sourceFiles: 100, livePaths: 100, lost: 0 };
const facts: GuardFacts = { all, parts: [], partial: false, replaced: false, toRead: 20, gone: 0 };
const guardAll = (some: Partial<GuardFacts & LossFacts>, others: Partial<typeof settings> = {}) =>
  guardAgainstLoss({ ...facts, all: { ...all, ...some }, ...some }, { ...settings, ...others });
const guard = (...given: Parameters<typeof guardAll>) => guardAll(...given)[0];

describe("the guard", () => {
  it.each<[string, Partial<GuardFacts & LossFacts>]>([
    ["nothing is missing", {}],
    ["the first backup of an empty folder", { sourceFiles: 0, livePaths: 0 }],
    ["an empty source whose files were all deleted long ago", { sourceFiles: 0, livePaths: 0, lost: 0 }],
    ["a handful, whatever its share", { sourceFiles: 1, livePaths: A_HANDFUL + 1, lost: A_HANDFUL }],
    ["exactly the share", { sourceFiles: 50, lost: 50 }],
    ["a handful that was gone when it was to be read", { toRead: A_HANDFUL, gone: A_HANDFUL }],
    ["exactly the share gone when it was to be read", { toRead: 40, gone: 20 }],
  ])("lets pass: %s", (_, some) => {
    expect(guard(some)).toBeUndefined();
  });

  it.each<[string, Partial<GuardFacts & LossFacts>]>([
    ["one file missing from a source that is empty", { sourceFiles: 0, livePaths: 1, lost: 1 }],
    ["one more than the share", { sourceFiles: 49, lost: 51 }],
    ["one more than a handful when that is everything stored", { sourceFiles: 500, livePaths: 11, lost: 11 }],
    ["one more than the share gone when it was to be read", { toRead: 40, gone: 21 }],
    ["a part that could not be listed", { partial: true }],
    ["a part that could not be listed, with few missing", { partial: true, lost: 1 }],
  ])("refuses: %s", (_, some) => {
    const refusal = guard(some);
    expect(refusal).toMatchObject({ kind: "refused", side: "source", code: "EMASSDELETE" });
    expect(refusal?.remedy).toMatch(/--allow-mass-delete/);
    expect(guard(some, { allowMassDelete: true })).toBeUndefined();
  });

  it("refuses a source that went away, whatever is allowed", () => {
    for (const allowMassDelete of [false, true]) {
      expect(guard({ replaced: true }, { allowMassDelete })).toMatchObject({
        kind: "refused",
        side: "source",
        code: "EREPLACED",
      });
    }
  });

  it("looks at each of several sources, and names all that lack files", () => {
    const small = { name: "small", sourceFiles: 9, livePaths: 20, lost: 11 };
    const empty = { name: "empty", sourceFiles: 0, livePaths: 1, lost: 1 };
    const whole = { name: "whole", sourceFiles: 1000, livePaths: 1000, lost: 0 };
    const few = { ...all, lost: 12, livePaths: 1021 };
    const found = guardAll({ all: few, parts: [small, whole, empty] });
    expect(found.map(({ path, message }) => `${path}: ${message}`)).toEqual([
      "small: 11 of 20 files are missing from the source and were not marked deleted",
      "empty: the source is empty: 1 files were not marked deleted",
    ]);
    expect(guardAll({ all: few, parts: [whole] })).toEqual([]);
    expect(guardAll({ all: few, parts: [small] }, { allowMassDelete: true })).toEqual([]);
  });

  it("follows the share that is set, 0 and 1 included", () => {
    expect(guard({ lost: 11 }, { massDeleteShare: 0 })).toBeDefined();
    expect(guard({ lost: 10 }, { massDeleteShare: 0 })).toBeUndefined();
    expect(guard({ lost: 100, sourceFiles: 5 }, { massDeleteShare: 1 })).toBeUndefined();
  });
});

describe("the guard of what is restored in place", () => {
  it.each([
    ["nothing to remove, where nothing was there", 0, 0],
    ["a handful, whatever its share", 1, A_HANDFUL],
    ["exactly the share", 50, 50],
  ])("lets pass: %s", (_, wanted, surplus) => {
    expect(guardAgainstRemoval({ wanted, seen: wanted, surplus }, settings)).toBeUndefined();
  });

  it.each([
    ["one file, where nothing was there", 0, 1],
    ["one more than the share", 49, 51],
    ["one more than a handful that is most", 1, A_HANDFUL + 1],
  ])("refuses: %s", (_, wanted, surplus) => {
    const refusal = guardAgainstRemoval({ wanted, seen: wanted, surplus }, settings);
    expect(refusal).toMatchObject({ kind: "refused", side: "restore", code: "EMASSDELETE" });
    expect(refusal?.remedy).toMatch(/--allow-mass-delete/);
    if (wanted > 0) expect(refusal?.message).toMatch(new RegExp(`${surplus} of ${wanted + surplus} files`));
    expect(
      guardAgainstRemoval({ wanted, seen: wanted, surplus }, { ...settings, allowMassDelete: true }),
    ).toBeUndefined();
  });
});

describe("the guard of what was restored in place", () => {
  it("refuses where less is to be seen of it than was restored, whatever is allowed", () => {
    for (const allowMassDelete of [false, true]) {
      const given = { ...settings, allowMassDelete };
      const refusal = guardAgainstRemoval({ wanted: 50, seen: 49, surplus: 1 }, given);
      expect(refusal).toMatchObject({ kind: "refused", side: "restore", code: "EINCOMPLETE" });
      expect(refusal?.message).toMatch(/of 50 files .* shows 49 now/);
      expect(guardAgainstRemoval({ wanted: 50, seen: 51, surplus: 1 }, given)).toBeUndefined();
      expect(guardAgainstRemoval({ wanted: 50, seen: 0, surplus: 0 }, given)).toBeUndefined();
    }
  });
});

describe("dates of deletion", () => {
  const zone = process.env.TZ;
  afterEach(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  it("are those of the local calendar", () => {
    const moment = new Date("2026-11-20T23:30:00Z");
    for (const [name, expected] of [
      ["UTC", 20261120],
      ["Pacific/Kiritimati", 20261121],
      ["America/New_York", 20261120],
    ] as const) {
      process.env.TZ = name;
      expect(dateStamp(moment), name).toBe(expected);
    }
  });

  it("are counted in whole days, over summer time, month ends and leap days, in any zone", () => {
    for (const name of ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu"]) {
      process.env.TZ = name;
      expect(daysBetween(20260328, 20260330)).toBe(2);
      expect(daysBetween(20261024, 20261026)).toBe(2);
      expect(daysBetween(20240131, 20240301)).toBe(30);
      expect(daysBetween(20230131, 20230301)).toBe(29);
      expect(daysBetween(20251231, 20260101)).toBe(1);
      expect(daysBetween(20261120, 20261120)).toBe(0);
      expect(daysBetween(20261121, 20261120)).toBe(-1);
      expect(daysBetween(10000101, 99991231)).toBe(3287181);
    }
  });

  it("expire strictly after the days to keep, and never with null", () => {
    expect(isExpired(dateOrLive(20261119), 20261120, 1)).toBe(false);
    expect(isExpired(dateOrLive(20261118), 20261120, 1)).toBe(true);
    expect(isExpired(dateOrLive(20261120), 20261120, 0)).toBe(false);
    expect(isExpired(dateOrLive(10000101), 99991231, null)).toBe(false);
  });
});
