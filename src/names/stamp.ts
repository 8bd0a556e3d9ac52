/**
 * Stamps: the deleted field of a stored name in all its forms (docs/format.md, section 2.1).
 *
 * In base 36 a stamp's last seven digits are the second at which the version began to be live, those before the
 * second at which it ceased; so forms are told apart by their number of digits, and nothing needs more than doubles.
 */

import { parseInteger } from "./base36.ts";

export type Stamp =
  /** The newest version of a file that is there. */
  | { readonly form: "live" }
  /** Marked deleted on a calendar day: YYYYMMDD. */
  | { readonly form: "date"; readonly date: number }
  | Period;

/** Live from `began` up to, not including, `ceased`: seconds since 1970 UTC. */
export interface Period {
  /** `marker`: on a tombstone. */
  readonly form: "stamp" | "marker";
  readonly began: number;
  readonly ceased: number;
  /** When retention wanted it removed; absent: it does not. Its removal waits for the purge delay. */
  readonly condemned?: number;
}

export const LIVE: Stamp = { form: "live" };

const DIGITS = 7;
/** 36^7: some year 4453. Moments are below it. */
export const SECONDS_MOST = 36 ** DIGITS;
const STAMP_DIGITS = 2 * DIGITS;
/** The least moment of condemnation: fewer than two digits in front would look like a marker. */
const CONDEMNED_LEAST = 36;
const DAY_SECONDS = 86_400;

/** Whether two moments make a stamp. */
export function isPeriod(began: number, ceased: number): boolean {
  return (
    Number.isSafeInteger(began) &&
    Number.isSafeInteger(ceased) &&
    began >= 1 &&
    began <= ceased &&
    ceased < SECONDS_MOST
  );
}

/** Whether a number reads as YYYYMMDD. */
export function isDate(value: number): boolean {
  const month = Math.floor(value / 100) % 100;
  const day = value % 100;
  return value >= 1000_01_01 && value <= 9999_12_31 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

/** Reads the deleted field in `text[start, end)`; undefined when it is none of the forms. */
export function parseStamp(text: string, start = 0, end = text.length): Stamp | undefined {
  let from = start;
  while (from < end - 1 && text.charCodeAt(from) === 0x30) from++;
  const digits = end - from;
  if (digits <= DIGITS) {
    const value = parseInteger(text, from, end);
    if (value === 0) return LIVE;
    return isDate(value) ? { form: "date", date: value } : undefined;
  }
  if (digits > 3 * DIGITS + 1) return undefined;
  const marker = digits === STAMP_DIGITS + 1 || digits === 3 * DIGITS + 1;
  if (marker && text.charCodeAt(from) !== 0x31) return undefined;
  const form = marker ? "marker" : "stamp";
  const first = marker ? from + 1 : from;
  const began = parseInteger(text, end - DIGITS, end);
  const ceasedAt = Math.max(first, end - STAMP_DIGITS);
  const ceased = parseInteger(text, ceasedAt, end - DIGITS);
  if (!isPeriod(began, ceased)) return undefined;
  if (ceasedAt === first) return { form, began, ceased };
  const condemned = parseInteger(text, first, ceasedAt);
  return condemned >= CONDEMNED_LEAST ? { form, began, ceased, condemned } : undefined;
}

/** The field as a stored name holds it. Throws RangeError for what has no form. */
export function formatStamp(stamp: Stamp): string {
  if (stamp.form === "live") return "0";
  if (stamp.form === "date") {
    if (!isDate(stamp.date)) throw new RangeError("no calendar date");
    return stamp.date.toString(36);
  }
  const { began, ceased, condemned } = stamp;
  if (!isPeriod(began, ceased)) throw new RangeError("no period of time");
  const marker = stamp.form === "marker";
  if (condemned === undefined) {
    return marker ? `1${inDigits(ceased)}${inDigits(began)}` : ceased.toString(36) + inDigits(began);
  }
  if (!isCondemnation(condemned)) throw new RangeError("no moment of condemnation");
  const first = marker ? `1${inDigits(condemned)}` : condemned.toString(36);
  return first + inDigits(ceased) + inDigits(began);
}

function inDigits(seconds: number): string {
  return seconds.toString(36).padStart(DIGITS, "0");
}

/** Whether a moment can be that of a condemnation. */
export function isCondemnation(seconds: number): boolean {
  return Number.isSafeInteger(seconds) && seconds >= CONDEMNED_LEAST && seconds < SECONDS_MOST;
}

/** The stamp of a version that a date marks, or that is live. */
export function dateOrLive(date: number): Stamp {
  return date === 0 ? LIVE : { form: "date", date };
}

/**
 * Orders the stamps of one path: retired ones by the end of their life, then its beginning; live ones last. A date
 * counts as the end of its day, with an unknown beginning.
 */
export function compareStamps(a: Stamp, b: Stamp): number {
  if (a.form === "live" || b.form === "live") return Number(a.form === "live") - Number(b.form === "live");
  const one = periodOf(a);
  const other = periodOf(b);
  return one.ceased - other.ceased || one.began - other.began;
}

/** When a retired version was live, in seconds since 1970; a date ends with its day (UTC) and began at 1. */
export function periodOf(stamp: Exclude<Stamp, { form: "live" }>): { began: number; ceased: number } {
  if (stamp.form !== "date") return { began: stamp.began, ceased: stamp.ceased };
  const year = Math.floor(stamp.date / 10_000);
  const month = Math.floor(stamp.date / 100) % 100;
  const midnight = Date.UTC(year, month - 1, stamp.date % 100) / 1000;
  return { began: 1, ceased: midnight + DAY_SECONDS };
}
