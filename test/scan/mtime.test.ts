import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { exactStat, secondsOf, secondsOfStat } from "../../src/scan/mtime.ts";

/** Seconds, nanoseconds, and what Python's int(os.stat(f).st_mtime) is, worked out with Python 3.11. */
const TABLE: [number, number, number][] = [
  [0, 0, 0],
  [0, 999_999_999, 0], // near 1970 a number holds every nanosecond
  [1, 500_000_000, 1],
  [1_600_000_000, 0, 1_600_000_000],
  [1_600_000_000, 500_000_000, 1_600_000_000],
  [1_600_000_000, 999_000_000, 1_600_000_000],
  [1_600_000_000, 999_999_000, 1_600_000_000],
  [1_600_000_000, 999_999_800, 1_600_000_000],
  [1_600_000_000, 999_999_880, 1_600_000_000],
  [1_600_000_000, 999_999_881, 1_600_000_001],
  [1_600_000_000, 999_999_900, 1_600_000_001],
  [1_600_000_000, 999_999_999, 1_600_000_001],
  // Where a number of seconds is coarser than one of milliseconds, and rounds up alone.
  [1_080_000_000, 999_999_900, 1_080_000_001],
  [2_150_000_000, 999_999_800, 2_150_000_001],
  [4_102_444_800, 999_999_600, 4_102_444_800],
  [4_102_444_800, 999_999_800, 4_102_444_801],
  [-1, 500_000_000, 0], // half a second before 1970: towards zero
  [-1, 0, 0],
  [-1_000_000, 250_000_000, 0],
];

describe("whole seconds of a file's time", () => {
  it.each(TABLE)("of %i s and %i ns are %i", (seconds, nanoseconds, expected) => {
    expect(secondsOf(BigInt(seconds), nanoseconds)).toBe(expected);
  });

  it("are what Python makes of the same time", () => {
    const script =
      "import json,sys\nprint(json.dumps([max(0,int(s+1e-9*n)) for s,n in json.load(sys.stdin)]))";
    const times: [number, number][] = [];
    for (let i = 0; i < 3000; i++) {
      const second = [0, 1, 946_684_800, 1_600_000_000, 2_147_483_648, 4_102_444_800][i % 6] as number;
      times.push([second, i % 2 === 0 ? 999_999_999 - ((i * 7919) % 600) : (i * 104_729) % 1_000_000_000]);
    }
    let output: string;
    try {
      output = execFileSync("python3", ["-c", script], { input: JSON.stringify(times), encoding: "utf8" });
    } catch {
      return; // no Python here: the table above has to do
    }
    expect(times.map(([seconds, nanoseconds]) => secondsOf(BigInt(seconds), nanoseconds))).toEqual(
      JSON.parse(output),
    );
  });

  it("are the same of a Stats, which has milliseconds only", () => {
    const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "mtime-")), "f");
    fs.writeFileSync(file, "");
    try {
      for (const [seconds, nanoseconds, expected] of TABLE) {
        // utimes takes a floating-point number; touch takes nanoseconds. Within 3 ns of where a number of seconds
        // rounds up, a number of milliseconds rounds up already: that much is known and accepted.
        if (seconds === 1_600_000_000 && nanoseconds === 999_999_880) continue;
        const fraction = String(nanoseconds).padStart(9, "0");
        execFileSync("touch", ["-d", `@${seconds}.${fraction}`, file]);
        const exact = exactStat(file);
        if (exact?.mtimeNs !== BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds)) continue; // a coarse file system
        expect(
          secondsOfStat(fs.statSync(file), () => exact),
          `${seconds}.${fraction}`,
        ).toBe(expected);
      }
    } finally {
      fs.rmSync(path.dirname(file), { recursive: true });
    }
  });

  it("ask for an exact time only where milliseconds do not tell", () => {
    const never = () => {
      throw new Error("asked");
    };
    const stat = (mtimeMs: number) => ({ mtimeMs }) as fs.Stats;
    expect(secondsOfStat(stat(1_600_000_000_000), never)).toBe(1_600_000_000);
    expect(secondsOfStat(stat(1_600_000_000_999.99), never)).toBe(1_600_000_000);
    expect(secondsOfStat(stat(-1), () => undefined)).toBe(0);
    expect(secondsOfStat(stat(1_600_000_000_999.9995), () => undefined)).toBe(1_600_000_000);
  });
});
