/**
 * What a pool has in flight, and whether one more task may join it: by their number (climb.ts) and by their weight. Pure.
 *
 * A task takes memory by its weight. As many as there may be at first are let in whatever they weigh; beside the heaviest
 * of them there is room for light ones.
 */
import { type Bounds, Climb } from "./climb.ts";

const MIB = 2 ** 20;
/** Of each task beside the heaviest, and of all these together: a file takes up to three times its bytes in memory. */
const LIGHT_BYTES = MIB;
const LIGHT_BYTES_IN_SUM = 8 * MIB;

export class InFlight {
  readonly bounds: Bounds;
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
    const others = [...this.weights, weight].sort((a, b) => b - a).slice(first);
    const sum = others.reduce((before, each) => before + each, 0);
    return (others[0] ?? 0) <= LIGHT_BYTES && sum <= LIGHT_BYTES_IN_SUM;
  }

  begin(weight: number): void {
    this.weights.push(weight);
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
