/**
 * How many cuts a listing may be given, how far apart, and how boldly guessed: by what the cuts so far were worth. Pure.
 *
 * A cut costs at most one request: one that finds nothing, or the last page of the range before it, which is never full.
 */

/** Up to so many pages a listing costs no request more than it has pages. */
const PAGES_BEFORE = 3;
/** So many requests may be lost: a few, and a share of all. */
const LOST_AT_FIRST = 6;
const LOST_SHARE = 0.1;
/** Pages between two cuts: few at first, so that all requests are soon in use, then enough to be worth a cut. */
const SHORTEST_REACH = 3;
const LONGEST_REACH = 8;
const CUTS_PER_STEP = 3;
/** Pages of a range that was hardly worth its cut, and of one that shows that cuts lie too far apart. */
const SHORT = 1.5;
const LONG = 20;
const WIDEST = 15;

/** What there is to know of a range. */
interface Judged {
  readonly first: string | undefined;
  readonly pages: number;
  readonly keys: number;
  readonly isOver: boolean;
}

export class CutJudge {
  cuts = 0;
  /** Cuts that may be open before the first page behind one has come. */
  trust = 1;
  /** How many of the nearest guesses are passed over: more after short ranges, fewer after long ones. */
  wider = 0;
  private readonly requests: number;
  private answers = 0;
  private keys = 0;
  private pageKeys = 1;

  /** `requests` at once. */
  constructor(requests: number) {
    this.requests = requests;
  }

  /** Pages from a cut to the next. */
  get reach(): number {
    return Math.min(LONGEST_REACH, SHORTEST_REACH + Math.floor(this.cuts / CUTS_PER_STEP));
  }

  /** A page has come with so many keys, so many of them wanted. */
  answered(keys: number, wanted: number): void {
    this.answers++;
    this.keys += wanted;
    this.pageKeys = Math.max(this.pageKeys, keys);
  }

  /** Whether there may be a cut, even if it and each of the joints of so many ranges cost a request. */
  canAfford(ranges: number): boolean {
    const pages = this.keys / this.pageKeys;
    const lost = this.answers - pages + ranges;
    return pages >= PAGES_BEFORE && lost <= Math.min(LOST_AT_FIRST, pages - 1) + LOST_SHARE * pages;
  }

  /** A range has got a page. */
  look({ first, pages, keys, isOver }: Judged, wasUnproved: boolean): void {
    if (first === undefined) return;
    if (wasUnproved) this.trust = Math.min(this.requests, this.trust + 1);
    if (isOver && keys < SHORT * this.pageKeys) this.widen();
    if (pages > LONG) this.wider >>= 1;
  }

  /** Behind a cut there was nothing. */
  foundNothing(): void {
    this.trust = Math.max(1, this.trust >> 1);
    this.widen();
  }

  private widen(): void {
    this.wider = Math.min(WIDEST, 2 * this.wider + 1);
  }
}
