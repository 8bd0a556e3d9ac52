import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const run = promisify(execFile);

test("an unchanged run over a million files stays below 200 MB and finds all of them unchanged", async () => {
  const bench = new URL("../../bench/million.ts", import.meta.url).pathname;
  const { stdout } = await run(process.execPath, [bench, "1000000"]);
  const figures = JSON.parse(stdout) as {
    unchanged: number;
    outcomes: string[];
    errors: number;
    peakMB: number;
  };
  expect(figures).toMatchObject({ unchanged: 1_000_000, outcomes: ["unchanged"], errors: 0 });
  expect(figures.peakMB).toBeLessThan(200);
}, 120_000);
