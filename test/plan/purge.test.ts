import { expect, it } from "vitest";
import { formatStamp, type Stamp } from "../../src/names/stamp.ts";
import type { Version } from "../../src/plan/group.ts";
import { historyOf } from "../../src/plan/history.ts";
import { planPurge } from "../../src/plan/purge.ts";
import { versionOf } from "./worlds.ts";

it.each([
  [19691231, "0000001"], // a clock that began at 0, west of Greenwich
  [17000101, "0000001"],
  [20240228, "s9lc000000001"],
  [99991231, "zzzzzzz0000001"],
])("a version that was marked deleted on %i can be condemned", (date, life) => {
  const history = historyOf([versionOf("f", { stamp: { form: "date", date } })]);
  const { restamp } = planPurge(history, history.lives, 1, 1_800_000_000);
  expect(restamp.map(({ stamp }) => formatStamp(stamp).slice(-life.length))).toEqual([life]);
});

const NOW = 1_800_000_000;
const DELAY = 1000;
const version = (form: "stamp" | "marker", began: number, condemned?: number) =>
  versionOf("f", {
    stamp: { form, began, ceased: began + 10, ...(condemned !== undefined && { condemned }) },
  });
const object = versionOf("f", { storedAt: 50_000 });

/** What becomes of versions of which those that `expired` names are not kept. */
function purgeOf(versions: readonly Version[], expired: readonly Version[], delay = DELAY) {
  const history = historyOf(versions);
  const unwanted = history.lives.filter((life) => expired.includes(life.marker ?? life.version));
  const { remove, restamp, ended } = planPurge(history, unwanted, delay, NOW);
  return {
    remove,
    restamp: restamp.map(({ version: which, stamp }): [Version, Stamp] => [which, stamp]),
    ended: ended.map((life) => life.marker ?? life.version),
  };
}

it("what is kept is left alone, what is not goes at once without a delay", () => {
  const [kept, gone] = [version("stamp", 100), version("stamp", 200)];
  expect(purgeOf([kept, gone, object], [gone], 0)).toEqual({ remove: [gone], restamp: [], ended: [gone] });
});

it("with a delay it is condemned first, and goes when the delay has passed, to the second", () => {
  const fresh = version("stamp", 100);
  const waits = version("stamp", 200, NOW - DELAY + 1);
  const due = version("stamp", 300, NOW - DELAY);
  expect(purgeOf([fresh, waits, due], [fresh, waits, due])).toEqual({
    remove: [due],
    restamp: [[fresh, { form: "stamp", began: 100, ceased: 110, condemned: NOW }]],
    ended: [due],
  });
});

it.each(["stamp", "marker"] as const)("what is condemned, as a %s, and kept again, is reprieved", (form) => {
  const condemned = version(form, 100, NOW - 2 * DELAY);
  expect(purgeOf([object, condemned], [])).toEqual({
    remove: [],
    restamp: [[condemned, { form, began: 100, ceased: 110 }]],
    ended: [],
  });
});

it("a tombstone goes without its object as long as another one, or the object's being live, needs that", () => {
  const [first, second] = [version("marker", 100), version("marker", 200)];
  expect(purgeOf([object, first, second], [first], 0).remove).toEqual([first]);
  const storedAgain = versionOf("f", { storedAt: 210_000 });
  expect(purgeOf([storedAgain, first, second], [first, second], 0).remove).toEqual([first, second]);
});

// Of a version that came back and went again, where a rule keeps the first life alone.
it("the tombstone of the last end stays as long as its object does, which would look live without it", () => {
  const [first, last] = [version("marker", 100), version("marker", 200)];
  const again = versionOf("f", { storedAt: 200_000 });
  const condemned = version("marker", 200, NOW - DELAY);
  expect(purgeOf([again, first, last], [last], 0)).toEqual({ remove: [], restamp: [], ended: [] });
  expect(purgeOf([again, first, condemned], [condemned])).toEqual({ remove: [], restamp: [], ended: [] });
  expect(purgeOf([again, first, last], [first, last], 0).remove).toEqual([again, first, last]);
  const history = historyOf([again, first, last, condemned]);
  const { remove, doubles } = planPurge(history, history.lives.slice(1), DELAY, NOW);
  expect(remove).toEqual([]);
  expect(doubles).toEqual([{ version: last, of: condemned }]);
});

it("of an object that was stored anew under another name the first one goes, or else would look live without the other", () => {
  const before = { ...versionOf("f", { storedAt: 100_000 }), key: "before" };
  const again = versionOf("f", { storedAt: 200_000 });
  const [first, last] = [version("marker", 100), version("marker", 200)];
  const history = historyOf([before, again, first, last]);
  const plans = (expired: typeof history.lives) => planPurge(history, expired, 0, NOW);
  expect(plans([])).toMatchObject({ remove: [], doubles: [{ version: before, of: again }] });
  expect(plans(history.lives)).toMatchObject({ remove: [again, before, first, last], doubles: [] });
});

it("an object goes once, and before its tombstones", () => {
  const marks = [version("marker", 100), version("marker", 200)];
  expect(purgeOf([object, ...marks], marks, 0).remove).toEqual([object, ...marks]);
});

it("a tombstone is condemned in place of its object", () => {
  const mark = version("marker", 100);
  expect(purgeOf([object, mark], [mark]).restamp).toEqual([
    [mark, { form: "marker", began: 100, ceased: 110, condemned: NOW }],
  ]);
});

/** Each is enough; by another name for one of them there would be three. */
it.each(["stamp", "marker"] as const)("of a life that two objects tell of, as %ss, one is left", (form) => {
  const plain = version(form, 100);
  const condemned = version(form, 100, NOW - DELAY + 1);
  const history = historyOf([condemned, versionOf("f", { storedAt: 210_000 }), plain]);
  const unwanted = history.lives.filter(({ ceased }) => ceased !== undefined);
  expect(unwanted).toHaveLength(1);
  const plans = (expired: typeof unwanted, delay: number) => planPurge(history, expired, delay, NOW);
  expect(plans(unwanted, DELAY)).toMatchObject({ remove: [], restamp: [], ended: [] });
  expect(plans(unwanted, DELAY).doubles).toEqual([{ version: plain, of: condemned }]);
  // Kept again, the one was renamed to the other, which was removed then: nothing was left.
  expect(plans([], 0)).toMatchObject({ remove: [], restamp: [], ended: [] });
  expect(plans([], 0).doubles).toEqual([{ version: condemned, of: plain }]);
  for (const delay of [0, DELAY - 1])
    expect(plans(unwanted, delay)).toEqual({
      remove: [plain, condemned],
      orphans: [],
      restamp: [],
      doubles: [],
      ended: unwanted,
    });
});

it("tombstones of nothing go", () => {
  const orphan = version("marker", 100);
  expect(planPurge(historyOf([orphan]), [], 0, NOW)).toMatchObject({ remove: [], orphans: [orphan] });
});
