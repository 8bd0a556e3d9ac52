import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LargestGroups } from "../../src/plan/largest-groups.ts";
import { assertProperty } from "../property.ts";

interface Sum {
  bytes: number;
}

const groupsOf = (most: number) =>
  new LargestGroups<Sum>(
    most,
    () => ({ bytes: 0 }),
    (to, from) => {
      to.bytes += from.bytes;
    },
    ({ bytes }) => bytes,
  );

const additions = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 30 }).map(String), fc.integer({ min: 0, max: 100 })),
);

function sumsOf(all: readonly (readonly [string, number])[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [name, bytes] of all) sums.set(name, (sums.get(name) ?? 0) + bytes);
  return sums;
}

describe("the largest groups", () => {
  it("and the others come to all there is, and are never more than so many", () => {
    assertProperty(
      fc.property(additions, fc.integer({ min: 1, max: 8 }), (all, most) => {
        const groups = groupsOf(most);
        for (const [name, bytes] of all) groups.of(name).bytes += bytes;
        const largest = groups.largest();
        expect(largest.length).toBeLessThanOrEqual(most);
        const total = largest.reduce((sum, [, { bytes }]) => sum + bytes, groups.others?.bytes ?? 0);
        expect(total).toBe(all.reduce((sum, [, bytes]) => sum + bytes, 0));
        const sums = sumsOf(all);
        for (const [name, { bytes }] of largest) expect(bytes).toBeLessThanOrEqual(sums.get(name) as number);
        if (sums.size <= most)
          expect(new Map(largest.map(([name, { bytes }]) => [name, bytes]))).toEqual(sums);
      }),
    );
  });

  it("are exact where names come in order", () => {
    assertProperty(
      fc.property(additions, fc.integer({ min: 1, max: 8 }), (all, most) => {
        const groups = groupsOf(most);
        const ordered = all.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
        for (const [name, bytes] of ordered) groups.of(name).bytes += bytes;
        const expected = [...sumsOf(all).values()].sort((a, b) => b - a).slice(0, most);
        expect(groups.largest().map(([, { bytes }]) => bytes)).toEqual(expected);
      }),
    );
  });
});
