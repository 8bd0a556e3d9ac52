import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Bounds } from "../../src/pool/climb.ts";
import { InFlight } from "../../src/pool/in-flight.ts";
import { assertProperty } from "../property.ts";
import { run, type Storage } from "./simulated-storage.ts";

const MIB = 2 ** 20;
const FINDING: Bounds = { first: 5, most: 64 };
const small = (count: number) => Array.from({ length: count }, () => 4096);
const fixed = (most: number): Bounds => ({ first: most, most });
const secondsOf = (bounds: Bounds, sizes: readonly number[], storage: Storage) =>
  run(new InFlight(bounds), sizes, storage).seconds;
const mean = (numbers: readonly number[]) => numbers.reduce((sum, each) => sum + each, 0) / numbers.length;

describe("how many may be in flight", () => {
  it.each([
    ["20 ms", { latency: 20, noise: 0.5 }],
    ["50 ms", { latency: 50, noise: 0.5, work: 0.5 }],
    ["300 ms", { latency: 300, noise: 0.5, work: 0.5 }],
  ])("grows while every answer takes %s whatever is asked beside", (_, storage) => {
    const inFlight = new InFlight(FINDING);
    const { seconds, highest } = run(inFlight, small(4000), storage);
    expect(highest).toBe(64);
    expect(seconds).toBeLessThan(secondsOf(fixed(5), small(4000), storage) / 4);
    expect(seconds).toBeLessThan(1.7 * secondsOf(fixed(64), small(4000), storage));
  });

  it("makes a run of some hundred files faster, too", () => {
    const storage = { latency: 50, noise: 0.3, work: 1 };
    expect(secondsOf(FINDING, small(500), storage)).toBeLessThan(
      secondsOf(fixed(5), small(500), storage) / 2,
    );
  });

  it("stays low where all share one processor, or one wire", () => {
    for (const storage of [
      { latency: 3, noise: 0.9, work: 4 },
      { latency: 20, noise: 0.3, workPerMib: 20 },
    ]) {
      const sizes = Array.from({ length: 3000 }, () => MIB);
      const { limits, highest, seconds } = run(new InFlight(FINDING), sizes, storage);
      expect(highest).toBeLessThanOrEqual(14);
      expect(mean(limits)).toBeLessThan(8);
      expect(seconds).toBeLessThan(1.05 * secondsOf(fixed(5), sizes, storage));
    }
  });

  it("ends near where more bring nothing, for small and large files among each other", () => {
    const sizes = Array.from({ length: 4000 }, (_, i) =>
      i % 20 === 7 ? 6 * MIB : i % 5 === 1 ? MIB / 2 : 5000,
    );
    const storage = { latency: 60, noise: 0.3, workPerMib: 10 };
    const seconds = secondsOf(FINDING, sizes, storage);
    expect(seconds).toBeLessThan(secondsOf(fixed(5), sizes, storage) / 2);
    expect(seconds).toBeLessThan(1.4 * secondsOf(fixed(64), sizes, storage));
  });

  it("comes down again when what they wait for becomes what they share", () => {
    const inFlight = new InFlight(FINDING);
    run(inFlight, small(3000), { latency: 50, noise: 0.3 });
    expect(inFlight.limit).toBeGreaterThan(40);
    run(inFlight, small(30_000), { latency: 3, noise: 0.9, work: 4 });
    expect(inFlight.limit).toBeLessThan(20);
  });

  it("is what it was at first for a run of a few files", () => {
    const { limits, seconds } = run(new InFlight(FINDING), small(30), { latency: 100, noise: 0.3 });
    expect(new Set(limits)).toEqual(new Set([5]));
    expect(seconds).toBe(secondsOf(fixed(5), small(30), { latency: 100, noise: 0.3 }));
  });

  it("does not change while fewer are there than might be", () => {
    const inFlight = new InFlight(FINDING);
    for (let i = 0; i < 10_000; i++) {
      for (let task = 0; task < 5; task++) inFlight.begin(100);
      for (let task = 0; task < 5; task++) inFlight.complete(100, 50 * i, false);
    }
    expect(inFlight.limit).toBe(5);
  });

  it("is the number that was chosen, whatever it brings", () => {
    for (const storage of [{ latency: 50 }, { latency: 3, work: 4 }]) {
      const { limits, highest } = run(new InFlight(fixed(12)), small(2000), storage);
      expect(new Set(limits)).toEqual(new Set([12]));
      expect(highest).toBe(12);
    }
  });
});

describe("a server that asks for fewer requests", () => {
  it.each([FINDING, fixed(64)])("gets fewer, and seldom more than it takes: %j", (bounds) => {
    const storage = { latency: 50, noise: 0.3, work: 0.5, refusesAbove: () => 20 };
    const { limits, refusals } = run(new InFlight(bounds), small(10_000), storage);
    const later = limits.slice(2000);
    expect(mean(later)).toBeLessThan(21);
    expect(mean(later)).toBeGreaterThan(10);
    expect(refusals).toBeLessThan(300);
  });

  it("gets one at a time where it takes no more", () => {
    const { limits, highest } = run(new InFlight(FINDING), small(500), {
      latency: 50,
      refusesAbove: () => 0,
    });
    expect(highest).toBeLessThanOrEqual(5);
    expect(limits.at(-1)).toBe(1);
  });

  it("is asked for all of it again once it has recovered", () => {
    for (const bounds of [FINDING, fixed(64)]) {
      const refusesAbove = (at: number) => (at > 3000 && at < 6000 ? 4 : 1000);
      const { limits } = run(new InFlight(bounds), small(60_000), { latency: 50, noise: 0.3, refusesAbove });
      expect(Math.min(...limits)).toBeLessThanOrEqual(16);
      expect(Math.max(...limits.slice(-5000))).toBe(64);
    }
  });

  it("is heard once for a burst of refusals", () => {
    const inFlight = new InFlight(fixed(16));
    for (let i = 0; i < 16; i++) inFlight.begin(1);
    for (let i = 0; i < 100; i++) inFlight.throttled(1000 + i);
    expect(inFlight.limit).toBe(8);
    inFlight.throttled(4000);
    expect(inFlight.limit).toBe(4);
  });

  it("is believed by what was in flight, not by what might have been", () => {
    const inFlight = new InFlight(FINDING);
    run(inFlight, small(4000), { latency: 50 });
    expect(inFlight.limit).toBeGreaterThan(40);
    for (let i = 0; i < 10; i++) inFlight.begin(1);
    inFlight.throttled(1e9);
    expect(inFlight.limit).toBe(5);
  });
});

describe("what is in flight", () => {
  it("is always within its bounds, whatever happens", () => {
    const event = fc.record({
      what: fc.constantFrom("begin", "complete", "drop", "throttled"),
      weight: fc.nat({ max: 64 * MIB }),
      after: fc.nat({ max: 5000 }),
      waiting: fc.boolean(),
    });
    assertProperty(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 0, max: 100 }),
        fc.array(event, { maxLength: 2000, size: "max" }),
        (first, more, events) => {
          const inFlight = new InFlight({ first, most: first + more });
          const held: number[] = [];
          let now = 0;
          for (const { what, weight, after, waiting } of events) {
            now += after;
            if (what === "throttled") inFlight.throttled(now);
            else if (what === "begin") {
              for (; inFlight.admits(weight); inFlight.begin(weight)) held.push(weight);
            } else if (held.length > 0) {
              const done = held.pop() as number;
              if (what === "complete") inFlight.complete(done, now, waiting);
              else inFlight.drop(done);
            }
            expect(inFlight.limit).toBeGreaterThanOrEqual(1);
            expect(inFlight.limit).toBeLessThanOrEqual(first + more);
            expect(Number.isInteger(inFlight.limit)).toBe(true);
            expect(held.length).toBeLessThanOrEqual(first + more);
            if (held.length === 0) expect(inFlight.admits(2 ** 40)).toBe(true);
          }
        },
      ),
      { numRuns: 30 },
    );
  });

  it("are as many as at first, and beside the heaviest of these only light ones", () => {
    const inFlight = new InFlight(FINDING);
    run(inFlight, small(4000), { latency: 50 });
    for (let i = 0; i < 5; i++) {
      expect(inFlight.admits(10 * MIB)).toBe(true);
      inFlight.begin(10 * MIB);
    }
    expect(inFlight.admits(10 * MIB)).toBe(false);
    expect(inFlight.admits(2 * MIB)).toBe(false);
    for (let i = 0; i < 8; i++) {
      expect(inFlight.admits(MIB)).toBe(true);
      inFlight.begin(MIB);
    }
    expect(inFlight.admits(1)).toBe(false);
    expect(inFlight.admits(0)).toBe(true);
    inFlight.complete(10 * MIB, 1e9, true);
    expect(inFlight.admits(10 * MIB)).toBe(true);
  });

  it("are fewer where they take much memory, but one always", () => {
    const inFlight = new InFlight(FINDING, (weight) => Math.min(3 * weight, 40 * MIB));
    expect(inFlight.admits(2 ** 40)).toBe(true);
    inFlight.begin(2 ** 40);
    expect(inFlight.admits(2 ** 40)).toBe(true);
    inFlight.begin(2 ** 40);
    expect(inFlight.admits(2 ** 40)).toBe(false);
    expect(inFlight.admits(5 * MIB)).toBe(true);
    expect(inFlight.admits(6 * MIB)).toBe(false);
    inFlight.complete(2 ** 40, 0, true);
    expect(inFlight.admits(6 * MIB)).toBe(true);
    const huge = new InFlight(FINDING);
    expect(huge.admits(2 ** 40)).toBe(true);
    huge.begin(2 ** 40);
    expect(huge.admits(0)).toBe(false);
  });

  it("are as many as were chosen, whatever they weigh", () => {
    const inFlight = new InFlight(fixed(12));
    for (let i = 0; i < 12; i++) {
      expect(inFlight.admits(2 ** 40)).toBe(true);
      inFlight.begin(2 ** 40);
    }
    expect(inFlight.admits(0)).toBe(false);
  });
});
