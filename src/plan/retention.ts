/**
 * Dates of deletion and how long deleted versions are kept. Pure: today is a parameter.
 */

import type { Stamp } from "../names/stamp.ts";

/** A local calendar date as the integer YYYYMMDD: what the deleted field of a stored name holds. */
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

function utcOf(stamp: number): number {
  return Date.UTC(Math.floor(stamp / 10_000), (Math.floor(stamp / 100) % 100) - 1, stamp % 100);
}
