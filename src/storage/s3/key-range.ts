/**
 * A range of a listing: the keys behind `after` up to `until`, which is where the next range begins. Pure.
 *
 * Where two ranges meet is proved, not believed. The earlier one is over when it has come to a key behind its end, and that
 * key has to be the first that the later one found. Then the two are what one listing would have given, whatever the
 * order of the server is and whatever it makes of `start-after`.
 */
import { comparePaths } from "../../names/path-text.ts";
import { ListProgress } from "./list-progress.ts";

/** From one key of a listing to a later one, and how many pages that was. */
export interface Stretch {
  readonly first: string;
  readonly last: string;
  readonly pages: number;
}

/** One page of a listing. */
export interface Page<T> {
  /** All keys on it, in the order of the server. */
  readonly keys: readonly string[];
  /** What they stand for, one for each key. */
  readonly items: readonly T[];
  /** Continues behind it; absent on the last page. */
  readonly next?: string;
}

/** Where a page begins: behind a key, or where another page ended. */
export type PageStart = { readonly after?: string } | { readonly token: string };

/** How the ranges before and behind a cut fit: `unknown` until both have come far enough. */
export type Joint = "unknown" | "exact" | "broken";

export class KeyRange<T> {
  readonly after: string | undefined;
  /** Its own last key at most, when it is not there itself; undefined: all there is. */
  until: string | undefined;
  /** As far as is known there is nothing between this key and `until`. A hint. */
  limit: string | undefined;
  /** Checks nothing and has no end: all that the server lists. */
  private free = false;
  /** What to ask for next; undefined when nothing is left to ask for. */
  next: PageStart | undefined;
  isAsking = false;
  /** Pages to give out. */
  readonly ready: (readonly T[])[] = [];
  first: string | undefined;
  last: string | undefined;
  /** The first key of the page that came last. */
  private pageFirst: string | undefined;
  pages = 0;
  keys = 0;
  private readonly progress = new ListProgress();
  /** What came behind the end. */
  private beyond: Page<T> | undefined;
  /** What led to the cut it begins at, drawn out to there: all that can be known of it before its first page. */
  private readonly foreseen: Stretch | undefined;

  constructor(after?: string, until?: string, foreseen?: Stretch) {
    this.after = after;
    this.until = until;
    this.foreseen = foreseen;
    this.next = after === undefined ? {} : { after };
  }

  /** Whether nothing more comes of it: its end was passed, or the server has no more. */
  get isOver(): boolean {
    return this.next === undefined;
  }

  /** Whether it came to its end, and has no key: what lies behind `after` begins behind `until`. */
  get isEmpty(): boolean {
    return this.isOver && this.first === undefined;
  }

  /** Whether it is listed for ever, by all that can be seen. */
  get isStuck(): boolean {
    return !this.isOver && this.progress.isStuck;
  }

  /** What the listing was like up to here: the last page says it best, all of the range reaches farther back. */
  get stretches(): Stretch[] {
    const { first, pageFirst, last, pages } = this;
    if (last === undefined) return this.foreseen === undefined ? [] : [this.foreseen];
    return [
      { first: pageFirst ?? last, last, pages: 1 },
      { first: first ?? last, last, pages },
    ];
  }

  /**
   * Takes the page that was asked for, but a key that is the one before it once more; false, and nothing is taken, when its
   * keys do not ascend from where they should.
   */
  take(given: Page<T>): boolean {
    const page = withoutRepeats(given, this.last);
    if (!this.free && !ascends(page.keys, this.last ?? this.after)) return false;
    const count = this.until === undefined ? page.keys.length : countUpTo(page.keys, this.until);
    const keys = page.keys.slice(0, count);
    this.first ??= keys[0];
    this.pageFirst = keys[0] ?? this.pageFirst;
    this.last = keys.at(-1) ?? this.last;
    this.pages++;
    this.keys += count;
    if (count > 0) this.ready.push(count === page.items.length ? page.items : page.items.slice(0, count));
    const isPassed = count < page.keys.length;
    if (isPassed) {
      const rest = { keys: page.keys.slice(count), items: page.items.slice(count) };
      this.beyond = page.next === undefined ? rest : { ...rest, next: page.next };
    }
    this.next = isPassed || page.next === undefined ? undefined : { token: page.next };
    this.progress.look(page.keys, !this.free);
    return true;
  }

  /** Ends it at a key behind all it has; gives the range that begins there. `foreseen` ends at that key. */
  cut(at: string, foreseen?: Stretch): KeyRange<T> {
    const behind = new KeyRange<T>(at, this.until, foreseen);
    behind.limit = this.limit;
    this.until = at;
    this.limit = undefined;
    return behind;
  }

  /** Takes back the cut to a range behind it that turned out to be empty. */
  absorb(empty: KeyRange<T>): void {
    this.reopen(empty.until, false);
    this.limit = empty.after;
  }

  /** Goes on to the end of the listing. `free`: whatever the server lists, in whatever order. */
  goOn(free: boolean): void {
    this.reopen(undefined, free);
    this.limit = undefined;
  }

  jointWith(later: KeyRange<T>): Joint {
    if (!this.isOver || later.first === undefined) return "unknown";
    // The server had no more, and the later range has: written since. To give it out leaves no gap.
    if (this.beyond === undefined) return "exact";
    return this.beyond.keys[0] === later.first ? "exact" : "broken";
  }

  private reopen(until: string | undefined, free: boolean): void {
    this.until = until;
    this.free = free;
    const { beyond } = this;
    this.beyond = undefined;
    if (beyond === undefined) return;
    this.pages--; // it is one page
    this.take(beyond);
  }
}

/** Some servers begin a page with the key that the one before ended with. */
function withoutRepeats<T>(page: Page<T>, last: string | undefined): Page<T> {
  const { keys, items } = page;
  const isNew = (i: number) => keys[i] !== (i === 0 ? last : keys[i - 1]);
  if (keys.every((_, i) => isNew(i))) return page;
  return { ...page, keys: keys.filter((_, i) => isNew(i)), items: items.filter((_, i) => isNew(i)) };
}

/** Whether keys ascend by their bytes, the first behind `last`. */
function ascends(keys: readonly string[], last: string | undefined): boolean {
  let before = last;
  for (const key of keys) {
    if (before !== undefined && comparePaths(before, key) >= 0) return false;
    before = key;
  }
  return true;
}

/** How many of ascending keys are not behind a bound. */
function countUpTo(keys: readonly string[], bound: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePaths(keys[middle] as string, bound) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
