/**
 * Which jobs are due when the clock is looked at.
 *
 * The clock on the wall jumps: summer time begins and ends, containers are paused, machines sleep, clocks are set.
 * The rules follow Debian's cron(8), and a backup's interest in not being missed:
 *
 * - Forward, by however much: a job with a due minute in the gap runs once.
 * - Back by up to three hours: jobs that follow the clock (`*` as minute or hour) go on as the clock shows; the
 *   others wait until the clock is where it was, so that nothing of the repeated hour happens twice.
 * - Back by more: the clock was wrong before; begin anew.
 */

import { type CronExpression, matches, nextWallMinute } from "./cron-expression.ts";

const LARGEST_SHIFT_MINUTES = 180;
const MS_A_MINUTE = 60_000;

/** Minutes since 1970 as the clock on the wall counts them, in the time zone of the process. */
export function wallMinuteOf(date: Date): number {
  const local = Date.UTC(
    date.getFullYear(),
    date.getMonth(),
    date.getDate(),
    date.getHours(),
    date.getMinutes(),
  );
  return local / MS_A_MINUTE;
}

/** Remembers the latest wall minute seen. */
export class Due {
  #latest: number;
  #seen: number;

  /** @param start the minute in which watching begins; it counts as seen. */
  constructor(start: number) {
    this.#latest = start;
    this.#seen = start;
  }

  /** The jobs to run now, in their order. Looking twice in one minute gives nothing the second time. */
  look<T extends { readonly expression: CronExpression }>(jobs: readonly T[], now: number): T[] {
    const latest = this.#latest;
    if (now > latest) {
      this.#latest = now;
      this.#seen = now;
      return jobs.filter(({ expression }) => (nextWallMinute(expression, latest) ?? Infinity) <= now);
    }
    if (now === this.#seen) return [];
    this.#seen = now;
    if (latest - now > LARGEST_SHIFT_MINUTES) this.#latest = now;
    const waiting = this.#latest !== now;
    return jobs.filter(({ expression }) => (expression.wildcard || !waiting) && matches(expression, now));
  }
}
