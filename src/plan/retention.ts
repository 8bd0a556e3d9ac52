/**
 * How long retired versions are kept: per file, from the periods in their names. Pure: the clock is a parameter.
 *
 * Of a file that is there, and of those that were, two rules decide:
 * - The newest version of a deleted file goes `deletedKeepDays` after its deletion, and all older ones with it.
 * - Any other retired version is kept for `versionsKeepDays` after something took its place, and longer if it was
 *   the file's state at one of the moments that `keep` names: the ends of the last so many days, weeks (Sunday),
 *   months and years. So whole past states are kept, not files at random: `--at` such a moment stays exact.
 *
 * The live version of a file is not retention's business.
 */
import type { Thinning } from "../config/config.ts";
import type { Stamp } from "../names/stamp.ts";
import type { History, Life } from "./history.ts";

export interface RetentionRules {
  /** Null: no history is kept, and none that is there is touched. */
  readonly versionsKeepDays: number | "forever" | null;
  readonly deletedKeepDays: number | null;
  readonly keep?: Thinning;
}

/** What keeps a version: its being live, its being the last of a deleted file, or a rule; `expired`: nothing does. */
export type Reason = "live" | "deleted" | "versions_keep_days" | keyof Thinning | "expired";

const DAY_SECONDS = 86_400;
const NONE: Thinning = { daily: 0, weekly: 0, monthly: 0, yearly: 0 };
const CLASSES = ["daily", "weekly", "monthly", "yearly"] as const;

/** A local calendar date as the integer YYYYMMDD: what the deleted field of a stored name holds without history. */
export function dateStamp(now: Date): number {
  return now.getFullYear() * 10_000 + (now.getMonth() + 1) * 100 + now.getDate();
}

/** Whole days from one date to another; both YYYYMMDD. */
export function daysBetween(from: number, to: number): number {
  return Math.round((utcOf(to) - utcOf(from)) / 86_400_000);
}

/** Whether a version marked deleted on a date has to go: strictly more than `keepDays` ago; null keeps for ever. */
export function isExpired(stamp: Stamp, today: number, keepDays: number | null): boolean {
  return stamp.form === "date" && keepDays !== null && daysBetween(stamp.date, today) > keepDays;
}

/** Which retired lives of a path the rules do not keep, oldest first. */
export class Retention {
  private readonly rules: RetentionRules;
  private readonly now: number;
  private readonly today: number;
  private readonly moments: readonly number[];
  private readonly classes: readonly (readonly [keyof Thinning, readonly number[]])[];

  constructor(rules: RetentionRules, now: Date) {
    this.rules = rules;
    this.now = Math.floor(now.getTime() / 1000);
    this.today = dateStamp(now);
    this.moments = rules.keep === undefined ? [] : momentsOf(rules.keep, now);
    const { keep } = rules;
    this.classes =
      keep === undefined
        ? []
        : CLASSES.map((name) => [name, momentsOf({ ...NONE, [name]: keep[name] }, now)]);
  }

  /** @param isBack the run that asks stores the file, so that its last life does not end its history */
  expired({ lives }: History, isBack = false): Life[] {
    if (this.rules.versionsKeepDays === null) return [];
    const retired = lives.filter(({ ceased }) => ceased !== undefined);
    const newest = lives.at(-1);
    if (newest === undefined) return [];
    if (newest.ceased === undefined) return retired.filter((life) => !this.isKept(life));
    if (this.isForgotten(newest)) return isBack ? retired.filter((life) => !this.isKept(life)) : retired;
    return retired.filter((life) => life !== newest && !this.isKept(life));
  }

  /** Why a life is kept, for people who ask what their rules cost. */
  reasonFor({ lives }: History, life: Life): Reason {
    if (life.ceased === undefined) return "live";
    const { versionsKeepDays } = this.rules;
    const newest = lives.at(-1);
    if (life === newest) return this.isForgotten(life) ? "expired" : "deleted";
    // Without the setting what was retired under it stays as well.
    if (versionsKeepDays === null) return "versions_keep_days";
    if (newest?.ceased !== undefined && this.isForgotten(newest)) return "expired";
    if (versionsKeepDays === "forever") return "versions_keep_days";
    const { began, ceased } = life;
    if (this.now - ceased <= versionsKeepDays * DAY_SECONDS) return "versions_keep_days";
    for (const [name, moments] of this.classes) {
      if (moments.some((moment) => began <= moment && moment < ceased)) return name;
    }
    return "expired";
  }

  /** Whether a deleted file, of which this was the last, is beyond `deletedKeepDays`. */
  private isForgotten({ version, ceased = this.now }: Life): boolean {
    const { versionsKeepDays, deletedKeepDays } = this.rules;
    if (deletedKeepDays === null) return false;
    if (version.stamp.form === "date") return isExpired(version.stamp, this.today, deletedKeepDays);
    return versionsKeepDays !== null && this.now - ceased > deletedKeepDays * DAY_SECONDS;
  }

  private isKept({ began, ceased = this.now }: Life): boolean {
    const { versionsKeepDays } = this.rules;
    if (versionsKeepDays === "forever" || versionsKeepDays === null) return true;
    if (this.now - ceased <= versionsKeepDays * DAY_SECONDS) return true;
    return this.moments.some((moment) => began <= moment && moment < ceased);
  }
}

/**
 * The moments that thinning keeps, newest first, in seconds since 1970: the last second of each of so many days,
 * weeks, months and years before the present one, in local time.
 */
export function momentsOf({ daily, weekly, monthly, yearly }: Thinning, now: Date): number[] {
  const year = now.getFullYear();
  const month = now.getMonth();
  const day = now.getDate();
  // The day of the week counts from Monday.
  const monday = day - ((now.getDay() + 6) % 7);
  const starts = [
    ...count(daily, (i) => new Date(year, month, day - i)),
    ...count(weekly, (i) => new Date(year, month, monday - 7 * i)),
    ...count(monthly, (i) => new Date(year, month - i, 1)),
    ...count(yearly, (i) => new Date(year - i, 0, 1)),
  ];
  const moments = new Set(starts.map((start) => Math.floor(start.getTime() / 1000) - 1));
  return [...moments].sort((a, b) => b - a);
}

function count(length: number, make: (i: number) => Date): Date[] {
  return Array.from({ length }, (_, i) => make(i));
}

function utcOf(stamp: number): number {
  return Date.UTC(Math.floor(stamp / 10_000), (Math.floor(stamp / 100) % 100) - 1, stamp % 100);
}
