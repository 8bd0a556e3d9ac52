/**
 * What a pool has in flight, and whether one more task may join it: by their number (climb.ts) and, where that is not
 * chosen but found, by the memory that they take. Pure.
 *
 * There is room for a few heavy tasks, and beside as many as there may be at first for light ones.
 */
import { type Bounds, Climb } from "./climb.ts";

const MIB = 2 ** 20;
/** Bytes in memory of all tasks in flight, as far as that can be told. */
const MEMORY_BYTES = 96 * MIB;
/** Weights of each task beside the heaviest, and of all these together. */
const LIGHT_BYTES = MIB;
const LIGHT_BYTES_IN_SUM = 8 * MIB;

export class InFlight {
  readonly bounds: Bounds;
  private readonly climb: Climb;
  private readonly memoryOf: (weight: number) => number;
  /** Of the tasks in flight, in bytes. */
  private readonly weights: number[] = [];

  /** @param memoryOf what a task of some weight takes in memory, in bytes. */
  constructor(bounds: Bounds, memoryOf: (weight: number) => number = (weight) => weight) {
    this.bounds = bounds;
    this.memoryOf = memoryOf;
    this.climb = new Climb(bounds);
  }

  /** How many tasks may be in flight now, if they are light. */
  get limit(): number {
    return this.climb.limit;
  }

  /** Whether a task of this weight may begin now. One may always, when nothing is in flight. */
  admits(weight: number): boolean {
    const { first, most } = this.bounds;
    if (this.weights.length === 0) return true;
    if (this.weights.length >= this.limit) return false;
    if (first === most) return true; // whoever chose the number chose the memory
    const weights = [...this.weights, weight].sort((a, b) => b - a);
    const others = weights.slice(first);
    return (
      sumOf(weights.map(this.memoryOf)) <= MEMORY_BYTES &&
      (others[0] ?? 0) <= LIGHT_BYTES &&
      sumOf(others) <= LIGHT_BYTES_IN_SUM
    );
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

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}
