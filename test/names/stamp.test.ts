import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareStamps, formatStamp, parseStamp, type Stamp } from "../../src/names/stamp.ts";
import { assertProperty } from "../property.ts";

const seconds = fc.oneof(
  fc.integer({ min: 1, max: 4_102_444_800 }),
  fc.integer({ min: 1, max: 36 ** 7 - 1 }),
);
const condemned = fc.option(fc.integer({ min: 36, max: 36 ** 7 - 1 }), { nil: undefined });
const periods = fc
  .tuple(fc.constantFrom("stamp" as const, "marker" as const), seconds, seconds, condemned)
  .map(
    ([form, a, b, at]): Stamp => ({
      form,
      began: Math.min(a, b),
      ceased: Math.max(a, b),
      ...(at !== undefined && { condemned: at }),
    }),
  );
const stamps = fc.oneof(
  fc.constant<Stamp>({ form: "live" }),
  fc.constantFrom<Stamp>(
    { form: "date", date: 1000_01_01 },
    { form: "date", date: 20240229 },
    { form: "date", date: 9999_12_31 },
  ),
  periods,
);

describe("a stamp", () => {
  test.each<[string, Stamp]>([
    ["0", { form: "live" }],
    ["c1tgl", { form: "date", date: 20240229 }],
    ["qglmoo0qgljwg", { form: "stamp", began: 1_600_000_000, ceased: 1_600_003_608 }],
    ["10qglmoo0qgljwg", { form: "marker", began: 1_600_000_000, ceased: 1_600_003_608 }],
    [
      "ql7i800qglmoo0qgljwg",
      { form: "stamp", began: 1_600_000_000, ceased: 1_600_003_608, condemned: 1_607_742_720 },
    ],
    [
      "10ql7i800qglmoo0qgljwg",
      { form: "marker", began: 1_600_000_000, ceased: 1_600_003_608, condemned: 1_607_742_720 },
    ],
    ["10000001", { form: "stamp", began: 1, ceased: 1 }],
    ["zzzzzzzzzzzzzz", { form: "stamp", began: 36 ** 7 - 1, ceased: 36 ** 7 - 1 }],
  ])("%s reads and prints as it should", (text, stamp) => {
    expect(parseStamp(text)).toEqual(stamp);
    expect(formatStamp(stamp)).toBe(text);
  });

  test("reads back as it was written, within a name too, with leading zeros and in upper case", () => {
    assertProperty(
      fc.property(stamps, (stamp) => {
        const text = formatStamp(stamp);
        expect(parseStamp(text)).toEqual(stamp);
        expect(parseStamp(`00${text.toUpperCase()}`)).toEqual(stamp);
        expect(parseStamp(`a.${text}.enc`, 2, 2 + text.length)).toEqual(stamp);
      }),
    );
  });

  test.each([
    ["", "nothing"],
    ["1", "a small number"],
    ["20240229", "a date in decimal, which is a stamp that ends before it begins"],
    ["zzzzzzz", "seven digits that are no date"],
    ["c1tgm.", "another character"],
    ["qgljwg0qglmoo", "an end before the beginning"],
    ["qglmoo0000000", "no beginning"],
    ["20qglmoo0qgljwg", "fifteen digits with another marker"],
    ["z0qglmoo0qgljwg", "fifteen digits, a condemnation of one digit"],
    ["20ql7i800qglmoo0qgljwg", "twenty-two digits with another marker"],
    ["100ql7i800qglmoo0qgljwg", "more digits than there are forms"],
  ])("%j is none: %s", (text) => {
    expect(parseStamp(text)).toBeUndefined();
  });

  test.each<Stamp>([
    { form: "date", date: 20241301 },
    { form: "stamp", began: 0, ceased: 1 },
    { form: "stamp", began: 2, ceased: 1 },
    { form: "marker", began: 1, ceased: 36 ** 7 },
    { form: "stamp", began: 1.5, ceased: 2 },
    { form: "stamp", began: 1, ceased: 2, condemned: 35 },
    { form: "marker", began: 1, ceased: 2, condemned: 36 ** 7 },
  ])("%j is never written", (stamp) => {
    expect(() => formatStamp(stamp)).toThrow(RangeError);
  });

  test("orders by the end of its life, then by the beginning, live ones last", () => {
    const order: Stamp[] = [
      { form: "stamp", began: 5, ceased: 10 },
      { form: "stamp", began: 6, ceased: 10 },
      { form: "stamp", began: 1, ceased: 11 },
      { form: "date", date: 20240228 },
      { form: "stamp", began: 1, ceased: 1_709_251_201 },
      { form: "live" },
    ];
    expect([...order].reverse().sort(compareStamps)).toEqual(order);
    expect(compareStamps({ form: "live" }, { form: "live" })).toBe(0);
  });
});
