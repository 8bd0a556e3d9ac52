/** The table of a comparison: medians, ratios to the peers, and whether the work's targets hold. */

import type { Measurement } from "./measure.ts";
import { MEMORY_LIMIT_MIB, STEPS, type Step, type Target, type Work } from "./works.ts";

/** The name under which this tool is measured; all others are its peers. */
export const OURS_NAME = "backup";

export interface ToolResult {
  readonly name: string;
  readonly version: string;
  /** One measurement a round. */
  readonly steps: Readonly<Record<Step, readonly Measurement[]>>;
  /** Bytes stored after the first backup, one a round. */
  readonly stored: readonly number[];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Markdown. `work` is absent for a folder of the user's own, which has no targets. */
export function tableOf(results: readonly ToolResult[], work?: Work): string {
  const rows = [
    ["step", "tool", "median s", "spread s", "of fastest peer", "CPU s", "peak MiB", "target"],
    ["---", "---", "--:", "--:", "--:", "--:", "--:", "---"],
    ...STEPS.flatMap((step) => results.map((result) => timeRow(step, result, results, work))),
    ...results.map((result) => storedRow(result, results, work)),
  ];
  return rows.map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function timeRow(step: Step, result: ToolResult, results: readonly ToolResult[], work?: Work): string[] {
  const measured = result.steps[step];
  const times = measured.map(({ seconds }) => seconds);
  const peak = Math.max(...measured.map(({ peakMib }) => peakMib));
  const peers = peersOf(results, (peer) => median(peer.steps[step].map(({ seconds }) => seconds)));
  const verdicts = [];
  if (work && result.name === OURS_NAME) {
    const target = work.times[step];
    if (target) verdicts.push(verdictOf(target, median(times), peers));
    const limit = MEMORY_LIMIT_MIB[step];
    verdicts.push(`below ${limit} MiB: ${peak < limit ? "holds" : "misses"}`);
  }
  return [
    step,
    result.name,
    median(times).toFixed(2),
    `${Math.min(...times).toFixed(2)}-${Math.max(...times).toFixed(2)}`,
    ratioOf(median(times), fastest(peers)),
    median(measured.map(({ cpuSeconds }) => cpuSeconds)).toFixed(2),
    peak.toFixed(0),
    verdicts.join("; "),
  ];
}

function storedRow(result: ToolResult, results: readonly ToolResult[], work?: Work): string[] {
  const size = median(result.stored);
  const peers = peersOf(results, (peer) => median(peer.stored));
  const verdict = work?.stored && result.name === OURS_NAME ? verdictOf(work.stored, size, peers) : "";
  return [
    "stored",
    result.name,
    `${(size / 1e6).toFixed(1)} MB`,
    "",
    ratioOf(size, fastest(peers)),
    "",
    "",
    verdict,
  ];
}

/** The figure of every tool but ours. */
function peersOf(results: readonly ToolResult[], figure: (peer: ToolResult) => number): Map<string, number> {
  const peers = results.filter(({ name }) => name !== OURS_NAME);
  return new Map(peers.map((peer) => [peer.name, figure(peer)]));
}

function fastest(peers: ReadonlyMap<string, number>): number | undefined {
  return peers.size === 0 ? undefined : Math.min(...peers.values());
}

function verdictOf(target: Target, value: number, peers: ReadonlyMap<string, number>): string {
  const reference = target.of === "fastest" ? fastest(peers) : peers.get(target.of);
  const words = `at most ${target.atMost} of ${target.of}`;
  if (reference === undefined) return `${words}: not measured`;
  return `${words}: ${value <= target.atMost * reference ? "holds" : "misses"} (${ratioOf(value, reference)})`;
}

function ratioOf(value: number, reference: number | undefined): string {
  return reference === undefined ? "-" : (value / reference).toFixed(2);
}
