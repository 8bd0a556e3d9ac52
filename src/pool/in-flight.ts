/**
 * What a pool has in flight, and whether one more task may join it: by their number (climb.ts) and by their weight. Pure.
 *
 * A task takes memory by its weight. As many as there may be at first are let in whatever they weigh; beside the heaviest
 * of those, others may be in flight as long as they are light in sum.
 */
import { type Bounds, Climb } from "./climb.ts";

/** Bytes of the tasks in flight beside the heaviest. A file takes up to three times its size in memory. */
const LIGHT_BYTES = 16 * 1024 * 1024;

export class InFlight {
  readonly bounds: Bounds;
  /** The most that were in flight at once. */
  highest = 0;
  private readonly climb: Climb;
  /** Of the tasks in flight, in bytes. */
  private readonly weights: number[] = [];

  constructor(bounds: Bounds) {
    this.bounds = bounds;
    this.climb = new Climb(bounds);
  }

  /** How many tasks may be in flight now, if they are light. */
  get limit(): number {
    return this.climb.limit;
  }

  /** Whether a task of this weight may begin now. One may always, when nothing is in flight. */
  admits(weight: number): boolean {
    const { first } = this.bounds;
    if (this.weights.length >= this.limit) return false;
    if (this.weights.length < first) return true;
    const lighter = [...this.weights, weight].sort((a, b) => a - b).slice(0, -first);
    return lighter.reduce((sum, each) => sum + each, 0) <= LIGHT_BYTES;
  }

  begin(weight: number): void {
    this.weights.push(weight);
    this.highest = Math.max(this.highest, this.weights.length);
  }

  /**
   * A task was done.
   *
   * @param at milliseconds
   * @param waiting whether there are more tasks
   */
  complete(weight: number, at: number, waiting: boolean): void {
    const full = waiting && this.weights.length >= this.limit;
    this.drop(weight);
    this.climb.completed(weight, at, full);
  }

  /** A task was not done: its thread died. */
  drop(weight: number): void {
    this.weights.splice(this.weights.indexOf(weight), 1);
  }

  /** The storage asks for fewer requests. */
  throttled(at: number): void {
    this.climb.throttled(this.weights.length, at);
  }
}
