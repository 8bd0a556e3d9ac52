/**
 * The scheduler of the image: runs the jobs of a crontab, one at a time, in the foreground.
 *
 * Why not a cron daemon: those of Debian need root to become the user of a job, empty the environment (so settings
 * would have to be written to a file), and send output to mail or syslog. This one is an ordinary process of an
 * ordinary user; see docs/container.md.
 *
 * Usage: schedule.ts [--print]    `--print` shows the crontab after substitution and ends.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CronSyntaxError, nextWallMinute } from "./cron-expression.ts";
import { crontabSetting, fillIn, type Job, parseCrontab } from "./crontab.ts";
import { Due, wallMinuteOf } from "./due.ts";
import { LOCKED_STATUS, type RunningJob, runJob } from "./run-job.ts";
import { type FinishedRun, runFolder, writeState } from "./state.ts";

const CONFIG_STATUS = 2;
const MS_A_MINUTE = 60_000;
const CRONTAB_FILE = join(import.meta.dirname, "..", "crontab");

function main(args: readonly string[]): void {
  try {
    checkTimeZone(process.env.TZ);
    const text = fillIn(readFileSync(CRONTAB_FILE, "utf8"), crontabSetting(process.env.CRONTAB));
    const jobs = parseCrontab(text);
    if (args.length === 1 && args[0] === "--print") process.stdout.write(text);
    else if (args.length === 0) new Scheduler(jobs, runFolder(process.env)).start();
    else throw new CronSyntaxError("schedule takes no arguments but --print");
  } catch (error) {
    process.stderr.write(`schedule: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = CONFIG_STATUS;
  }
}

/** An unknown zone would silently be UTC, and the backup hours off. */
function checkTimeZone(zone: string | undefined): void {
  if (zone === undefined || zone === "") return;
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
  } catch {
    throw new CronSyntaxError(`TZ: ${JSON.stringify(zone)} is no time zone; write one like Europe/Paris`);
  }
}

class Scheduler {
  readonly #jobs: readonly Job[];
  readonly #folder: string;
  readonly #due = new Due(wallMinuteOf(new Date()));
  /** Due and not begun; a job waits here at most once, however often it comes due meanwhile. */
  readonly #waiting = new Set<Job>();
  readonly #last: Record<string, FinishedRun> = {};
  #running: { job: Job; since: number; run: RunningJob } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(jobs: readonly Job[], folder: string) {
    this.#jobs = jobs;
    this.#folder = folder;
  }

  /** @throws when the run folder cannot be written. */
  start(): void {
    try {
      this.#saveState();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const remedy = `mount a folder there that user ${process.getuid?.()} may write, as with --tmpfs ${this.#folder}:mode=1777`;
      throw new Error(`RUN_DIR: ${reason}; ${remedy}`, { cause: error });
    }
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => this.#stop(signal));
    for (const job of this.#jobs) say(`line ${job.line} (${job.schedule}): next ${this.#nextOf(job)}`);
    this.#tick();
  }

  #tick(): void {
    for (const job of this.#due.look(this.#jobs, wallMinuteOf(new Date()))) this.#waiting.add(job);
    this.#runNext();
    this.#saveState();
    this.#timer = setTimeout(() => this.#tick(), MS_A_MINUTE - (Date.now() % MS_A_MINUTE) + 1);
  }

  #runNext(): void {
    const [job] = this.#waiting;
    if (job === undefined || this.#running || this.#stopping) return;
    this.#waiting.delete(job);
    say(`line ${job.line}: begins`);
    const run = runJob(job.command, this.#folder);
    this.#running = { job, since: Date.now(), run };
    run.done.then(
      (status) => this.#finished(job, status),
      (error: Error) => this.#finished(job, 127, error.message),
    );
  }

  #finished(job: Job, status: number, reason = `status ${status}`): void {
    const seconds = Math.round((Date.now() - (this.#running?.since ?? 0)) / 1000);
    this.#running = undefined;
    if (status === LOCKED_STATUS) {
      say(`line ${job.line}: skipped, another run holds the lock`);
    } else {
      this.#last[job.line] = { finished: Date.now(), status };
      const after = `after ${seconds} s; next ${this.#nextOf(job)}`;
      if (status === 0) say(`line ${job.line}: finished ${after}`);
      else complain(`line ${job.line}: failed (${reason}) ${after}`);
    }
    this.#runNext();
    this.#saveState();
  }

  /** Lets a run end by itself: it has its own way to stop cleanly. With nothing left to wait for, Node exits. */
  #stop(signal: NodeJS.Signals): void {
    this.#stopping = true;
    clearTimeout(this.#timer);
    say(this.#running ? `${signal}: ending line ${this.#running.job.line}` : `${signal}: stopped`);
    this.#running?.run.signal("SIGTERM");
  }

  #saveState(): void {
    const now = wallMinuteOf(new Date());
    const nexts = this.#jobs.map((job) => nextWallMinute(job.expression, now) ?? Infinity);
    const inMinutes = this.#waiting.size > 0 ? 0 : Math.min(...nexts) - now;
    writeState(this.#folder, {
      next: Date.now() + inMinutes * MS_A_MINUTE,
      ...(this.#running && { running: { line: this.#running.job.line, since: this.#running.since } }),
      last: this.#last,
    });
  }

  #nextOf(job: Job): string {
    const next = nextWallMinute(job.expression, wallMinuteOf(new Date()));
    return next === undefined ? "never" : `${new Date(next * MS_A_MINUTE).toISOString().slice(0, 16)}`;
  }
}

function say(message: string): void {
  process.stdout.write(`[${stamp()}] schedule: ${message}\n`);
}

function complain(message: string): void {
  process.stderr.write(`[${stamp()}] schedule: ${message}\n`);
}

/** Local time to the second, as in the tool's own log lines. */
function stamp(): string {
  return new Date(wallMinuteOf(new Date()) * MS_A_MINUTE + (Date.now() % MS_A_MINUTE))
    .toISOString()
    .slice(0, 19);
}

main(process.argv.slice(2));
