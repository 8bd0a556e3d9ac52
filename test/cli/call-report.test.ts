import { describe, expect, it } from "vitest";
import { callReport, parseSlow, slowLine } from "../../src/cli/call-report.ts";
import { CallStats } from "../../src/storage/call-stats.ts";

const STORAGE = 'destination s3://b/\u001b[31m"';

function someCalls(): CallStats {
  const stats = new CallStats();
  const base = { storage: STORAGE, operation: "PutObject" };
  for (const ms of [10, 20, 1000]) {
    stats.record({ ...base, kind: "attempt", ms: ms / 2, bytes: 500_000, failed: false });
    stats.record({ ...base, kind: "call", ms, bytes: 500_000, failed: false });
  }
  stats.record({ ...base, kind: "attempt", ms: 3, bytes: 7, failed: true });
  stats.record({ ...base, operation: "HeadObject", kind: "call", ms: 1, bytes: 0, failed: true });
  return stats;
}

describe("the report of calls", () => {
  it("is a table with a row for the attempts where there were retries", () => {
    const text = callReport(someCalls(), "table");
    const lines = text.split("\n");
    expect(lines[0]).toMatch(/calls +errors +retries +bytes +p50 ms +p95 ms +p99 ms +max ms +rate$/);
    expect(lines[1]).toMatch(/^ {2}HeadObject +1 +1 +0 +0 B/);
    expect(lines[2]).toMatch(/^ {2}PutObject +3 +0 +1 +1\.4 MiB +\d\d\.\d +\d+ +\d+ +1000 +1\.4 MiB\/s$/);
    expect(lines[3]).toMatch(/^ {4}each attempt +4 +1 +1\.4 MiB/);
    expect(lines.length).toBe(5);
    expect(text).not.toContain("\u001b");
  });

  it("says that there were none", () => {
    expect(callReport(new CallStats(), "table")).toBe("No calls to servers\n");
    expect(JSON.parse(callReport(new CallStats(), "json"))).toEqual({ calls: [] });
  });

  it("is JSON with calls and attempts apart", () => {
    const [head, put] = JSON.parse(callReport(someCalls(), "json")).calls;
    expect(head).toMatchObject({
      operation: "HeadObject",
      retries: 0,
      calls: { count: 1, errors: 1, bytes: 0 },
    });
    expect(put).toMatchObject({
      storage: STORAGE,
      retries: 1,
      calls: { count: 3, errors: 0, bytes: 1_500_000, maxMs: 1000, sumMs: 1030 },
      attempts: { count: 4, errors: 1, bytes: 1_500_007, maxMs: 500 },
    });
    expect(put.bytesPerSecond).toBeCloseTo(1_500_000 / 1.03);
  });

  it("is what Prometheus reads, each family once and labels quoted", () => {
    const lines = callReport(someCalls(), "prometheus").trimEnd().split("\n");
    const sample =
      /^[a-z0-9_]+\{storage="(?:[^"\\]|\\.)*",operation="\w+"(?:,quantile="[\d.]+")?\} [\d.e+-]+$/;
    for (const line of lines) expect(line).toMatch(line.startsWith("#") ? /^# (HELP|TYPE) \w+ \S/ : sample);
    const types = lines.filter((line) => line.startsWith("# TYPE"));
    expect(new Set(types).size).toBe(types.length);
    expect(lines).toContainEqual(expect.stringMatching(/^backup_s3_retries_total\{.*"PutObject"\} 1$/));
    expect(lines).toContainEqual(expect.stringMatching(/^backup_s3_call_seconds_count\{.*"PutObject"\} 3$/));
  });
});

describe("a slow call", () => {
  it("is told with what it was about", () => {
    const call = { storage: "source s3://b", operation: "GetObject", ms: 1234.6, bytes: 0 } as const;
    expect(slowLine({ ...call, kind: "call", failed: false, key: "a/b" })).toBe(
      "slow: 1235 ms GetObject a/b at source s3://b",
    );
    expect(slowLine({ ...call, kind: "attempt", failed: true })).toBe(
      "slow: 1235 ms GetObject at source s3://b, one attempt, failed",
    );
  });

  it.each([
    ["500ms", 500],
    ["1.5s", 1500],
    ["2m", 120_000],
    ["0ms", 0],
  ])("is one from %s", (text, ms) => {
    expect(parseSlow(text)).toBe(ms);
  });

  it.each(["", "500", "ms", "-1s", "1 s", "1h", "1e3ms", "Infinityms"])("cannot be one from %j", (text) => {
    expect(() => parseSlow(text)).toThrow(/--slow needs a time/);
  });
});
