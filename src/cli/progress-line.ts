/**
 * One line at the foot of a terminal: files, bytes, rate and, once the total is known, the time left.
 */
import type { Progress } from "../run/reporter.ts";
import type { TextSink } from "./output.ts";
import { formatBytes, formatCount, formatDuration, formatNumber } from "./units.ts";

const EVERY_MS = 200;
const CLEAR_LINE = "\r\u001b[K";

export class ProgressLine {
  private readonly sink: TextSink;
  private readonly started = performance.now();
  private shownAt = Number.NEGATIVE_INFINITY;
  private visible = false;

  constructor(sink: TextSink) {
    this.sink = sink;
  }

  show(progress: Progress): void {
    const now = performance.now();
    if (now - this.shownAt < EVERY_MS) return;
    this.shownAt = now;
    this.visible = true;
    const text = describe(progress, now - this.started);
    this.sink.write(CLEAR_LINE + text.slice(0, Math.max(0, (this.sink.columns ?? 80) - 1)));
  }

  clear(): void {
    if (!this.visible) return;
    this.visible = false;
    this.sink.write(CLEAR_LINE);
  }
}

/** The text of the line after so many milliseconds. */
export function describe(progress: Progress, elapsed: number): string {
  const { files, bytes, worked, totalFiles, totalBytes } = progress;
  // Not of all bytes dealt with: files that needed nothing come by the terabyte, and say nothing of the time left.
  const rate = elapsed > 0 ? (worked * 1000) / elapsed : 0;
  const parts = [
    totalFiles === undefined
      ? formatCount(files, "file")
      : `${formatNumber(files)} of ${formatCount(totalFiles, "file")}`,
    totalBytes === undefined ? formatBytes(bytes) : `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`,
    `${formatBytes(rate)}/s`,
  ];
  if (totalBytes !== undefined && rate > 0 && totalBytes > bytes) {
    parts.push(`${formatDuration(((totalBytes - bytes) / rate) * 1000)} left`);
  }
  return parts.join(", ");
}
