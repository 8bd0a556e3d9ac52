import { describe, expect, test } from "vitest";
import { parseCron } from "../../image/cron-expression.ts";
import { Due, wallMinuteOf } from "../../image/due.ts";

const hourly = { name: "hourly", expression: parseCron("0 * * * *") };
const nightly = { name: "nightly", expression: parseCron("30 2 * * *") };
const jobs = [hourly, nightly];

/** The wall minute of a time of one day. */
function at(time: string, day = "2026-03-29"): number {
  return Date.parse(`${day}T${time}Z`) / 60_000;
}

function look(due: Due, now: number): string {
  return due
    .look(jobs, now)
    .map(({ name }) => name)
    .join(" ");
}

describe("what is due", () => {
  test("the minute in which watching begins counts as seen", () => {
    const due = new Due(at("02:00"));
    expect(look(due, at("02:00"))).toBe("");
    expect(look(due, at("02:01"))).toBe("");
  });

  test("a job comes once, however often its minute is looked at", () => {
    const due = new Due(at("01:59"));
    expect([look(due, at("02:00")), look(due, at("02:00")), look(due, at("02:01"))]).toEqual([
      "hourly",
      "",
      "",
    ]);
  });

  test("over a gap every job that was missed comes once, in the order of the file", () => {
    const due = new Due(at("00:30"));
    expect(look(due, at("05:15"))).toBe("hourly nightly");
    expect(look(due, at("05:16"))).toBe("");
  });

  test("when summer time takes the hour of a job away, it runs right after the gap", () => {
    const due = new Due(at("01:59"));
    expect(look(due, at("03:00"))).toBe("hourly nightly");
  });

  test("when summer time ends, the repeated hour runs the hourly job again and the nightly one not", () => {
    const due = new Due(at("01:59"));
    expect(look(due, at("02:00"))).toBe("hourly");
    expect(look(due, at("02:30"))).toBe("nightly");
    expect(look(due, at("02:59"))).toBe("");
    expect(look(due, at("02:00"))).toBe("hourly");
    expect(look(due, at("02:00"))).toBe("");
    expect(look(due, at("02:30"))).toBe("");
    expect(look(due, at("03:00"))).toBe("hourly");
    expect(look(due, at("02:30", "2026-03-30"))).toContain("nightly");
  });

  test("a clock set back by more than three hours begins anew", () => {
    const due = new Due(at("12:00"));
    expect(look(due, at("02:29"))).toBe("");
    expect(look(due, at("02:30"))).toBe("nightly");
  });
});

test("wall minutes are those of the process's own time zone", () => {
  const date = new Date(2026, 10, 20, 23, 30);
  expect(new Date(wallMinuteOf(date) * 60_000).toISOString()).toBe("2026-11-20T23:30:00.000Z");
});
