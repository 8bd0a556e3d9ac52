import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { guessCut, KeyShape, type Wanted } from "../../../src/storage/s3/key-guess.ts";
import { KeyRange, type Page } from "../../../src/storage/s3/key-range.ts";
import { fitsXml } from "../../../src/storage/s3/keys.ts";
import { assertProperty } from "../../property.ts";
import { numbered, sorted } from "./listing-server.ts";

const bytes = (key: string) => Buffer.from(key);
const name = fc.string({ unit: fc.constantFrom(..."ab09/\u{e9}\u{ffff}\u{1f600}\x02"), maxLength: 8 });
const keySet = fc.array(name, { minLength: 2, maxLength: 60 }).map(sorted);

/** The page behind a key, or behind a place. */
function page(keys: readonly string[], range: KeyRange<string>, size: number): Page<string> {
  const { next } = range;
  if (next === undefined) throw new Error("nothing to ask for");
  const behind = (after: string) => keys.findIndex((key) => Buffer.compare(bytes(key), bytes(after)) > 0);
  const at = "token" in next ? Number(next.token) : next.after === undefined ? 0 : behind(next.after);
  const found = at === -1 ? [] : keys.slice(at, at + size);
  return {
    keys: found,
    items: found,
    ...(at !== -1 && at + size < keys.length && { next: String(at + size) }),
  };
}

describe("ranges of a listing", () => {
  it("cut anywhere, filled in any order, join to the whole; whoever is cut off takes none of the other's", () => {
    const property = fc.property(
      keySet,
      fc.integer({ min: 1, max: 7 }),
      fc.array(fc.tuple(name, fc.nat(9)), { maxLength: 40 }),
      (keys, size, steps) => {
        const ranges = [new KeyRange<string>()];
        for (const [cut, which] of steps) {
          const i = which % ranges.length;
          const range = ranges[i] as KeyRange<string>;
          if (range.isOver) continue;
          expect(range.take(page(keys, range, size))).toBe(true);
          const from = range.last ?? range.after ?? "";
          const fits =
            Buffer.compare(bytes(from), bytes(cut)) < 0 &&
            (range.until === undefined || Buffer.compare(bytes(cut), bytes(range.until)) < 0);
          if (fits && !range.isOver) ranges.splice(i + 1, 0, range.cut(cut));
        }
        for (const range of ranges) while (!range.isOver) range.take(page(keys, range, size));
        for (let i = 0; i + 1 < ranges.length; ) {
          const [range, later] = [ranges[i] as KeyRange<string>, ranges[i + 1] as KeyRange<string>];
          if (later.isEmpty) range.absorb(later);
          if (later.isEmpty) ranges.splice(i + 1, 1);
          else expect(range.jointWith(ranges[++i] as KeyRange<string>)).toBe("exact");
        }
        expect(ranges.flatMap(({ ready }) => ready.flat())).toEqual(keys);
      },
    );
    assertProperty(property, { numRuns: 500 });
  });

  it("do not join where the later one begins elsewhere; the earlier one goes on with what it had in hand", () => {
    const range = new KeyRange<string>();
    range.take({ keys: ["a"], items: ["a"], next: "1" });
    const later = range.cut("b");
    expect(range.jointWith(later)).toBe("unknown");
    range.take({ keys: ["b", "c", "d"], items: ["b", "c", "d"], next: "4" });
    expect(range.isOver).toBe(true);
    later.take({ keys: ["d"], items: ["d"] });
    expect(range.jointWith(later)).toBe("broken");
    range.goOn(false);
    expect(range.ready.flat()).toEqual(["a", "b", "c", "d"]);
    expect(range.next).toEqual({ token: "4" });
  });

  it("take no page that does not ascend, or begins at or before the cut", () => {
    for (const keys of [["b"], ["a"], ["c", "d", "c"], ["d", "c"], ["\u{1f600}", "\u{ffff}"]]) {
      const range = new KeyRange<string>("b");
      expect(range.take({ keys, items: keys })).toBe(false);
      expect(range.ready).toEqual([]);
    }
    expect(new KeyRange<string>("b").take({ keys: ["\u{ffff}", "\u{1f600}"], items: ["", ""] })).toBe(true);
  });

  it("give a key once that comes twice in a row, within a page or at its border, in any order", () => {
    for (const free of [false, true]) {
      const range = new KeyRange<string>();
      if (free) range.goOn(true);
      expect(range.take({ keys: ["a", "a", "b"], items: ["1", "2", "3"], next: "1" })).toBe(true);
      expect(range.take({ keys: ["b"], items: ["4"], next: "2" })).toBe(true);
      expect(range.take({ keys: ["b", "b", "c", "c"], items: ["5", "6", "7", "8"] })).toBe(true);
      expect(range.ready).toEqual([["1", "3"], ["7"]]);
      expect(range.keys).toBe(3);
    }
  });
});

describe("guessing where to cut", () => {
  const wanted: Wanted = { reach: 3, limit: undefined, prefixLength: 0, wider: 0 };
  const guess = (keys: readonly string[], more: Partial<Wanted> = {}) => {
    const shape = new KeyShape();
    shape.learn(keys);
    const stretch = { first: keys[0] as string, last: keys.at(-1) as string, pages: 1 };
    return guessCut(shape, [stretch], { ...wanted, ...more });
  };

  it("goes on as the page went, with a carry", () => {
    for (const first of [1000, 1950, 4700, 8800]) {
      const cut = guess(numbered(100, (i) => `x/${String(first + i).padStart(6, "0")}.txt`)) ?? "";
      const key = (i: number) => `x/${String(first + i).padStart(6, "0")}`;
      expect(cut > key(100)).toBe(true);
      expect(cut < key(4000)).toBe(true);
    }
  });

  it("gives a key between the last and the limit that can be sent, or none, whatever the keys are", () => {
    const key = fc.string({ unit: "binary", minLength: 1, maxLength: 10 });
    const property = fc.property(
      fc.array(fc.oneof(key, name), { minLength: 1, maxLength: 40 }),
      fc.option(key, { nil: undefined }),
      fc.nat(20),
      fc.integer({ min: 1, max: 9 }),
      (any, limit, wider, reach) => {
        const keys = sorted(any.filter((text) => text !== ""));
        if (keys.length === 0) return;
        const cut = guess(keys, { wider, reach, limit });
        if (cut === undefined) return;
        expect(cut.isWellFormed() && fitsXml(cut)).toBe(true);
        expect(Buffer.compare(bytes(keys.at(-1) as string), bytes(cut))).toBeLessThan(0);
        if (limit !== undefined) expect(Buffer.compare(bytes(cut), bytes(limit))).toBeLessThan(0);
      },
    );
    assertProperty(property, { numRuns: 1000 });
  });

  it("stays below the prefix of the listing, and gives nothing where keys have control characters before the cut", () => {
    const keys = numbered(100, (i) => `base/${9000 + i * 9}`);
    expect(guess(keys, { prefixLength: 5, wider: 20 }) ?? "base/").toMatch(/^base\//);
    expect(guess(numbered(100, (i) => `\x01/${1000 + i}`))).toBeUndefined();
  });
});
