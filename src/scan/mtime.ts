/**
 * File times as stored names hold them: whole seconds.
 *
 * The older tool goes through a binary floating-point number of seconds and cuts off its fraction. That is the
 * floor, except within about a ten-millionth of the next second, where the nearest number *is* the next second
 * (docs/format.md, section 2). The same value here keeps files unchanged for both tools.
 */
import * as fs from "node:fs";

/**
 * Whole seconds since 1970. Times before 1970 count as 0: the name has no minus sign, and refusing to back a file up
 * for its date would be worse.
 */
export function secondsOf(seconds: bigint, nanoseconds: number): number {
  return Math.max(0, Math.trunc(Number(seconds) + 1e-9 * nanoseconds));
}

/** The same from a `Stats`; only times that milliseconds do not tell from the next second need `exact`. */
export function secondsOfStat(stat: fs.Stats, exact: () => fs.BigIntStats | undefined): number {
  const fraction = stat.mtimeMs - Math.floor(stat.mtimeMs / 1000) * 1000;
  if (fraction < 999.999) return Math.max(0, Math.floor(stat.mtimeMs / 1000));
  const precise = exact();
  if (precise === undefined) return Math.max(0, Math.floor(stat.mtimeMs / 1000));
  return secondsOfNanoseconds(precise.mtimeNs);
}

/** The same from nanoseconds. */
export function secondsOfNanoseconds(total: bigint): number {
  const billion = 1_000_000_000n;
  const seconds = total / billion - (total % billion < 0n ? 1n : 0n);
  return secondsOf(seconds, Number(total - seconds * billion));
}

/** The mtime of a path, links followed. */
export function exactStat(file: string | Buffer): fs.BigIntStats | undefined {
  return fs.statSync(file, { bigint: true, throwIfNoEntry: false });
}
