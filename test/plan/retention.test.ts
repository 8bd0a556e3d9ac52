import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import type { Version } from "../../src/plan/group.ts";
import { historyOf, lifeAt } from "../../src/plan/history.ts";
import { momentsOf, type Reason, Retention, type RetentionRules } from "../../src/plan/retention.ts";
import { assertProperty } from "../property.ts";
import { versionOf } from "./worlds.ts";

const zone = process.env.TZ;
afterEach(() => {
  process.env.TZ = zone;
});

const DAY = 86_400;
const NO_MOMENTS = { daily: 0, weekly: 0, monthly: 0, yearly: 0 };
const NOW = new Date("2026-11-20T12:00:00Z");
const now = NOW.getTime() / 1000;
const retired = (began: number, ceased: number) =>
  versionOf("f", { mtime: began, stamp: { form: "stamp", began, ceased } });
const live = versionOf("f", { mtime: 1, storedAt: 1000 * (now - DAY) });
const expired = (rules: RetentionRules, versions: Parameters<typeof historyOf>[0], at = NOW) =>
  new Retention(rules, at).expired(historyOf(versions)).map(({ version }) => version);

describe("retention", () => {
  it("keeps a superseded version for so many days, to the second", () => {
    const kept = retired(now - 40 * DAY, now - 30 * DAY);
    const gone = retired(now - 50 * DAY, now - 30 * DAY - 1);
    const rules = { versionsKeepDays: 30, deletedKeepDays: null };
    expect(expired(rules, [live, kept, gone])).toEqual([gone]);
    expect(expired({ ...rules, versionsKeepDays: "forever" }, [live, kept, gone])).toEqual([]);
    expect(expired({ ...rules, versionsKeepDays: null }, [live, kept, gone])).toEqual([]);
  });

  it("keeps the newest version of a deleted file by the rule for deleted ones, and forgets all with it", () => {
    const last = retired(now - 50 * DAY, now - 40 * DAY);
    const older = retired(now - 90 * DAY, now - 50 * DAY);
    const rules = { versionsKeepDays: 30, deletedKeepDays: null };
    expect(expired(rules, [last, older])).toEqual([older]);
    expect(expired({ ...rules, versionsKeepDays: "forever" }, [last, older])).toEqual([]);
    expect(expired({ versionsKeepDays: "forever", deletedKeepDays: 39 }, [last, older])).toEqual([
      older,
      last,
    ]);
    expect(expired({ versionsKeepDays: "forever", deletedKeepDays: 40 }, [last, older])).toEqual([]);
    expect(expired({ versionsKeepDays: null, deletedKeepDays: 0 }, [last, older])).toEqual([]);
  });

  it("has nothing to say where there are only tombstones of nothing", () => {
    const orphan = versionOf("f", { stamp: { form: "marker", began: 1, ceased: 2 } });
    expect(expired({ versionsKeepDays: 0, deletedKeepDays: 0 }, [orphan])).toEqual([]);
  });

  it("counts dates of the time before there was a history in days, as ever", () => {
    const marked = versionOf("f", { stamp: { form: "date", date: 20261019 } });
    expect(expired({ versionsKeepDays: 1, deletedKeepDays: 32 }, [marked])).toEqual([]);
    expect(expired({ versionsKeepDays: 1, deletedKeepDays: 31 }, [marked])).toEqual([marked]);
    process.env.TZ = "Pacific/Kiritimati"; // where it is the 21st already
    expect(expired({ versionsKeepDays: 1, deletedKeepDays: 32 }, [marked])).toEqual([marked]);
  });

  it("thins out to the ends of days, weeks, months and years, in local time", () => {
    process.env.TZ = "Europe/Berlin";
    const moments = momentsOf(
      { daily: 2, weekly: 2, monthly: 2, yearly: 2 },
      new Date("2026-11-20T12:00:00Z"),
    );
    expect(moments.map((moment) => new Date(moment * 1000).toISOString())).toEqual([
      "2026-11-19T22:59:59.000Z",
      "2026-11-18T22:59:59.000Z",
      "2026-11-15T22:59:59.000Z", // a Sunday
      "2026-11-08T22:59:59.000Z",
      "2026-10-31T22:59:59.000Z",
      "2026-09-30T21:59:59.000Z", // summer time
      "2025-12-31T22:59:59.000Z",
      "2024-12-31T22:59:59.000Z",
    ]);
  });

  const anyLives = fc
    .array(fc.tuple(fc.integer({ min: 0, max: 3 * DAY }), fc.integer({ min: 60, max: 20 * DAY })), {
      minLength: 1,
      maxLength: 30,
    })
    .map((steps) => {
      let at = now - 700 * DAY;
      return steps.flatMap(([gap, length]) => {
        const began = at + gap;
        at = began + length;
        return at < now ? [retired(began, at)] : [];
      });
    });
  const keep = { daily: 7, weekly: 4, monthly: 12, yearly: 3 };

  it("with thinning keeps every state at its moments exactly, and what it once let go it never wanted", () => {
    assertProperty(
      fc.property(
        anyLives,
        fc.integer({ min: 0, max: 60 }),
        fc.integer({ min: 1, max: 400 }),
        (lives, days, later) => {
          const rules = { versionsKeepDays: days, deletedKeepDays: null, keep };
          const versions = [...lives, live];
          const gone = new Set(expired(rules, versions));
          const left = versions.filter((version) => !gone.has(version));
          for (const moment of momentsOf(keep, NOW)) {
            expect(lifeAt(historyOf(left), moment)).toEqual(lifeAt(historyOf(versions), moment));
          }
          // Thinning at once or step by step comes to the same.
          const then = new Date(NOW.getTime() + later * DAY * 1000);
          const goneThen = new Set(expired(rules, versions, then));
          for (const version of gone) expect(goneThen.has(version)).toBe(true);
        },
      ),
    );
  });

  it("with thinning lets go what was live at none of its moments, to the second, and says what keeps the others", () => {
    process.env.TZ = "UTC";
    const day = Date.UTC(2026, 10, 19) / 1000 - 1;
    const week = Date.UTC(2026, 10, 16) / 1000 - 1;
    const lives: [Version, Reason][] = [
      [retired(week - 50, week), "expired"],
      [retired(week, week + 1), "weekly"],
      [retired(week + 1, day), "expired"],
      [retired(day, day + 50), "daily"],
      [retired(day + 50, now - DAY), "versions_keep_days"],
      [live, "live"],
    ];
    const versions = lives.map(([version]) => version);
    const rules = {
      versionsKeepDays: 1,
      deletedKeepDays: null,
      keep: { ...NO_MOMENTS, daily: 2, weekly: 1 },
    };
    expect(expired(rules, versions)).toEqual([versions[0], versions[2]]);
    const history = historyOf(versions);
    const retention = new Retention(rules, NOW);
    expect(history.lives.map((life) => [life.version, retention.reasonFor(history, life)])).toEqual(lives);
  });

  it("says of what it lets go, and of nothing else, that nothing keeps it", () => {
    const anyDays = fc.option(fc.integer({ min: 0, max: 700 }), { nil: null });
    assertProperty(
      fc.property(
        anyLives,
        fc.boolean(),
        fc.oneof(fc.constantFrom("forever" as const, null), fc.integer({ min: 0, max: 60 })),
        anyDays,
        (lives, isThere, versionsKeepDays, deletedKeepDays) => {
          const history = historyOf(isThere ? [...lives, live] : lives);
          const retention = new Retention({ versionsKeepDays, deletedKeepDays, keep }, NOW);
          const gone = history.lives.filter((life) => retention.reasonFor(history, life) === "expired");
          expect(retention.expired(history)).toEqual(gone);
        },
      ),
    );
  });

  it("never touches the live version", () => {
    assertProperty(
      fc.property(anyLives, (lives) => {
        const rules = { versionsKeepDays: 0, deletedKeepDays: 0 };
        expect(expired(rules, [...lives, live])).not.toContain(live);
      }),
    );
  });
});
