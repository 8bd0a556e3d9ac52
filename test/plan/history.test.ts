import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Period, Stamp } from "../../src/names/stamp.ts";
import type { Version } from "../../src/plan/group.ts";
import { historyOf, lastLife, lifeAt, needsStoredTimes } from "../../src/plan/history.ts";
import { assertProperty } from "../property.ts";
import { versionOf } from "./worlds.ts";

const stamp = (began: number, ceased: number): Stamp => ({ form: "stamp", began, ceased });
const marker = (began: number, ceased: number): Stamp => ({ form: "marker", began, ceased });
const live = (storedAt: number, mtime = 1, md5 = "1") =>
  versionOf("f", { mtime, md5, storedAt: storedAt * 1000 + 999 });

describe("the history of a path", () => {
  it("has a life for each version, oldest first, the live one last and without an end", () => {
    const first = versionOf("f", { mtime: 5, stamp: stamp(100, 200) });
    const second = versionOf("f", { mtime: 3, stamp: stamp(200, 250) });
    const now = live(300, 7);
    const { lives, orphans } = historyOf([now, second, first]);
    expect(lives).toEqual([
      { version: first, began: 100, ceased: 200 },
      { version: second, began: 200, ceased: 250 },
      { version: now, began: 300 },
    ]);
    expect(orphans).toEqual([]);
  });

  it("shows what was live when, and gaps", () => {
    const first = versionOf("f", { mtime: 5, stamp: stamp(100, 200) });
    const second = versionOf("f", { mtime: 3, stamp: stamp(200, 250) });
    const history = historyOf([first, second, live(300)]);
    const at = (moment: number) => lifeAt(history, moment)?.began;
    expect([99, 100, 199, 200, 249, 250, 299, 300, 9999].map(at)).toEqual([
      undefined,
      100,
      100,
      200,
      200,
      undefined,
      undefined,
      300,
      300,
    ]);
  });

  it("shows of two that were live at once the one that began last", () => {
    const [long, short] = [stamp(100, 300), stamp(200, 250)].map((period, i) =>
      versionOf("f", { mtime: i, stamp: period }),
    ) as [Version, Version];
    const history = historyOf([long, short]);
    expect([199, 200, 250].map((moment) => lifeAt(history, moment)?.version)).toEqual([long, short, long]);
  });

  it("takes a date for the end of its day, since nobody knows when", () => {
    const { lives } = historyOf([versionOf("f", { stamp: { form: "date", date: 20240228 } })]);
    expect(lives).toMatchObject([{ began: 1, ceased: Date.UTC(2024, 1, 29) / 1000 }]);
  });

  it("knows an object stored before the end that its tombstone tells of as retired", () => {
    const object = live(100);
    const mark = versionOf("f", { stamp: marker(100, 101) });
    expect(historyOf([mark, object]).lives).toEqual([
      { version: object, marker: mark, began: 100, ceased: 101 },
    ]);
  });

  it("knows an object stored after that as live again, and keeps its earlier lives", () => {
    const object = live(300);
    const marks = [versionOf("f", { stamp: marker(100, 150) }), versionOf("f", { stamp: marker(200, 300) })];
    const history = historyOf([object, ...marks]);
    expect(history.lives).toEqual([
      { version: object, marker: marks[0], began: 100, ceased: 150 },
      { version: object, marker: marks[1], began: 200, ceased: 300 },
      { version: object, began: 300 },
    ]);
  });

  // An encrypted name of the classic container is another one each time.
  it("takes an object for a double that was stored anew under another name", () => {
    const [before, again] = [{ ...live(100), key: "before" }, live(300)];
    const marks = [marker(100, 150), marker(300, 350)].map((of) => versionOf("f", { stamp: of }));
    const [first, last] = marks as [Version, Version];
    expect(historyOf([before, again, first]).lives).toEqual([
      { version: again, marker: first, began: 100, ceased: 150, doubles: [before] },
      { version: again, began: 300 },
    ]);
    expect(historyOf([before, again, last, first]).lives).toEqual([
      { version: again, marker: first, began: 100, ceased: 150 },
      { version: again, marker: last, began: 300, ceased: 350, doubles: [before] },
    ]);
  });

  it("takes no object for a double that was stored after all that is told of it", () => {
    const [one, other] = [live(300), { ...live(310), key: "other" }];
    const mark = versionOf("f", { stamp: marker(100, 150) });
    expect(historyOf([one, other, mark]).lives).toEqual([
      { version: other, marker: mark, began: 100, ceased: 150 },
      { version: one, began: 300 },
      { version: other, began: 310 },
    ]);
  });

  it("tells of an object whose double is one of two ends of the same life", () => {
    const [before, again] = [{ ...live(100), key: "before" }, live(300)];
    const marks = [150, 151].map((ceased) => versionOf("f", { stamp: marker(100, ceased) }));
    const [early, late] = marks as [Version, Version];
    expect(historyOf([before, again, early, late]).lives).toEqual([
      { version: again, marker: late, began: 100, ceased: 151, doubles: [early, before] },
      { version: again, began: 300 },
    ]);
  });

  it("tells lives apart whose beginning nobody knows", () => {
    const dates = [20240228, 20240301].map((date) => versionOf("f", { stamp: { form: "date", date } }));
    const stamped = versionOf("f", { stamp: stamp(1, 200) });
    const now = versionOf("f");
    const { lives } = historyOf([now, stamped, ...dates]);
    expect(lives.map(({ version }) => version)).toEqual([stamped, ...dates, now]);
  });

  it("knows an object of which nobody says when it was stored as live, whatever tombstones tell", () => {
    const object = versionOf("f");
    const mark = versionOf("f", { stamp: marker(100, 150) });
    expect(historyOf([mark, object]).lives).toEqual([
      { version: object, marker: mark, began: 100, ceased: 150 },
      { version: object, began: 1 },
    ]);
  });

  it("calls tombstones of nothing orphans", () => {
    const mark = versionOf("f", { mtime: 4, stamp: marker(100, 150) });
    expect(historyOf([mark, live(100, 5)])).toMatchObject({ orphans: [mark], lives: [{ began: 100 }] });
  });

  it("tells a life once, however many objects a renaming that was cut off left of it", () => {
    const period: Period = { form: "stamp", began: 100, ceased: 200 };
    const [plain, early, late] = [undefined, 300, 400].map((condemned) =>
      versionOf("f", { stamp: { ...period, ...(condemned !== undefined && { condemned }) } }),
    ) as [Version, Version, Version];
    const other = versionOf("f", { md5: "2", stamp: period });
    expect(historyOf([late, early, other, plain]).lives).toEqual([
      { version: plain, began: 100, ceased: 200, doubles: [early, late] },
      { version: other, began: 100, ceased: 200 },
    ]);
    expect(historyOf([late, early]).lives).toEqual([
      { version: early, began: 100, ceased: 200, doubles: [late] },
    ]);
  });

  it("tells a life once that a date ended, also where that is half condemned", () => {
    const date = versionOf("f", { stamp: { form: "date", date: 20240228 } });
    const ceased = Date.UTC(2024, 1, 29) / 1000;
    const condemned = versionOf("f", { stamp: { form: "stamp", began: 1, ceased, condemned: ceased + 9 } });
    expect(historyOf([condemned, date]).lives).toEqual([
      { version: date, began: 1, ceased, doubles: [condemned] },
    ]);
  });

  it.each([stamp, marker])(
    "tells a life once that two runs at once ended, each at its own moment",
    (form) => {
      const object = form === marker ? [live(100)] : [];
      const [early, late] = [200, 201].map((ceased) => versionOf("f", { stamp: form(100, ceased) }));
      const other = versionOf("f", { md5: "2", stamp: stamp(100, 202) });
      const again = versionOf("f", { stamp: stamp(201, 300) });
      const { lives } = historyOf([early as Version, other, again, late as Version, ...object]);
      const told = lives.map(({ began, ceased, doubles }) => [began, ceased, doubles]);
      expect(told).toEqual([
        [100, 201, [early]],
        [100, 202, undefined],
        [201, 300, undefined],
      ]);
    },
  );

  it("takes what began with the live one, and is of its content, for a double: its retirement was cut off", () => {
    const now = live(100);
    const copy = versionOf("f", { stamp: stamp(100, 200) });
    expect(historyOf([copy, now]).lives).toEqual([{ version: now, began: 100, doubles: [copy] }]);
    const others = [stamp(100, 100), stamp(99, 200), marker(100, 200)].map((of) =>
      versionOf("f", { stamp: of }),
    );
    others.push(versionOf("f", { md5: "2", stamp: stamp(100, 200) }));
    for (const other of others)
      for (const { doubles } of historyOf([other, now]).lives) expect(doubles).toBeUndefined();
  });

  it("needs stored times where several are live, or a tombstone is there", () => {
    expect(needsStoredTimes([live(1), versionOf("f", { stamp: stamp(1, 2) })])).toBe(false);
    expect(needsStoredTimes([live(1), live(2, 3)])).toBe(true);
    expect(needsStoredTimes([live(1), versionOf("f", { stamp: { form: "date", date: 20240228 } })])).toBe(
      true,
    );
    expect(needsStoredTimes([versionOf("f", { stamp: marker(1, 2) })])).toBe(true);
  });

  const anyVersions = fc.uniqueArray(
    fc
      .record({
        mtime: fc.nat({ max: 2 }),
        md5: fc.constantFrom("1", "2"),
        form: fc.constantFrom("live", "stamp", "marker"),
        began: fc.integer({ min: 1, max: 9 }),
        lasts: fc.integer({ min: 0, max: 4 }),
        storedAt: fc.integer({ min: 1, max: 12 }),
      })
      .map(({ mtime, md5, form, began, lasts, storedAt }): Version => {
        if (form === "live") return live(storedAt, mtime, md5);
        const period = form === "stamp" ? stamp : marker;
        return versionOf("f", { mtime, md5, stamp: period(began, began + lasts) });
      }),
    { selector: ({ key }) => key, maxLength: 8 },
  );

  it("ends with the same one of two objects that differ in nothing but their keys, however they are listed", () => {
    const [one, other] = ["x", "y"].map((key) => ({ ...live(5), key })) as [Version, Version];
    expect(lastLife(historyOf([one, other]))?.version.key).toBe("y");
    expect(lastLife(historyOf([other, one]))?.version.key).toBe("y");
  });

  it("does not depend on the order of the listing, and every object is told of or has a later life", () => {
    assertProperty(
      fc.property(anyVersions, (versions) => {
        const history = historyOf(versions);
        expect(historyOf([...versions].reverse())).toEqual(history);
        const told = new Set(
          history.lives.flatMap(({ version, marker, doubles = [] }) => [version, marker, ...doubles]),
        );
        for (const version of [...versions]) {
          expect(told.has(version) || history.orphans.includes(version)).toBe(true);
        }
        const last = lastLife(history);
        if (last?.ceased === undefined && last !== undefined) expect(lifeAt(history, 100)).toBe(last);
      }),
      { numRuns: 1000 },
    );
  });
});
