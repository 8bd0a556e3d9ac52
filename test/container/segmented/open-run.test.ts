import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { layerOf, readRuns, type StoredRun } from "../../../src/container/segmented.ts";
import { assertProperty } from "../../property.ts";
import { noise } from "./samples.ts";

const object = noise(10_000);
const id = Buffer.alloc(16);
const runOf = (blocks: readonly (readonly [offset: number, stored: number])[]): StoredRun => ({
  blocks: blocks.map(([offset, stored]) => ({ id, codec: 0, plain: 1, offset, stored })),
  position: 0,
  blockLog: 18,
});

describe("reading the bytes of runs", () => {
  const block = fc.tuple(fc.nat(9000), fc.integer({ min: 17, max: 1000 }));
  test("gives each block its own, wherever they lie", () => {
    assertProperty(
      fc.property(fc.array(fc.array(block, { minLength: 1 }), { minLength: 1 }), (blocks) => {
        const runs = blocks.map(runOf);
        const sealed = readRuns(runs, (start, end) => object.subarray(start, end));
        expect(sealed.map(({ blocks }) => blocks.map(({ sealed }) => Buffer.from(sealed)))).toEqual(
          blocks.map((run) => run.map(([offset, stored]) => object.subarray(offset, offset + stored))),
        );
      }),
    );
  });

  test("reads those at once that lie one behind the other", () => {
    const asked: number[][] = [];
    const runs = [
      runOf([
        [100, 50],
        [150, 20],
      ]),
      runOf([[170, 30]]),
      runOf([[300, 17]]),
      runOf([[100, 50]]),
    ];
    readRuns(runs, (start, end) => {
      asked.push([start, end]);
      return object.subarray(start, end);
    });
    expect(asked).toEqual([
      [100, 200],
      [300, 317],
      [100, 150],
    ]);
  });

  test("finds an object damaged that ends too soon", () => {
    const runs = [runOf([[9990, 17]])];
    try {
      readRuns(runs, (start, end) => object.subarray(start, end));
      expect.unreachable();
    } catch (error) {
      expect(layerOf(error)).toBe("block");
    }
  });
});
