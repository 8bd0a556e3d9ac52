import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CallStats, type FinishedCall } from "../../src/storage/call-stats.ts";
import { Latencies } from "../../src/storage/latencies.ts";
import { assertProperty } from "../property.ts";

const call = (ms: number, more: Partial<FinishedCall> = {}): FinishedCall => ({
  storage: "destination s3://b",
  operation: "PutObject",
  kind: "call",
  ms,
  bytes: 10,
  failed: false,
  ...more,
});

describe("latencies", () => {
  it("are nothing before the first", () => {
    const none = new Latencies();
    expect([none.count, none.sumMs, none.maxMs, none.quantile(0.5), none.quantile(1)]).toEqual([
      0, 0, 0, 0, 0,
    ]);
  });

  it("have percentiles that are right within 5 %, and a maximum that is exact", () => {
    const times = fc.array(fc.double({ min: 0.02, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 200 });
    assertProperty(
      fc.property(times, fc.constantFrom(0.5, 0.95, 0.99, 1), (all, share) => {
        const latencies = new Latencies();
        for (const ms of all) latencies.add(ms);
        const sorted = all.toSorted((a, b) => a - b);
        const right = sorted[Math.max(0, Math.ceil(share * all.length) - 1)] as number;
        expect(latencies.quantile(share) / right).toBeGreaterThan(0.95);
        expect(latencies.quantile(share) / right).toBeLessThan(1.05);
        expect(latencies.maxMs).toBe(sorted.at(-1));
      }),
    );
  });

  it("take what is shorter or longer than any bucket", () => {
    const latencies = new Latencies();
    for (const ms of [0, 1e-9, 1e12]) latencies.add(ms);
    expect(latencies.count).toBe(3);
    expect(latencies.quantile(0.1)).toBeLessThan(0.01);
    expect(latencies.maxMs).toBe(1e12);
  });
});

describe("the calls of several threads", () => {
  it("come to the same as if one had made them all, through plain data", () => {
    const times = fc.array(
      fc.tuple(fc.double({ min: 0.01, max: 1e5, noNaN: true }), fc.boolean(), fc.nat(2)),
    );
    assertProperty(
      fc.property(times, (all) => {
        const threads = [new CallStats(), new CallStats(), new CallStats()];
        const one = new CallStats();
        for (const [ms, failed, thread] of all) {
          const made = call(ms, { failed, operation: failed ? "GetObject" : "PutObject" });
          threads[thread]?.record(made);
          one.record(made);
        }
        const merged = new CallStats();
        for (const thread of threads) merged.merge(structuredClone(thread.export()));
        for (const [i, stats] of merged.list().entries()) {
          const other = one.list()[i];
          expect(stats.operation).toBe(other?.operation);
          expect(stats.call.failed).toBe(other?.call.failed);
          expect(stats.call.bytes).toBe(other?.call.bytes);
          expect(stats.call.latencies.quantile(0.5)).toBe(other?.call.latencies.quantile(0.5));
        }
        expect(merged.list().length).toBe(one.list().length);
      }),
    );
  });

  it("are told of when they are slow, calls and attempts alike", () => {
    const slow: FinishedCall[] = [];
    const stats = new CallStats({ slowMs: 100, onSlow: (one) => slow.push(one) });
    for (const ms of [99.9, 100, 5000]) stats.record(call(ms, { kind: ms > 1000 ? "attempt" : "call" }));
    expect(slow.map(({ ms, kind }) => [ms, kind])).toEqual([
      [100, "call"],
      [5000, "attempt"],
    ]);
    expect(stats.slowFrom).toBe(100);
    expect(new CallStats().slowFrom).toBeUndefined();
  });
});
