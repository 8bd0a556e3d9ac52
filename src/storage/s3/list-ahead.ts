/**
 * A long listing by several requests at once.
 *
 * S3 gives a listing page by page, each known only when the one before has come. It also lists what follows any key
 * (`start-after`), so what is to come is cut into ranges, at keys that are guessed from the pages so far
 * (key-guess.ts), and a few ranges are listed side by side. They are given out in order. A range holds the keys *behind*
 * its lower bound *up to* its upper one, which is the lower one of the next: no key is in two of them or in none,
 * wherever they are cut.
 *
 * All of that rests on the order of the server (S3 user guide, ListObjectsV2: UTF-8 bytes; not so in directory buckets).
 * It is looked at first for some pages, and all the time.
 */
import { comparePaths } from "../../names/path-text.ts";
import { guessBoundaries } from "./key-guess.ts";

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

/** Thrown when keys came in another order than S3's; nothing that was given out so far can be relied upon. */
export class DisorderError extends Error {
  readonly key: string;

  constructor(key: string) {
    super("the listing is not in the order of its keys");
    this.key = key;
  }
}

export interface AheadOptions {
  /** Requests at once. */
  readonly requests: number;
  /** Characters that all keys begin with. */
  readonly prefixLength: number;
}

/** So many pages come one by one: shorter listings cost no request more than they have pages. */
const PAGES_BEFORE = 4;
/** Requests that found little may be this share of all, and a few. */
const WASTE_SHARE = 0.1;
const WASTE_MOST = 2;
/** A range has about so many pages: enough for its last, which is never full, not to matter. */
const RANGE_PAGES = 3;
/** A range that fills less of its pages was cut too short, one of so many pages too long. */
const FULL = 0.5;
const LONG_PAGES = 2 * RANGE_PAGES;
/** Pages that a range may hold before its turn. */
const HELD_PAGES = 4;

interface Range<T> {
  after: string | undefined;
  until: string | undefined;
  guessed: boolean;
  /** Asked for and not given out yet. */
  readonly held: { readonly page: Promise<Page<T>>; arrived: boolean }[];
  /** The page that was asked for last has come: what is next. */
  start: PageStart | undefined;
  lastKey: string | undefined;
  pages: number;
  used: number;
}

/**
 * The batches of a listing, in order.
 *
 * @param fetch one page; a page has `next` unless it is the last. Its failure ends the listing.
 * @throws DisorderError once more than one request was under way.
 */
export async function* listAhead<T>(
  fetch: (start: PageStart) => Promise<Page<T>>,
  options: AheadOptions,
): AsyncGenerator<T[]> {
  const listing = new Listing(fetch, options);
  yield* listing.batches();
}

class Listing<T> {
  private readonly fetch: (start: PageStart) => Promise<Page<T>>;
  private readonly options: AheadOptions;
  private ranges: Range<T>[] = [rangeOf<T>(undefined, undefined, false)];
  private inOrder = true;
  private guessing = false;
  private pages = 0;
  private wasted = 0;
  /** Ranges to cut at once; grows while guesses are good. */
  private window = 2;
  /** Pages that a guess reckons for a range. */
  private reach = RANGE_PAGES;
  private pageKeys = 1;

  constructor(fetch: (start: PageStart) => Promise<Page<T>>, options: AheadOptions) {
    this.fetch = fetch;
    this.options = options;
  }

  async *batches(): AsyncGenerator<T[]> {
    for (;;) {
      this.ask();
      const [range] = this.ranges;
      if (range === undefined) return;
      const page = await range.held[0]?.page;
      if (page === undefined) {
        this.finish(range);
        continue;
      }
      range.held.shift();
      const { until } = range;
      const count = until === undefined ? page.keys.length : countUntil(page.keys, until);
      range.used += count;
      if (page.next === undefined && until !== undefined) this.endBehind(page, count);
      if (count > 0) yield page.items.slice(0, count);
    }
  }

  /** Sends what may be asked for now, earlier ranges first. */
  private ask(): void {
    for (const range of this.ranges) {
      const busy = this.ranges.reduce(
        (sum, { held }) => sum + held.filter(({ arrived }) => !arrived).length,
        0,
      );
      const isFirst = range === this.ranges[0];
      if (busy >= this.options.requests && !(isFirst && range.held.length === 0)) return;
      if (range.start === undefined || range.held.length >= HELD_PAGES) continue;
      const { start } = range;
      range.start = undefined;
      const held = { page: this.fetch(start).then((page) => this.take(range, page)), arrived: false };
      held.page.then(
        () => {
          held.arrived = true;
          this.ask();
        },
        () => {}, // it is awaited in its turn, or not at all when the caller stops
      );
      range.held.push(held);
    }
  }

  /** A page has come: checks it, and says where its range goes on. */
  private take(range: Range<T>, page: Page<T>): Page<T> {
    this.checkOrder(range, page.keys);
    this.pages++;
    range.pages++;
    this.pageKeys = Math.max(this.pageKeys, page.keys.length);
    range.lastKey = page.keys.at(-1) ?? range.lastKey;
    const { until, lastKey } = range;
    const isOver = until !== undefined && lastKey !== undefined && comparePaths(lastKey, until) >= 0;
    if (page.next === undefined || isOver) return page;
    range.start = { token: page.next };
    if (this.mayGuess(range)) this.cut(range, page.keys);
    return page;
  }

  /** The last range is open, and cut at once; others when they turn out to be longer than they should be. */
  private mayGuess(range: Range<T>): boolean {
    if (!this.inOrder || this.options.requests < 2) return false;
    if (range.until !== undefined && range.pages < RANGE_PAGES) return false;
    return this.pages >= PAGES_BEFORE && this.wasted < WASTE_MOST + WASTE_SHARE * this.pages;
  }

  /** Cuts what a range has before it. */
  private cut(range: Range<T>, keys: readonly string[]): void {
    const count = Math.min(this.window, this.options.requests - this.ranges.length);
    if (count < 1) return;
    const { until } = range;
    const cuts = guessBoundaries(keys, count, this.reach, this.options.prefixLength).filter(
      (key) => until === undefined || comparePaths(key, until) < 0,
    );
    if (cuts.length === 0) return;
    this.guessing = true;
    const parts = cuts.map((cut, i) => rangeOf<T>(cut, cuts[i + 1] ?? until, true));
    range.until = cuts[0];
    this.ranges.splice(this.ranges.indexOf(range) + 1, 0, ...parts);
  }

  /** All of a range was given out: what its guess was worth. */
  private finish(range: Range<T>): void {
    this.ranges.shift();
    if (!range.guessed || range.pages === 0) return;
    const filled = range.used / (range.pages * this.pageKeys);
    if (filled < FULL) {
      this.wasted += range.pages * (1 - filled);
      this.window = Math.max(1, Math.floor(this.window / 2));
      this.reach = Math.min(1024, this.reach * 2);
      return;
    }
    this.window = Math.min(this.options.requests, this.window * 2);
    if (range.pages >= LONG_PAGES) this.reach = Math.max(1 / 16, this.reach / 2);
  }

  /** The server has nothing behind this page: the ranges that lie there are empty. */
  private endBehind(page: Page<T>, count: number): void {
    if (count < page.keys.length) return; // keys of later ranges: they find them
    this.ranges.length = 1;
  }

  /** Before the first guess disorder only means that there will be none. */
  private checkOrder({ after, lastKey }: Range<T>, keys: readonly string[]): void {
    let last = lastKey ?? after;
    for (const key of keys) {
      if (last !== undefined && comparePaths(last, key) >= 0) {
        if (this.guessing) throw new DisorderError(key);
        this.inOrder = false;
        return;
      }
      last = key;
    }
  }
}

function rangeOf<T>(after: string | undefined, until: string | undefined, guessed: boolean): Range<T> {
  const start = after === undefined ? {} : { after };
  return { after, until, guessed, held: [], start, lastKey: undefined, pages: 0, used: 0 };
}

/** How many of ascending keys are not behind a bound. */
function countUntil(keys: readonly string[], until: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePaths(keys[middle] as string, until) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
