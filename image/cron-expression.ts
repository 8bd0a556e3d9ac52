/**
 * The five-field schedules of cron, as Debian's cron reads them (crontab(5)).
 *
 * Time is counted in *wall minutes*: minutes since 1970 of what the clock on the wall shows, so a day always has
 * 1,440 of them and nothing here knows a time zone. What summer time does to them is the business of `due.ts`.
 */

/** A schedule that cannot be read; the message says what to write. */
export class CronSyntaxError extends Error {}

export interface CronExpression {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly daysOfMonth: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly daysOfWeek: ReadonlySet<number>;
  /** A day must match both day fields when one of them begins with `*`, else either (crontab(5), "Note"). */
  readonly bothDays: boolean;
  /** The minute or the hour begins with `*`: it follows the clock, where others happen once a day (cron(8)). */
  readonly wildcard: boolean;
}

interface Field {
  readonly name: string;
  readonly from: number;
  readonly to: number;
  readonly names?: readonly string[];
}

const MINUTE: Field = { name: "minute", from: 0, to: 59 };
const HOUR: Field = { name: "hour", from: 0, to: 23 };
const DAY: Field = { name: "day of month", from: 1, to: 31 };
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH: Field = { name: "month", from: 1, to: 12, names: MONTHS };
const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const WEEKDAY: Field = { name: "day of week", from: 0, to: 7, names: WEEKDAYS };

const NICKNAMES: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

const MINUTES_A_DAY = 1440;
const MS_A_MINUTE = 60_000;
/** A 29th of February can be eight years away (1896 to 1904, 2096 to 2104). */
const SEARCH_DAYS = 8 * 366 + 1;

/**
 * Reads `minute hour day month weekday` or one of `@hourly` ... `@yearly`.
 * @throws CronSyntaxError for anything else, and for a schedule that never comes (30 February).
 */
export function parseCron(text: string): CronExpression {
  const trimmed = text.trim();
  const plain = trimmed.startsWith("@") ? NICKNAMES[trimmed.toLowerCase()] : trimmed;
  const fields = plain?.split(/[ \t]+/) ?? [];
  const [minute, hour, day, month, weekday] = fields;
  if (fields.length !== 5 || !minute || !hour || !day || !month || !weekday) {
    throw new CronSyntaxError(
      `${JSON.stringify(text)} is not a schedule: write five fields, as in "0 * * * *", or @hourly, @daily, @weekly, @monthly, @yearly`,
    );
  }
  const weekdays = parseField(WEEKDAY, weekday);
  const expression: CronExpression = {
    minutes: parseField(MINUTE, minute),
    hours: parseField(HOUR, hour),
    daysOfMonth: parseField(DAY, day),
    months: parseField(MONTH, month),
    daysOfWeek: new Set([...weekdays].map((number) => number % 7)),
    bothDays: day.startsWith("*") || weekday.startsWith("*"),
    wildcard: minute.startsWith("*") || hour.startsWith("*"),
  };
  if (nextWallMinute(expression, 0) === undefined) {
    throw new CronSyntaxError(`${JSON.stringify(text)} is never due: no such day exists`);
  }
  return expression;
}

/** Whether the schedule is due in this wall minute. */
export function matches(expression: CronExpression, wallMinute: number): boolean {
  const date = new Date(wallMinute * MS_A_MINUTE);
  return (
    expression.minutes.has(date.getUTCMinutes()) &&
    expression.hours.has(date.getUTCHours()) &&
    matchesDay(expression, date)
  );
}

/** The first wall minute after `after` in which the schedule is due; undefined when there is none. */
export function nextWallMinute(expression: CronExpression, after: number): number | undefined {
  const first = after + 1;
  const firstDay = Math.floor(first / MINUTES_A_DAY);
  for (let day = firstDay; day < firstDay + SEARCH_DAYS; day++) {
    if (!matchesDay(expression, new Date(day * MINUTES_A_DAY * MS_A_MINUTE))) continue;
    const end = (day + 1) * MINUTES_A_DAY;
    for (let minute = Math.max(first, day * MINUTES_A_DAY); minute < end; minute++) {
      if (matches(expression, minute)) return minute;
    }
  }
  return undefined;
}

function matchesDay(expression: CronExpression, date: Date): boolean {
  if (!expression.months.has(date.getUTCMonth() + 1)) return false;
  const ofMonth = expression.daysOfMonth.has(date.getUTCDate());
  const ofWeek = expression.daysOfWeek.has(date.getUTCDay());
  return expression.bothDays ? ofMonth && ofWeek : ofMonth || ofWeek;
}

/** A comma-separated list of `*`, `n` or `n-m`, the first and last with an optional `/step`. */
function parseField(field: Field, text: string): Set<number> {
  const values = new Set<number>();
  for (const item of text.split(",")) {
    const [range = "", step, ...more] = item.split("/");
    const [low, high] = parseRange(field, range);
    const by = step === undefined ? 1 : parseNumber({ ...field, from: 1, to: field.to }, step, item);
    const single = range !== "*" && !range.includes("-");
    if (more.length > 0 || (step !== undefined && single)) throw wrongField(field, item);
    for (let value = low; value <= high; value += by) values.add(value);
  }
  return values;
}

function parseRange(field: Field, text: string): [number, number] {
  // Saturday to Sunday is one week long: `*` must not count the second name of Sunday as an eighth day.
  if (text === "*") return [field.from, field === WEEKDAY ? 6 : field.to];
  const [low = "", high, ...more] = text.split("-");
  const from = parseNumber(field, low, text);
  const to = high === undefined ? from : parseNumber(field, high, text);
  if (more.length > 0 || to < from) throw wrongField(field, text);
  return [from, to];
}

function parseNumber(field: Field, text: string, item: string): number {
  const named = field.names?.indexOf(text.toLowerCase()) ?? -1;
  if (named >= 0) return named + field.from;
  const value = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= field.from && value <= field.to) return value;
  throw wrongField(field, item);
}

function wrongField(field: Field, item: string): CronSyntaxError {
  return new CronSyntaxError(
    `${JSON.stringify(item)} does not fit the field ${field.name}: write ${field.from} to ${field.to}, a range such as ` +
      `${field.from}-${field.to}, steps such as */5, or a list of these with commas`,
  );
}
