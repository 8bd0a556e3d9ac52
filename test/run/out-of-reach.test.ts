/** A storage that goes away for good in the midst of a run. */
import { describe, expect, it } from "vitest";
import { IN_A_ROW, LASTING_MS, OutOfReach } from "../../src/run/out-of-reach.ts";
import type { Outcome } from "../../src/run/tasks.ts";

const failed = (code: string): Outcome => ({
  kind: "failed",
  report: { side: "destination", kind: "failed", message: "cannot be written", code },
});
const stopped: Outcome = { kind: "stopped" };

/** The outcomes come evenly spread over a time. Which of them ends the run; -1 for none. */
function endsAt(outcomes: readonly Outcome[], lasting: number): number {
  const outOfReach = new OutOfReach();
  const step = lasting / (outcomes.length - 1);
  return outcomes.map((outcome, i) => outOfReach.judge(outcome, 1000 + i * step)).findIndex(Boolean);
}
const many = (outcome: Outcome, count: number) => Array<Outcome>(count).fill(outcome);

describe("a storage is out of reach", () => {
  it("when files in a row fail for want of an answer, of whatever kind, for long enough", () => {
    const mixed = ["ECONNRESET", "SlowDown", "TimeoutError", "EANSWER"].flatMap((code) =>
      many(failed(code), 25),
    );
    expect(endsAt(mixed, LASTING_MS)).toBe(99);
    expect(endsAt(mixed, LASTING_MS - 1)).toBe(-1);
    expect(endsAt(many(failed("ECONNRESET"), IN_A_ROW), 10 * LASTING_MS)).toBe(IN_A_ROW - 1);
    expect(endsAt(many(failed("ECONNRESET"), IN_A_ROW - 1), 10 * LASTING_MS)).toBe(-1);
  });

  it("not when one of them is done, or fails for something of its own", () => {
    for (const other of [{ kind: "restored" } as const, failed("AccessDenied"), failed("ENOSPC")]) {
      const half = many(failed("ECONNRESET"), IN_A_ROW);
      expect(endsAt([...half, other, ...half], 2 * LASTING_MS - 1)).toBe(-1);
    }
  });

  it("whatever was stopped meanwhile", () => {
    const outcomes = many(failed("ECONNRESET"), IN_A_ROW).flatMap((outcome) => [outcome, stopped]);
    expect(endsAt(outcomes, 10 * LASTING_MS)).toBe(2 * IN_A_ROW - 2);
  });

  it("and the error says which side, why, and what to do", () => {
    const outOfReach = new OutOfReach();
    for (let i = 1; i < IN_A_ROW; i++) outOfReach.judge(failed("ECONNRESET"), 0);
    expect(outOfReach.judge(failed("ECONNRESET"), LASTING_MS)).toMatchObject({
      side: "destination",
      code: "EUNREACHABLE",
      message: "the last 20 files failed (ECONNRESET), for 10 minutes: the run ends here",
      remedy: expect.stringContaining("run again"),
    });
  });
});
