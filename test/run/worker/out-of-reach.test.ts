/** A storage that goes away for good in the midst of a run. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StorageError } from "../../../src/errors.ts";
import {
  IN_A_ROW,
  LASTING_MS,
  type LastPhaseStorage,
  OutOfReach,
  untilOutOfReach,
} from "../../../src/run/worker/out-of-reach.ts";
import type { Outcome } from "../../../src/run/worker/tasks.ts";
import { openStorage } from "../../../src/storage/open.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { backup, clean, World } from "../world.ts";

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

  it("when credentials are refused, file after file, at once", () => {
    const both = many(failed("ExpiredToken"), IN_A_ROW - 1);
    expect(endsAt([...both, failed("InvalidAccessKeyId")], 0)).toBe(IN_A_ROW - 1);
    for (const other of [{ kind: "restored" } as const, failed("AccessDenied"), failed("ECONNRESET")]) {
      expect(endsAt([...both, other, ...both], 0)).toBe(-1);
    }
    const outOfReach = new OutOfReach();
    for (const outcome of both) outOfReach.judge(outcome, 0);
    expect(outOfReach.judge(failed("ExpiredToken"), 0)).toMatchObject({
      message: "the last 20 files failed (ExpiredToken): the run ends here",
      remedy: expect.stringContaining("credentials"),
    });
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

const reset = () => new StorageError("destination", "cannot be renamed", { code: "ECONNRESET" });

describe("the last phase of a run", () => {
  const failing = async () => {
    throw reset();
  };
  const broken = { rename: failing, stat: failing, write: failing } as unknown as Storage;
  const gone = (given: Partial<LastPhaseStorage>) => {
    let minutes = 0;
    return untilOutOfReach({ ...broken, ...given }, new AbortController().signal, () => minutes++ * 60_000);
  };

  it("ends when its calls in a row fail for want of an answer, of whatever kind", async () => {
    const { storage, signal } = gone({
      remove: async (keys) => keys.map((key) => ({ key, error: reset() })),
    });
    const fails = [
      () => storage.rename("a", "b"),
      () => storage.stat("a"),
      () => storage.write("a", Buffer.alloc(1)),
    ];
    for (let i = 0; i < IN_A_ROW - 1; i++)
      await expect(fails[i % 3]?.()).rejects.toThrow("cannot be renamed");
    expect(signal.aborted).toBe(false);
    await storage.remove(["a", "b"]);
    expect(signal.reason).toMatchObject({ code: "EUNREACHABLE", message: /^the last 20 calls failed/ });
  });

  it("goes on when one is done, if only in part", async () => {
    const { storage, signal } = gone({ remove: async () => [{ key: "a", error: reset() }] });
    for (let i = 0; i < 2 * IN_A_ROW - 1; i++) {
      if (i === IN_A_ROW - 1) await storage.remove(["a", "b"]);
      else await expect(storage.stat("a")).rejects.toThrow();
    }
    expect(signal.aborted).toBe(false);
  });

  describe("of a backup", () => {
    let world: World;
    beforeEach(() => {
      world = new World();
    });
    afterEach(() => {
      vi.restoreAllMocks();
      world.dispose();
    });

    it.each(["deleted", "retired"])("leaves what is to be %s to the next run", async (how) => {
      const config = world.config(how === "retired" ? { versionsKeepDays: "forever" } : {});
      for (let i = 0; i < 2 * IN_A_ROW; i++) world.write(`file ${i}`, `content ${i}`);
      world.write("stays", "x");
      await clean(backup(config));
      for (let i = 0; i < 2 * IN_A_ROW; i++) world.remove(`file ${i}`);
      let failed = 0;
      const fail = async () => {
        failed++;
        throw reset();
      };
      const now = performance.now.bind(performance);
      vi.spyOn(performance, "now").mockImplementation(() => now() + failed * 60_000);
      const run = backup(config, {
        allowMassDelete: true,
        openStorage: async (storage, side) => {
          const opened = await openStorage(storage, side);
          const stat = opened.stat.bind(opened);
          opened.stat = (key) => (failed === 0 ? stat(key) : fail());
          opened.rename = fail;
          return opened;
        },
      });
      await expect(run).rejects.toMatchObject({ code: "EUNREACHABLE", side: "destination" });
      expect(failed).toBe(IN_A_ROW);
      vi.restoreAllMocks();
      const again = await clean(backup(config, { allowMassDelete: true }));
      expect(again).toEqual({ unchanged: 1, deleted: 2 * IN_A_ROW });
    });
  });
});
