/**
 * Times one command from outside, the same way for every tool.
 *
 * CPU time and the largest process's peak come from GNU time. A tool of several processes is also sampled: the sum
 * over its process tree of the proportional set size, so that pages shared by a forked family count once.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "./tools.ts";

export interface Measurement {
  readonly seconds: number;
  /** User and system. */
  readonly cpuSeconds: number;
  readonly peakMib: number;
}

const SAMPLE_MS = 50;
const KIB_A_MIB = 1024;

/** @throws when the command fails, with the end of what it said. */
export async function measure(command: Command, scratch: string): Promise<Measurement> {
  const report = join(scratch, "time.txt");
  const started = process.hrtime.bigint();
  const child = spawn(
    "/usr/bin/time",
    ["--format=%U %S %M", `--output=${report}`, command.program, ...command.args],
    {
      cwd: command.cwd ?? scratch,
      env: { ...process.env, ...command.env },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints = (complaints + text).slice(-4000);
  });
  let familyKib = 0;
  const sampler = setInterval(() => {
    familyKib = Math.max(familyKib, familyPssKib(child.pid ?? 0));
  }, SAMPLE_MS);
  const [code] = await once(child, "close");
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  clearInterval(sampler);
  if (code !== 0)
    throw new Error(`${command.program} ${command.args.join(" ")}: status ${code}\n${complaints}`);
  const [user = 0, system = 0, peakKib = 0] = readFileSync(report, "utf8").trim().split(" ").map(Number);
  return { seconds, cpuSeconds: user + system, peakMib: Math.max(peakKib, familyKib) / KIB_A_MIB };
}

/** The summed PSS below `/usr/bin/time`, or 0 where the tool is one process, whose peak GNU time knows exactly. */
function familyPssKib(timePid: number): number {
  const family = descendants(timePid);
  return family.length < 2 ? 0 : family.reduce((sum, pid) => sum + pssKib(pid), 0);
}

function descendants(pid: number): number[] {
  const children = textOf(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function pssKib(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(textOf(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

/** Empty when the process has just ended. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
