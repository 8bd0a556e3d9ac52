/** The calls to servers at the end of a run (`--stats`), and each slow one as it happens (`--slow`). */
import { ConfigError } from "../errors.ts";
import type { CallStats, Counted, FinishedCall, OperationStats } from "../storage/call-stats.ts";
import { escapeText } from "./escape.ts";
import { formatBytes } from "./units.ts";

export const STATS_FORMS = ["table", "json", "prometheus"] as const;
export type StatsForm = (typeof STATS_FORMS)[number];

const QUANTILES = [0.5, 0.95, 0.99] as const;
const HEAD = ["calls", "errors", "retries", "bytes", "p50 ms", "p95 ms", "p99 ms", "max ms", "rate"];

/** The whole report, with its last newline; as JSON one line, like those of `--json`. */
export function callReport(stats: CallStats, form: StatsForm): string {
  const operations = stats.list();
  if (form === "json") return `${JSON.stringify({ calls: operations.map(plain) })}\n`;
  return form === "prometheus" ? prometheus(operations) : table(operations);
}

/** `slow: 1234 ms PutObject docs/a.1.2.3.0.enc at destination s3://bucket`, for `Reporter.info`, which escapes it. */
export function slowLine({ kind, operation, storage, key, ms, failed }: FinishedCall): string {
  const what = `${operation}${key === undefined ? "" : ` ${key}`}`;
  const how = `${kind === "attempt" ? ", one attempt" : ""}${failed ? ", failed" : ""}`;
  return `slow: ${Math.round(ms)} ms ${what} at ${storage}${how}`;
}

/** Milliseconds in `500ms`, `1.5s`, `2m`. Throws ConfigError. */
export function parseSlow(text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(text) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000 }[unit ?? ""];
  if (factor === undefined) throw new ConfigError("--slow needs a time such as 500ms, 1.5s or 2m");
  return Number(number) * factor;
}

function table(operations: readonly OperationStats[]): string {
  if (operations.length === 0) return "No calls to servers\n";
  const rows: string[][] = [];
  let storage: string | undefined;
  for (const stats of operations) {
    if (stats.storage !== storage) rows.push([escapeText(stats.storage), ...HEAD]);
    storage = stats.storage;
    const { call, attempt } = stats;
    const retries = retriesOf(stats);
    rows.push([`  ${stats.operation}`, ...cells(call, String(retries))]);
    if (retries > 0) rows.push(["    each attempt", ...cells(attempt, "")]);
  }
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  const line = (row: string[]) =>
    row.map((text, i) => (i === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[i] ?? 0))).join("  ");
  return rows.map((row) => `${line(row)}\n`).join("");
}

function cells(counted: Counted, retries: string): string[] {
  const { latencies, failed, bytes } = counted;
  const times = [...QUANTILES.map((share) => latencies.quantile(share)), latencies.maxMs];
  return [
    String(latencies.count),
    String(failed),
    retries,
    formatBytes(bytes),
    ...times.map((ms) => ms.toFixed(ms < 100 ? 1 : 0)),
    `${formatBytes(rateOf(counted))}/s`,
  ];
}

/** Bytes a second while a call was under way: what one stream got. */
function rateOf({ bytes, latencies }: Counted): number {
  return latencies.sumMs > 0 ? (bytes * 1000) / latencies.sumMs : 0;
}

function retriesOf({ call, attempt }: OperationStats): number {
  return Math.max(0, attempt.latencies.count - call.latencies.count);
}

function plain(stats: OperationStats) {
  const { storage, operation, call, attempt } = stats;
  const counted = ({ latencies, failed, bytes }: Counted) => ({
    count: latencies.count,
    errors: failed,
    bytes,
    p50Ms: latencies.quantile(0.5),
    p95Ms: latencies.quantile(0.95),
    p99Ms: latencies.quantile(0.99),
    maxMs: latencies.maxMs,
    sumMs: latencies.sumMs,
  });
  return {
    storage,
    operation,
    retries: retriesOf(stats),
    bytesPerSecond: rateOf(call),
    calls: counted(call),
    attempts: counted(attempt),
  };
}

/** Prometheus text format, 0.0.4: a summary of the seconds, counters of the rest. */
function prometheus(operations: readonly OperationStats[]): string {
  const lines: string[] = [];
  const family = (name: string, type: string, help: string, write: (name: string) => void) => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    write(name);
  };
  const labels = ({ storage, operation }: OperationStats, more = "") =>
    `{storage="${labelValue(storage)}",operation="${labelValue(operation)}"${more}}`;
  const each = (kind: "call" | "attempt") => (name: string) => {
    for (const stats of operations) {
      const { latencies } = stats[kind];
      for (const share of QUANTILES) {
        const seconds = latencies.quantile(share) / 1000;
        lines.push(`${name}${labels(stats, `,quantile="${share}"`)} ${seconds}`);
      }
      lines.push(`${name}_sum${labels(stats)} ${latencies.sumMs / 1000}`);
      lines.push(`${name}_count${labels(stats)} ${latencies.count}`);
    }
  };
  const count = (value: (stats: OperationStats) => number) => (name: string) => {
    for (const stats of operations) lines.push(`${name}${labels(stats)} ${value(stats)}`);
  };
  family("backup_s3_call_seconds", "summary", "Calls, retries included.", each("call"));
  family("backup_s3_attempt_seconds", "summary", "Attempts of calls.", each("attempt"));
  const slowest = count(({ call }) => call.latencies.maxMs / 1000);
  family("backup_s3_call_max_seconds", "gauge", "The longest call.", slowest);
  const errors = count(({ call }) => call.failed);
  family("backup_s3_errors_total", "counter", "Calls that failed.", errors);
  family("backup_s3_retries_total", "counter", "Attempts after the first.", count(retriesOf));
  const bytes = count(({ call }) => call.bytes);
  family("backup_s3_bytes_total", "counter", "Bytes of bodies, sent and received.", bytes);
  return lines.map((text) => `${text}\n`).join("");
}

function labelValue(text: string): string {
  return escapeText(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"');
}
