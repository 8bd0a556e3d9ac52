/**
 * How many tasks at once are worth it, where most of a task is waiting for a server: found by trying. Pure; times are
 * milliseconds of any clock that never goes back.
 *
 * What is got through in a window of time tells: with more at once than before it has to rise, with fewer it must not
 * fall. A window counts only while the number is used to the full, and ends after whole rounds (as many tasks as are in
 * flight): what begins together ends together, and a part of a round would say too much or too little.
 *
 * A server that asks for fewer requests gets half of them; in quiet times they come back a few at a time.
 */

export interface Bounds {
  /** At first; never fewer, unless the server asks for it. */
  readonly first: number;
  /** The same as `first` where nothing is to be found out. */
  readonly most: number;
}

/** What a task costs beside its bytes, in bytes: so windows of small and of large files can be compared. */
const TASK_BYTES = 256 * 1024;
const WINDOW_MS = 250;
const ROUNDS = 2;
/** How many times as many are tried: boldly, and when that was too much. */
const FAR = 2;
const NEAR = 1.4;
/** More are worth it when they bring this share of what they would bring if nothing else stood in the way. */
const WORTH = 0.4;
/** Fewer are as good when this share of the rate is left. */
const AS_GOOD = 0.95;
/** Windows before the first try: in the first one modules load and connections are made. */
const WARMING = 1;
/** Windows after a try in vain: few at first, then more and more. */
const SHORT_REST = 4;
const LONG_REST = 32;
/** Refusals so close together are one. */
const BURST_MS = 2000;
/** After so long without a refusal an eighth more may be in flight, one at least. */
const QUIET_MS = 2000;
const EIGHTH = 8;

interface Window {
  readonly since: number;
  tasks: number;
  cost: number;
}

export class Climb {
  /** How many tasks may be in flight now: from 1 to `most`. */
  limit: number;
  private readonly bounds: Bounds;
  /** `limit` is the best number known, or more or fewer are tried, or the server wants fewer. */
  private state: "best" | "more" | "fewer" | "held back" = "best";
  private best: number;
  /** In cost per millisecond. */
  private bestRate = 0;
  private factor = FAR;
  /** Where to look next. */
  private upward = true;
  /** Windows until then. */
  private rest = WARMING;
  private nextRest = SHORT_REST;
  /** So many tasks to come may have begun under another limit, and are not measured. */
  private earlier: number;
  private window: Window | undefined;
  private refusedAt = Number.NEGATIVE_INFINITY;
  private quietSince = Number.NEGATIVE_INFINITY;

  constructor(bounds: Bounds) {
    this.bounds = bounds;
    this.limit = bounds.first;
    this.best = bounds.first;
    this.earlier = bounds.first;
  }

  /**
   * A task has come to its end.
   *
   * @param bytes what it had to read or write
   * @param full whether as many were in flight as may be while more were waiting: otherwise there is nothing to be learned
   */
  completed(bytes: number, at: number, full: boolean): void {
    if (this.state === "held back") this.recover(at);
    else if (this.bounds.first === this.bounds.most) return;
    else if (!full) this.window = undefined;
    else if (this.earlier > 0) this.earlier--;
    else this.measure(TASK_BYTES + bytes, at);
  }

  /** The server asked for fewer requests while so many tasks were in flight. */
  throttled(inFlight: number, at: number): void {
    this.quietSince = at;
    if (at - this.refusedAt < BURST_MS) return;
    this.refusedAt = at;
    const used = Math.min(this.limit, Math.max(inFlight, this.bounds.first));
    this.moveTo(Math.max(1, Math.floor(used / 2)));
    this.state = this.limit < this.best ? "held back" : "best";
    this.factor = NEAR;
    this.restLonger();
  }

  private recover(at: number): void {
    if (at - this.quietSince < QUIET_MS) return;
    this.quietSince = at;
    this.moveTo(Math.min(this.best, this.limit + Math.ceil(this.limit / EIGHTH)));
    if (this.limit === this.best) this.state = "best";
  }

  private measure(cost: number, at: number): void {
    const { window, limit } = this;
    if (window === undefined) {
      this.window = { since: at, tasks: 0, cost: 0 };
      return;
    }
    window.tasks++;
    window.cost += cost;
    const elapsed = at - window.since;
    if (elapsed < WINDOW_MS || window.tasks < ROUNDS * limit || window.tasks % limit !== 0) return;
    this.window = { since: at, tasks: 0, cost: 0 };
    this.judge(window.cost / elapsed);
  }

  private judge(rate: number): void {
    if (this.state === "best") {
      this.bestRate = rate;
      if (this.rest > 0) this.rest--;
      else this.tryOthers();
    } else if (this.state === "more") {
      const worthIt = this.bestRate * (1 + WORTH * (this.limit / this.best - 1));
      if (rate >= worthIt) this.keep(rate, 0);
      else this.turnBackFromMore();
    } else if (rate >= AS_GOOD * this.bestRate) {
      this.keep(rate, SHORT_REST);
    } else {
      this.turnBack();
      this.upward = true;
      this.restLonger();
    }
  }

  private tryOthers(): void {
    const { best, bounds } = this;
    const more = Math.min(bounds.most, Math.ceil(best * this.factor));
    const fewer = Math.max(bounds.first, Math.floor(best / NEAR));
    const goesUp = more > best && (this.upward || fewer === best);
    this.state = goesUp ? "more" : "fewer";
    this.moveTo(goesUp ? more : fewer);
  }

  /** What was tried is the best now; the same way may lead further. */
  private keep(rate: number, rest: number): void {
    this.best = this.limit;
    this.bestRate = rate;
    this.factor = FAR;
    this.nextRest = SHORT_REST;
    this.rest = rest;
    this.upward = this.state === "more";
    this.state = "best";
    const ended = this.best === (this.upward ? this.bounds.most : this.bounds.first);
    if (ended) this.restLonger();
    else if (rest === 0) this.tryOthers();
  }

  /** To the best so far. Where much more was too much, somewhat more may not be; then it is time for fewer. */
  private turnBackFromMore(): void {
    const nearer = this.factor === FAR;
    this.turnBack();
    this.factor = nearer ? NEAR : FAR;
    this.upward = nearer;
    if (nearer) this.rest = WARMING;
    else this.restLonger();
  }

  private turnBack(): void {
    this.state = "best";
    this.moveTo(this.best);
  }

  private restLonger(): void {
    this.rest = this.nextRest;
    this.nextRest = Math.min(LONG_REST, 2 * this.nextRest);
  }

  private moveTo(limit: number): void {
    this.earlier = this.limit;
    this.limit = limit;
    this.window = undefined;
  }
}
