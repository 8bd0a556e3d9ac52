import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ExtentTable, extentBytes, writeExtent } from "../../../src/container/segmented/extents.ts";
import { Matcher, type MatchOptions } from "../../../src/container/segmented/match.ts";
import type { MatchPlan } from "../../../src/container/segmented/match-plan.ts";
import { RollingCrc } from "../../../src/container/segmented/rolling-crc.ts";
import { FileKeys } from "../../../src/crypto/segmented-keys.ts";
import { assertProperty } from "../../property.ts";

const KEYS = new FileKeys(Buffer.alloc(32, 3), "aes");
const MIB = 2 ** 20;

function tableOf(blocks: readonly Buffer[]): ExtentTable {
  const width = extentBytes(true);
  const bytes = Buffer.alloc(blocks.length * width);
  blocks.forEach((block, i) => {
    const id = Buffer.alloc(16, i);
    const mac = KEYS.plainMac(block);
    const extent = { id, offset: 100 + i, stored: block.length + 16, plain: block.length, codec: 0, mac };
    writeExtent(bytes, i * width, { ...extent, weak: crc32(block) }, true);
  });
  return new ExtentTable(bytes, true, 88);
}

function cut(content: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(content.length / size) }, (_, i) =>
    content.subarray(i * size, (i + 1) * size),
  );
}

interface Matched {
  readonly plan: MatchPlan;
  readonly blocks: readonly Buffer[];
}

/** Matches `now`, given in pieces of strange lengths, and makes sure that the plan gives it again. */
function match(
  blocks: readonly Buffer[],
  now: Buffer,
  blockSize: number,
  options: Partial<MatchOptions> = {},
): Matched {
  const matcher = new Matcher(tableOf(blocks), KEYS, { size: now.length, blockSize, ...options });
  for (let at = 0, length = 1; at < now.length; at += length, length = (length * 7 + 3) % 300_001) {
    matcher.push(now.subarray(at, at + length));
  }
  const plan = matcher.end();
  expect(rebuilt(plan, blocks, now).equals(now)).toBe(true);
  return { plan, blocks };
}

function rebuilt(plan: MatchPlan, blocks: readonly Buffer[], now: Buffer): Buffer {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const step of plan) {
    const part =
      step.kind === "data"
        ? [now.subarray(at, at + step.bytes)]
        : blocks.slice(step.first, step.first + step.count);
    pieces.push(...part);
    at += part.reduce((sum, { length }) => sum + length, 0);
  }
  return Buffer.concat(pieces);
}

/** The same search without any cleverness: contents are compared, at every position. */
function newBytesByReference(blocks: readonly Buffer[], now: Buffer, window: number): number {
  const full = new Map(
    blocks.flatMap((block, i) => (block.length === window ? [[block.toString("latin1"), i] as const] : [])),
  );
  let fresh = 0;
  let expected: number | undefined = 0;
  for (let at = 0; at < now.length; ) {
    const block: Buffer | undefined = expected === undefined ? undefined : blocks[expected];
    if (block !== undefined && now.subarray(at, at + block.length).equals(block)) {
      at += block.length;
      expected = (expected as number) + 1;
      continue;
    }
    const after: Buffer | undefined = expected === undefined ? undefined : blocks[expected + 1];
    const behind = at + (block?.length ?? 0);
    const index = full.get(now.toString("latin1", at, at + window));
    if (index !== undefined) {
      at += window;
      expected = index + 1;
    } else if (block && after && now.subarray(behind, behind + after.length).equals(after)) {
      fresh += block.length;
      at = behind;
      expected = (expected as number) + 1;
    } else {
      fresh++;
      at++;
      expected = undefined;
    }
  }
  return fresh;
}

type Edit = { readonly at: number; readonly remove: number; readonly insert: number };
const edits = fc.array(
  fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), remove: fc.nat(200), insert: fc.nat(200) }),
  { maxLength: 6 },
);

function edited(content: Buffer, list: readonly Edit[], noise: (length: number) => Buffer): Buffer {
  let now = content;
  for (const { at, remove, insert } of list) {
    const from = Math.floor(at * now.length);
    now = Buffer.concat([now.subarray(0, from), noise(insert), now.subarray(from + remove)]);
  }
  return now;
}

describe("the rolling CRC-32", () => {
  it("is that of zlib at every position, for any window", () => {
    assertProperty(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 200 }), fc.nat(), (bytes, n) => {
        const window = 1 + (n % (bytes.length - 1));
        const crc = new RollingCrc(window);
        let state = crc.stateOf(crc32(bytes.subarray(0, window)));
        for (let at = 0; at + window < bytes.length; at++) {
          state = crc.roll(state, bytes[at] as number, bytes[at + window] as number);
          expect(state).toBe(crc.stateOf(crc32(bytes.subarray(at + 1, at + 1 + window))));
        }
      }),
    );
  });
});

describe("matching a new file against an old table", () => {
  const noise = (length: number) => randomBytes(length);

  it("gives the new file again, and finds as much as a search at every position", () => {
    assertProperty(
      fc.property(
        edits,
        fc.integer({ min: 1, max: 3000 }),
        fc.constantFrom(16, 64, 100),
        (list, size, window) => {
          const old = randomBytes(size);
          const blocks = cut(old, window);
          const now = edited(old, list, noise);
          const { plan } = match(blocks, now, window);
          expect(plan.newBytes).toBe(newBytesByReference(blocks, now, window));
        },
      ),
      { numRuns: 200 },
    );
  });

  it("does so with blocks of all lengths, of few different contents", () => {
    assertProperty(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 64 })), { maxLength: 30 }),
        edits,
        fc.integer({ min: 1, max: 500 }),
        (shape, list, rollMost) => {
          const blocks = shape.map(([fill, length]) => Buffer.alloc(length % 3 === 0 ? 64 : length, fill));
          const zeros = (length: number) => Buffer.alloc(length);
          match(blocks, edited(Buffer.concat(blocks), list, zeros), 64, { rollMost });
        },
      ),
    );
  });

  it("keeps nothing of an old version without blocks, and plans nothing for an empty file", () => {
    expect([...match([], Buffer.from("new"), 64).plan]).toEqual([{ kind: "data", bytes: 3 }]);
    expect([...match(cut(randomBytes(100), 64), Buffer.alloc(0), 64).plan]).toEqual([]);
  });

  it("does not take a block whose weak sum alone agrees", () => {
    const old = randomBytes(64);
    const extents = tableOf([old]);
    extents.bytes.writeUInt32BE(crc32(Buffer.alloc(64)), 16 + 6 + 4 + 4 + 1);
    const matcher = new Matcher(extents, KEYS, { size: 1000, blockSize: 64 });
    matcher.push(Buffer.alloc(1000));
    expect(matcher.end().newBytes).toBe(1000);
  });

  it("finds blocks that moved beyond the stretch only where old blocks would begin", () => {
    const old = randomBytes(64 * 100);
    const blocks = cut(old, 64);
    const behind = (inserted: number) =>
      match(blocks, Buffer.concat([randomBytes(inserted), old]), 64, { rollMost: 640 }).plan.newBytes;
    expect(behind(630)).toBe(630);
    expect(behind(6401)).toBe(6401 + old.length);
    const inPlace = Buffer.concat([randomBytes(64 * 50), old.subarray(64 * 50)]);
    expect(match(blocks, inPlace, 64, { rollMost: 640 }).plan.newBytes).toBe(64 * 50);
  });

  it("counts the rows that the new table will have", () => {
    const old = randomBytes(640);
    const now = Buffer.concat([old.subarray(0, 128), randomBytes(130), old.subarray(128)]);
    expect(match(cut(old, 64), now, 64).plan.extents).toBe(10 + 3);
  });

  describe("finds of the edits in a large file", () => {
    const window = 16 * 1024;
    const old = randomBytes(32 * MIB);
    const blocks = cut(old, window);
    const pages = (count: number) => {
      const now = Buffer.from(old);
      for (let i = 0; i < count; i++) {
        randomBytes(256).copy(now, Math.floor(((i + 0.5) * now.length) / count));
      }
      return now;
    };
    const table: [string, () => Buffer, number, number][] = [
      ["one byte in the middle: one block", () => pages(1), window, window],
      ["100 bytes at the start: these", () => Buffer.concat([randomBytes(100), old]), 100, 100],
      ["64 KiB behind the end: these", () => Buffer.concat([old, randomBytes(65_536)]), 65_536, 65_536],
      ["64 KiB left out at a quarter: nothing", () => without(old, 8 * MIB, 65_536), 0, 0],
      ["an odd stretch left out: less than two blocks", () => without(old, 777, 65_000), 0, 2 * window],
      ["10 small writes: ten blocks", () => pages(10), 9 * window, 10 * window],
      ["100 small writes: a hundred blocks", () => pages(100), 90 * window, 100 * window],
    ];
    it.each(table)("%s", (_, make, least, most) => {
      const { newBytes } = match(blocks, make(), window).plan;
      expect(newBytes).toBeGreaterThanOrEqual(least);
      expect(newBytes).toBeLessThanOrEqual(most);
    });
  });
});

function without(content: Buffer, at: number, length: number): Buffer {
  return Buffer.concat([content.subarray(0, at), content.subarray(at + length)]);
}
