/** How long a start takes, beside `node -e 0`; and a million entries. Both belong to no peer. */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { median } from "./report.ts";
import { ours } from "./tools.ts";

export interface Verdict {
  readonly what: string;
  readonly figure: string;
  readonly target: string;
  readonly holds: boolean;
}

const ROUNDS = 9;
const COMMAND = resolve(import.meta.dirname, "..", "dist", "bin", "backup.js");

/**
 * `--version`, and an unchanged run over ten files; interleaved with `node -e 0`. A key derivation does not count; it goes on
 * beside other work, so it cannot be taken off: the files are not encrypted.
 */
export function measureStart(scratch: string): Verdict[] {
  const home = mkdtempSync(join(scratch, "start-"));
  const place = { source: join(home, "source"), home, restored: join(home, "restored") };
  mkdirSync(place.source);
  for (let i = 0; i < 10; i++) writeFileSync(join(place.source, `file ${i}`), `content ${i}`);
  const tool = ours({ container: "segmented", encrypt: false });
  tool.prepare(place);
  const { program, args } = tool.command("unchanged", place);
  execFileSync(program, args); // the first
  const times = { empty: [] as number[], version: [] as number[], unchanged: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    times.empty.push(timed(() => execFileSync(process.execPath, ["-e", "0"])));
    times.version.push(timed(() => execFileSync(process.execPath, [COMMAND, "--version"])));
    times.unchanged.push(timed(() => execFileSync(program, args)));
  }
  rmSync(home, { recursive: true });
  const empty = median(times.empty);
  return [
    ratio("backup --version", median(times.version), empty, 2),
    ratio("unchanged run over ten files, no key derived", median(times.unchanged), empty, 5),
  ];
}

/** Memory and time of an unchanged run over a million listed entries, against a tenth of them. */
export function measureMillion(): Verdict[] {
  const of = (entries: number) =>
    JSON.parse(
      execFileSync(process.execPath, [resolve(import.meta.dirname, "million.ts"), String(entries)], {
        encoding: "utf8",
      }),
    ) as { seconds: number; peakMB: number };
  const [tenth, whole] = [of(100_000), of(1_000_000)];
  const growth = whole.peakMB / tenth.peakMB;
  return [
    {
      what: "unchanged run over 1,000,000 entries, memory",
      figure: `${whole.peakMB} MB, ${growth.toFixed(2)} of that at 100,000; ${whole.seconds} s, ${tenth.seconds} s`,
      target: "below 200 MB, at most 1.3",
      holds: whole.peakMB < 200 && growth <= 1.3,
    },
  ];
}

export function tableOfVerdicts(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(
    ({ what, figure, target, holds }) =>
      `| ${what} | ${figure} | ${target} | ${holds ? "holds" : "misses"} |`,
  );
  return ["| work | figure | target | |", "| --- | --- | --- | --- |", ...rows].join("\n");
}

function ratio(what: string, ms: number, empty: number, most: number): Verdict {
  const figure = `${ms.toFixed(0)} ms, ${(ms / empty).toFixed(1)} times node -e 0`;
  return { what, figure, target: `at most ${most}`, holds: ms <= most * empty };
}

function timed(run: () => unknown): number {
  const started = performance.now();
  run();
  return performance.now() - started;
}
