/**
 * What to read for which blocks: runs in the order of the file, gathered into fetches of a few
 * megabytes whose ranges are long, so that a body in order is read by few requests and a patched one by not many more.
 */

import type { ExtentTable } from "./extents.ts";

/** A run of extents [first, end) and where its plaintext belongs. */
export interface Run {
  readonly first: number;
  readonly end: number;
}

/** Stored bytes [start, end). */
export interface StoredRange {
  start: number;
  end: number;
}

export interface Fetch {
  readonly runs: readonly Run[];
  readonly ranges: readonly StoredRange[];
}

const FETCH_BYTES = 4 * 1024 * 1024;
const RANGES_MOST = 16;
/** Dead or foreign bytes between two blocks that are cheaper read than asked around. */
const GAP_BYTES = 128 * 1024;

/** The fetches for the extents [first, end), which are whole runs, in the order of the file. */
export function* planFetches(table: ExtentTable, first: number, end: number): Generator<Fetch> {
  let runs: Run[] = [];
  let ranges: StoredRange[] = [];
  let bytes = 0;
  for (const run of runsOf(table, first, end)) {
    if (runs.length > 0 && (bytes >= FETCH_BYTES || ranges.length >= RANGES_MOST)) {
      yield { runs, ranges };
      runs = [];
      ranges = [];
      bytes = 0;
    }
    runs.push(run);
    for (let i = run.first; i < run.end; i++) bytes += addExtent(ranges, table, i);
  }
  if (runs.length > 0) yield { runs, ranges };
}

/** Extends the last range, or begins one; gives the bytes that are read in addition. */
function addExtent(ranges: StoredRange[], table: ExtentTable, index: number): number {
  const { offset, stored } = table.at(index);
  if (ranges.some((range) => offset >= range.start && offset + stored <= range.end)) return 0;
  const last = ranges.at(-1);
  if (last !== undefined && offset >= last.start && offset <= last.end + GAP_BYTES) {
    const added = Math.max(0, offset + stored - last.end);
    last.end += added;
    return added;
  }
  ranges.push({ start: offset, end: offset + stored });
  return stored;
}

/** The runs among the extents [first, end), in the order of the file. */
export function* runsOf(table: ExtentTable, first: number, end: number): Generator<Run> {
  for (let i = first; i < end; ) {
    const [start, stop] = table.runAt(i);
    yield { first: start, end: stop };
    i = stop;
  }
}
