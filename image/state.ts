/**
 * What the scheduler leaves for the health check: one small file in its run folder, readable by its owner alone and
 * without commands or settings in it.
 */

import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface FinishedRun {
  /** Milliseconds since 1970. */
  readonly finished: number;
  /** Exit status; 128 + n for signal n, as in a shell. */
  readonly status: number;
}

export interface ScheduleState {
  /** When the next job is due, or was due if the scheduler is behind; milliseconds since 1970. */
  readonly next: number;
  /** Absent: nothing is running. */
  readonly running?: { readonly line: number; readonly since: number };
  /** The last finished run of each job, by its line in the crontab. */
  readonly last: Readonly<Record<string, FinishedRun>>;
}

/** The folder for state and lock: `RUN_DIR`, which the image sets. */
export function runFolder(env: NodeJS.ProcessEnv): string {
  return env.RUN_DIR || "/run/backup";
}

/** Replaces the state in one step, so that a health check never reads half of it. */
export function writeState(folder: string, state: ScheduleState): void {
  const temporary = join(folder, ".state.json.tmp");
  writeFileSync(temporary, JSON.stringify(state), { mode: 0o600 });
  renameSync(temporary, join(folder, "state.json"));
}

/** Undefined when no scheduler works here (a container that runs one command). */
export function readState(folder: string): ScheduleState | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "state.json"), "utf8")) as ScheduleState;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

export interface Health {
  readonly healthy: boolean;
  readonly message: string;
}

/** A run that should have begun this long ago has not, so the scheduler does not work; milliseconds. */
const OVERDUE_AFTER_MS = 15 * 60_000;

/**
 * Healthy is: the last finished run of every job ended with status 0, and none is overdue. While a run goes on the
 * verdict on the last one stands: a failure is not forgotten until a run has succeeded.
 */
export function healthOf(state: ScheduleState | undefined, now: number): Health {
  if (state === undefined) return { healthy: true, message: "no schedule here" };
  const runs = Object.entries(state.last).sort(([, a], [, b]) => b.finished - a.finished);
  const failed = runs.find(([, run]) => run.status !== 0);
  const last = failed ?? runs[0];
  const words = [last === undefined ? "no run has finished yet" : describe(last[0], last[1])];
  if (state.running) words.push(`line ${state.running.line} running since ${iso(state.running.since)}`);
  const overdue = !state.running && now > state.next + OVERDUE_AFTER_MS;
  words.push(overdue ? `overdue since ${iso(state.next)}` : `next due ${iso(state.next)}`);
  return { healthy: failed === undefined && !overdue, message: words.join("; ") };
}

function describe(line: string, run: FinishedRun): string {
  return `line ${line} finished ${iso(run.finished)} with status ${run.status}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
