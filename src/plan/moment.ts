/**
 * Moments as people write them: `--at 2026-11-20`, `--at "2026-11-20 18:30"`, `--at 3d`. Pure: the clock is a parameter.
 */
import { ConfigError } from "../errors.ts";

const AGE = /^(\d{1,6})([mhdwy])$/;
const SECONDS: Readonly<Record<string, number>> = {
  m: 60,
  h: 3600,
  d: 86_400,
  w: 7 * 86_400,
  y: 365 * 86_400,
};
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const DATE_TIME = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?$/i;

const ACCEPTED =
  "a date (2026-11-20), a date and time (2026-11-20T18:30, with Z or +01:00 if not local), or an age (90m, 12h, 3d, 2w, 1y)";

/**
 * The moment that a text means, in whole seconds since 1970.
 *
 * A date means the end of that day in local time, as "the state of 20 November" does; today means now.
 * @throws ConfigError for what is no moment, or lies in the future
 */
export function parseMoment(text: string, now: Date): number {
  const present = Math.floor(now.getTime() / 1000);
  const moment = ageOf(text, present) ?? endOfDay(text, present) ?? dateTime(text);
  if (moment === undefined || !Number.isFinite(moment)) {
    throw new ConfigError("is no moment", { path: text, remedy: `give ${ACCEPTED}` });
  }
  if (moment > present) throw new ConfigError("lies in the future", { path: text });
  return moment;
}

/** The last second of the year 9999: from there on ISO 8601 needs more digits, and some day Date has none. */
const LAST = 253_402_300_799;

/**
 * A moment in local time: `2026-11-20T18:30:05`. Names come from strangers, and so do times: what lies beyond the year
 * 9999 is `@` and the seconds since 1970.
 */
export function formatMoment(seconds: number): string {
  const local = seconds - new Date(Math.min(seconds, LAST) * 1000).getTimezoneOffset() * 60;
  return local > LAST ? `@${seconds}` : new Date(local * 1000).toISOString().slice(0, 19);
}

/** The same in UTC: `2026-11-20T17:30:05Z`. */
export function formatUtc(seconds: number): string {
  return seconds > LAST ? `@${seconds}` : new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

function ageOf(text: string, present: number): number | undefined {
  const [, count, unit = ""] = AGE.exec(text) ?? [];
  return count === undefined ? undefined : present - Number(count) * (SECONDS[unit] as number);
}

function endOfDay(text: string, present: number): number | undefined {
  const [, year, month, day] = (DATE.exec(text) ?? []).map(Number);
  if (year === undefined || month === undefined || day === undefined) return undefined;
  const start = new Date(year, month - 1, day);
  // 31 February is no day, and Date would make one of March of it.
  if (start.getMonth() !== month - 1 || start.getDate() !== day) return Number.NaN;
  if (start.getTime() / 1000 > present) return start.getTime() / 1000;
  const end = new Date(year, month - 1, day + 1).getTime() / 1000 - 1;
  return Math.min(end, present);
}

function dateTime(text: string): number | undefined {
  const [, date, time, zone = ""] = DATE_TIME.exec(text) ?? [];
  if (date === undefined || Number.isNaN(endOfDay(date, Number.MAX_SAFE_INTEGER))) return undefined;
  return Math.floor(Date.parse(`${date}T${time}${zone.toUpperCase()}`) / 1000);
}
