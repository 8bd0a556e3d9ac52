/**
 * A long listing by several requests at once.
 *
 * S3 gives a listing page by page, each known only when the one before has come. It also lists what follows any key
 * (`start-after`). So once a listing turns out to be long, what is to come is cut into ranges at guessed keys
 * (key-guess.ts), which are listed side by side, and given out in order. How they join is proved (key-range.ts): where
 * that fails, because the server lists in another order or does not know `start-after`, the range before the cut goes
 * on alone, as if there had been no cut.
 */
import { CutJudge } from "./cut-judge.ts";
import { guessCut, KeyShape } from "./key-guess.ts";
import { KeyRange, type Page, type PageStart } from "./key-range.ts";

/** Pages that wait to be given out, or are on their way: of a range, of it and those before it, and of all. */
const PAGES_OF_RANGE = 12;
const PAGES_AHEAD = 32;
const PAGES_OF_ALL = 56;
/** Joints that may break, because keys come and go while they are listed, before there are no more cuts. */
const BROKEN_JOINTS = 2;

export interface AheadOptions {
  /** Requests at once; with one there are no cuts. */
  readonly requests: number;
  /** Bytes that all keys begin with. */
  readonly prefixLength: number;
  /** What to throw where the server goes on and on, and nothing comes of it. */
  readonly endless?: () => Error;
}

/** Gives one page; undefined when the server refuses to begin behind a key. */
export type Fetch<T> = (start: PageStart) => Promise<Page<T> | undefined>;

/** The pages of a listing, in order. The failure of any request ends it. */
export async function* listAhead<T>(fetch: Fetch<T>, options: AheadOptions): AsyncGenerator<readonly T[]> {
  const listing = new Listing(fetch, options);
  try {
    yield* listing.pages();
  } finally {
    listing.stop();
  }
}

class Listing<T> {
  private readonly fetch: Fetch<T>;
  private readonly options: AheadOptions;
  private readonly shape = new KeyShape();
  private readonly judge: CutJudge;
  /** In the order of their keys. */
  private ranges: KeyRange<T>[] = [new KeyRange<T>()];
  private failure: { error: unknown } | undefined;
  private wake = () => {};
  private isWaiting = false;
  private mayCut: boolean;
  private broken = 0;

  constructor(fetch: Fetch<T>, options: AheadOptions) {
    this.fetch = fetch;
    this.options = options;
    this.judge = new CutJudge(options.requests);
    this.mayCut = options.requests > 1;
  }

  async *pages(): AsyncGenerator<readonly T[]> {
    for (;;) {
      if (this.failure !== undefined) throw this.failure.error;
      const [range] = this.ranges;
      if (range === undefined) return;
      const page = range.ready.shift();
      if (page !== undefined) {
        this.ask();
        yield page;
      } else if (range.isOver && this.isJoined()) {
        this.ranges.shift();
      } else {
        await this.nextAnswer();
      }
    }
  }

  /** Nothing is asked for any more; what was, is not waited for. */
  stop(): void {
    this.ranges = [];
  }

  private async nextAnswer(): Promise<void> {
    const answer = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    this.isWaiting = true;
    this.ask();
    await answer;
    this.isWaiting = false;
  }

  /** Whether the first range goes over into the second without a gap, or is the last. */
  private isJoined(): boolean {
    const [range, later] = this.ranges;
    return later === undefined || range?.jointWith(later) === "exact";
  }

  /** Sends what may be asked for now, earlier ranges first; where that leaves requests, and the caller waits, it cuts. */
  private ask(): void {
    for (const range of this.ranges) this.askFor(range);
    while (this.isWaiting && this.mayCut && this.hasRoom(0) && this.judge.canAfford(this.ranges.length)) {
      if (!this.cut()) return;
    }
  }

  private askFor(range: KeyRange<T>): void {
    const { next, ready } = range;
    if (next === undefined || range.isAsking || this.asked() >= this.options.requests) return;
    const isAwaited = range === this.ranges[0] && ready.length === 0;
    // Before the first cut one page is on its way while one is used, as in any listing.
    const most = this.judge.cuts === 0 ? 1 : PAGES_OF_RANGE;
    if (!isAwaited && (ready.length >= most || !this.hasRoom(this.ranges.indexOf(range)))) return;
    range.isAsking = true;
    this.fetch(next).then(
      (page) => this.arrived(range, page),
      (error: unknown) => this.failed(range, error),
    );
  }

  private asked(): number {
    return this.ranges.reduce((sum, { isAsking }) => sum + (isAsking ? 1 : 0), 0);
  }

  /** For one more page of a range. What lies behind it counts for less: it goes out later. */
  private hasRoom(at: number): boolean {
    let ahead = 0;
    let all = 0;
    for (const [i, { ready, isAsking }] of this.ranges.entries()) {
      const held = ready.length + (isAsking ? 1 : 0);
      all += held;
      if (i <= at) ahead += held;
    }
    return this.asked() < this.options.requests && ahead < PAGES_AHEAD && all < PAGES_OF_ALL;
  }

  /** Cuts the first range that is long enough, and asks for what lies behind the cut; false when there is none. */
  private cut(): boolean {
    const { reach, wider, trust } = this.judge;
    const unproved = this.ranges.reduce((sum, { first }) => sum + (first === undefined ? 1 : 0), 0);
    if (unproved >= trust) return false;
    const { prefixLength } = this.options;
    for (const [i, range] of this.ranges.entries()) {
      const [nearest] = range.stretches;
      if (range.isOver || nearest === undefined) continue;
      const limit = range.limit ?? range.until;
      const key = guessCut(this.shape, range.stretches, { reach, limit, prefixLength, wider });
      if (key === undefined) continue;
      const behind = range.cut(key, { ...nearest, last: key, pages: nearest.pages + reach });
      this.ranges.splice(i + 1, 0, behind);
      this.judge.cuts++;
      this.askFor(behind);
      return true;
    }
    return false;
  }

  private failed(range: KeyRange<T>, error: unknown): void {
    if (!this.ranges.includes(range)) return; // dropped meanwhile
    this.failure ??= { error };
    this.wake();
  }

  private arrived(range: KeyRange<T>, page: Page<T> | undefined): void {
    range.isAsking = false;
    const at = this.ranges.indexOf(range);
    if (at === -1) return; // dropped meanwhile
    if (page === undefined) this.goOnAlone(at - 1, false);
    else this.take(range, at, page);
    if (range.isStuck)
      this.failure ??= { error: this.options.endless?.() ?? new Error("the listing has no end") };
    this.lookAtJoints();
    this.wake();
    this.ask();
  }

  private take(range: KeyRange<T>, at: number, page: Page<T>): void {
    const wasUnproved = range.first === undefined;
    const keysBefore = range.keys;
    if (range.take(page)) {
      this.judge.answered(page.keys.length, range.keys - keysBefore);
      this.judge.look(range, wasUnproved);
      if (this.mayCut) this.shape.learn(page.keys);
    } else if (wasUnproved && at > 0) {
      this.goOnAlone(at - 1, false);
    } else {
      this.goOnAlone(at, true);
      range.take(page);
    }
  }

  /** Takes back the cuts that found nothing, and those whose two sides do not fit. */
  private lookAtJoints(): void {
    for (let i = 0; i + 1 < this.ranges.length; ) {
      const [range, later] = [this.ranges[i] as KeyRange<T>, this.ranges[i + 1] as KeyRange<T>];
      if (later.isEmpty) {
        range.absorb(later);
        this.ranges.splice(i + 1, 1);
        this.judge.foundNothing();
      } else if (range.jointWith(later) === "broken") {
        this.ranges.length = i + 1;
        range.goOn(false);
        if (++this.broken >= BROKEN_JOINTS) this.mayCut = false;
      } else i++;
    }
  }

  /** From here on the listing is one range, and stays so. `free`: in whatever order. */
  private goOnAlone(at: number, free: boolean): void {
    this.mayCut = false;
    this.ranges.length = at + 1;
    this.ranges[at]?.goOn(free);
  }
}
