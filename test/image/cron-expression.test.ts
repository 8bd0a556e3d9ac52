import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CronSyntaxError, matches, nextWallMinute, parseCron } from "../../image/cron-expression.ts";
import { assertProperty } from "../property.ts";

/** The wall minute of a date as written. */
function wall(text: string): number {
  return Date.parse(`${text}Z`) / 60_000;
}

function nextOf(schedule: string, after: string): string | undefined {
  const next = nextWallMinute(parseCron(schedule), wall(after));
  return next === undefined ? undefined : new Date(next * 60_000).toISOString().slice(0, 16);
}

describe("a schedule that is not one", () => {
  test.each([
    "",
    "*",
    "* * * *",
    "* * * * * *",
    "60 * * * *",
    "-1 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * 32 * *",
    "* * * 0 *",
    "* * * 13 *",
    "* * * * 8",
    "1.5 * * * *",
    "*/0 * * * *",
    "*/60 * * * *",
    "5/10 * * * *",
    "9-5 * * * *",
    "1-2-3 * * * *",
    "*/2/2 * * * *",
    "1,,2 * * * *",
    "1, * * * *",
    "* * * foo *",
    "@reboot",
    "@hourlyish",
    "0x1 * * * *",
    "* * * * *\n* * * * *",
  ])("%j is refused", (text) => {
    expect(() => parseCron(text)).toThrow(CronSyntaxError);
  });

  test.each(["0 0 30 2 *", "0 0 31 4,6,9,11 *"])("%s names no day that exists, and is refused", (text) => {
    expect(() => parseCron(text)).toThrow(/never due/);
  });

  test("the message names the field and what to write", () => {
    expect(() => parseCron("0 99 * * *")).toThrow('"99" does not fit the field hour: write 0 to 23');
  });
});

describe("when a schedule is due", () => {
  test.each([
    ["* * * * *", "2026-11-20T23:59", "2026-11-21T00:00"],
    ["0 * * * *", "2026-11-20T23:00", "2026-11-21T00:00"],
    ["@hourly", "2026-11-20T23:00", "2026-11-21T00:00"],
    ["*/15 * * * *", "2026-11-20T23:46", "2026-11-21T00:00"],
    ["10-30/10,45 * * * *", "2026-11-20T23:30", "2026-11-20T23:45"],
    ["30 1 * * *", "2026-11-20T01:30", "2026-11-21T01:30"],
    ["0 0 29 2 *", "2096-02-29T00:00", "2104-02-29T00:00"],
    ["0 4 * * sun", "2026-11-20T00:00", "2026-11-22T04:00"],
    ["0 4 * * 7", "2026-11-20T00:00", "2026-11-22T04:00"],
    ["0 4 * JAN-mar mon-fri", "2026-11-20T00:00", "2027-01-01T04:00"],
    ["@yearly", "2026-01-01T00:00", "2027-01-01T00:00"],
    ["@weekly", "2026-11-20T00:00", "2026-11-22T00:00"],
  ])("%s after %s: %s", (schedule, after, expected) => {
    expect(nextOf(schedule, after)).toBe(expected);
  });

  test("two restricted day fields mean either, as crontab(5) says", () => {
    expect(nextOf("0 0 13 * 5", "2026-11-13T00:00")).toBe("2026-11-20T00:00");
    expect(nextOf("0 0 13 * 5", "2026-12-12T00:00")).toBe("2026-12-13T00:00");
  });

  test("a day field that begins with a star is joined to the other by and", () => {
    expect(nextOf("0 0 */2 * 1", "2026-11-20T00:00")).toBe("2026-11-23T00:00");
    expect(nextOf("0 0 */2 * 1", "2026-11-23T00:00")).toBe("2026-12-07T00:00");
  });

  test("the next minute is the first that matches, whatever the fields", () => {
    const field = (from: number, to: number) =>
      fc.oneof(
        fc.constant("*"),
        fc.integer({ min: from, max: to }).map(String),
        fc.tuple(fc.integer({ min: from, max: to }), fc.integer({ min: from, max: to })).map((pair) => {
          const [low, high] = pair.sort((a, b) => a - b);
          return `${low}-${high}`;
        }),
      );
    const schedules = fc.tuple(field(0, 59), field(0, 23), fc.constant("*"), fc.constant("*"), field(0, 7));
    assertProperty(
      fc.property(schedules, fc.integer({ min: 0, max: 60_000_000 }), (fields, after) => {
        const expression = parseCron(fields.join(" "));
        const next = nextWallMinute(expression, after);
        let expected = after + 1;
        while (!matches(expression, expected)) expected++;
        expect(next).toBe(expected);
      }),
      { numRuns: 200 },
    );
  });
});
