/**
 * The lines that close a run, and the exit code it comes to.
 */
import type { ErrorKind } from "../errors.ts";
import type { RunResult } from "../run/tally.ts";
import { formatBytes, formatCount, formatDuration } from "./units.ts";

/** In the order of weight: a run that meets several ends with the first of these. Documented in docs/operations.md. */
const EXIT_CODES: readonly (readonly [ErrorKind, number])[] = [
  ["interrupted", 130],
  ["config", 2],
  ["wrong-password", 4],
  ["damaged", 3],
  ["refused", 5],
  ["failed", 1],
];

/** 0 when nothing went wrong. */
export function exitCodeOf(errors: ReadonlyMap<ErrorKind, number>): number {
  for (const [kind, code] of EXIT_CODES) if (errors.has(kind)) return code;
  return 0;
}

/** Files and bytes by outcome, bytes stored, bytes sent where these are others, manifests of folders, time, rate. */
export function summaryLines(result: RunResult): string[] {
  const lines: string[] = [];
  for (const [outcome, { files, bytes }] of result.outcomes) {
    lines.push(`  ${outcome}: ${formatCount(files, "file")}, ${formatBytes(bytes)}`);
  }
  if (lines.length === 0) lines.push("  nothing to do");
  const { storedBytes, sentBytes, processedBytes, manifests, milliseconds } = result;
  const rate = milliseconds > 0 ? (processedBytes * 1000) / milliseconds : 0;
  const parts = [
    ...(storedBytes > 0 ? [`${formatBytes(storedBytes)} stored`] : []),
    ...(sentBytes !== storedBytes ? [`${formatBytes(sentBytes)} sent`] : []),
    ...(manifests > 0 ? [formatCount(manifests, "manifest")] : []),
    formatDuration(milliseconds),
    `${formatBytes(rate)}/s`,
  ];
  lines.push(`  ${parts.join(", ")}`);
  return lines;
}

/** How the run ended, in a word or two. */
export function verdict(errors: ReadonlyMap<ErrorKind, number>): string {
  const total = [...errors.values()].reduce((sum, count) => sum + count, 0);
  return total === 0 ? "Done!" : `Done, with ${formatCount(total, "error")}`;
}
