import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatMoment, formatUtc, parseMoment } from "../../src/plan/moment.ts";

const zone = process.env.TZ;
beforeEach(() => {
  process.env.TZ = "Europe/Berlin";
});
afterEach(() => {
  process.env.TZ = zone;
});

const NOW = new Date("2026-11-20T12:00:00.900Z");
const iso = (text: string) => new Date(parseMoment(text, NOW) * 1000).toISOString();

describe("a moment", () => {
  it.each([
    ["2026-11-19", "2026-11-19T22:59:59.000Z"], // the end of the day, in local time
    ["2026-11-20", "2026-11-20T12:00:00.000Z"], // today: now
    ["2026-03-29", "2026-03-29T21:59:59.000Z"], // a day of 23 hours
    ["2024-02-29", "2024-02-29T22:59:59.000Z"],
    ["2026-11-20T12:30", "2026-11-20T11:30:00.000Z"],
    ["2026-11-20 12:30:05", "2026-11-20T11:30:05.000Z"],
    ["2026-07-20T12:30", "2026-07-20T10:30:00.000Z"],
    ["2026-11-20T11:30Z", "2026-11-20T11:30:00.000Z"],
    ["2026-11-20t11:30:01.5z", "2026-11-20T11:30:01.000Z"],
    ["2026-11-20T06:30:00-05:00", "2026-11-20T11:30:00.000Z"],
    ["2026-11-20T06:30:00 -0500", "2026-11-20T11:30:00.000Z"],
    ["90m", "2026-11-20T10:30:00.000Z"],
    ["0d", "2026-11-20T12:00:00.000Z"],
    ["3d", "2026-11-17T12:00:00.000Z"],
    ["2w", "2026-11-06T12:00:00.000Z"],
    ["1y", "2025-11-20T12:00:00.000Z"],
  ])("%s is %s", (text, expected) => {
    expect(iso(text)).toBe(expected);
  });

  it.each([
    "",
    "now",
    "3",
    "3x",
    "-3d",
    "2026-11",
    "2026-02-31",
    "2026-13-01",
    "2026-11-20T25:00",
    "20261120",
    "2026-02-31T10:00",
  ])("%j is none, and the error says what is", (text) => {
    expect(() => parseMoment(text, NOW)).toThrow(
      expect.objectContaining({ kind: "config", remedy: expect.stringContaining("3d") }),
    );
  });

  it.each(["2026-11-21", "2026-11-20T13:01", "2027-01-01T00:00Z"])("%s lies in the future", (text) => {
    expect(() => parseMoment(text, NOW)).toThrow("future");
  });

  it("is shown in local time", () => {
    expect(formatMoment(NOW.getTime() / 1000)).toBe("2026-11-20T13:00:00");
  });
});

describe("a moment is shown", () => {
  it.each([
    [0, "1970-01-01T01:00:00", "1970-01-01T00:00:00Z"],
    [1_785_000_000, "2026-07-25T19:20:00", "2026-07-25T17:20:00Z"], // summer time
    [253_402_297_199, "9999-12-31T23:59:59", "9999-12-31T22:59:59Z"],
    [253_402_300_799, "@253402300799", "9999-12-31T23:59:59Z"],
    [253_402_300_800, "@253402300800", "@253402300800"],
    [Number.MAX_SAFE_INTEGER, "@9007199254740991", "@9007199254740991"],
  ])("%d, whatever a name says", (seconds, local, utc) => {
    expect(formatMoment(seconds)).toBe(local);
    expect(formatUtc(seconds)).toBe(utc);
  });
});
