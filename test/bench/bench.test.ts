import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeImage, makeTinyFiles, Noise, text } from "../../bench/generate.ts";
import { median, type ToolResult, tableOf } from "../../bench/report.ts";
import { assertSameContent, measureTree } from "../../bench/trees.ts";
import { works } from "../../bench/works.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "backup-bench-test-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("generated works", () => {
  test("are the same bytes for the same seed, on every machine", () => {
    makeImage(folder, "seed", 6);
    const digest = createHash("sha256")
      .update(readFileSync(join(folder, "image.raw")))
      .digest("hex");
    expect(digest).toBe("2c0031dae369e6201ad82c8479006eae7d04cc4135c1774434c7934fb2a92010");
  });

  test("have the sizes asked for", () => {
    expect(text(new Noise("a"), 0)).toHaveLength(0);
    expect(text(new Noise("a"), 12_345)).toHaveLength(12_345);
    makeTinyFiles(folder, "seed", 501, 10);
    const { files, bytes } = measureTree(folder);
    expect(files).toBe(501);
    expect(bytes).toBeLessThanOrEqual(5010);
  });
});

describe("comparing a restored folder", () => {
  const odd = Buffer.from("odd-\xff", "latin1");
  let source: string;
  let restored: string;
  beforeEach(() => {
    [source, restored] = [join(folder, "source"), join(folder, "restored")];
    for (const root of [source, restored]) {
      mkdirSync(join(root, "deep"), { recursive: true });
      writeFileSync(join(root, "deep/a"), "same");
      writeFileSync(join(root, "empty"), "");
      writeFileSync(Buffer.concat([Buffer.from(`${root}/`), odd]), "bytes");
    }
  });

  test("accepts the same files, whatever else is there", () => {
    symlinkSync("nowhere", join(source, "link"));
    writeFileSync(join(restored, "more"), "");
    expect(() => assertSameContent(source, restored)).not.toThrow();
  });

  test.each([
    ["missing", () => rmSync(join(restored, "deep/a"))],
    ["changed", () => writeFileSync(join(restored, "deep/a"), "sane")],
    ["cut short", () => writeFileSync(join(restored, "deep/a"), "sam")],
    ["longer", () => writeFileSync(join(restored, "deep/a"), "same!")],
  ])("names a file that is %s", (_, spoil) => {
    spoil();
    expect(() => assertSameContent(source, restored)).toThrow("deep/a");
  });

  test("sees names that are not UTF-8", () => {
    writeFileSync(Buffer.concat([Buffer.from(`${restored}/`), odd]), "other");
    expect(() => assertSameContent(source, restored)).toThrow("odd-");
  });
});

describe("the table", () => {
  const result = (name: string, seconds: number, peakMib = 100): ToolResult => {
    const step = [{ seconds, cpuSeconds: seconds, peakMib }];
    return {
      name,
      version: name,
      steps: { first: step, unchanged: step, verify: step, restore: step },
      stored: [seconds * 1e6],
    };
  };
  const rowOf = (table: string, step: string, tool: string): string =>
    table.split("\n").find((line) => line.startsWith(`| ${step} | ${tool} |`)) ?? "";

  test("takes the middle of the rounds", () => {
    expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([5])]).toEqual([2, 2.5, 5]);
  });

  test("compares with the fastest peer, never with ourselves", () => {
    const table = tableOf([result("backup", 1), result("restic", 4), result("borg", 2)]);
    expect(rowOf(table, "first", "backup")).toContain("| 0.50 |");
    expect(rowOf(table, "first", "restic")).toContain("| 2.00 |");
    expect(rowOf(table, "first", "borg")).toContain("| 1.00 |");
  });

  test("says which targets hold, for time, store and memory", () => {
    const table = tableOf([result("backup", 1, 160), result("restic", 4), result("borg", 2)], works.real);
    expect(rowOf(table, "first", "backup")).toContain(
      "at most 0.6 of fastest: holds (0.50); below 200 MiB: holds",
    );
    expect(rowOf(table, "unchanged", "backup")).toContain("fastest: misses (0.50); below 150 MiB: misses");
    expect(rowOf(table, "stored", "backup")).toContain("at most 1.5 of restic: holds (0.25)");
  });

  test("says so when the peer of a target was not measured", () => {
    expect(rowOf(tableOf([result("backup", 1)], works.tiny), "first", "backup")).toContain("not measured");
  });
});
