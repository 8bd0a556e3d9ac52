/**
 * Tasks against a storage that exists on paper: each waits for an answer, and all share what comes behind it, a wire or a
 * processor. The clock is simulated; nothing is random but what a seed says.
 */
import type { InFlight } from "../../src/pool/in-flight.ts";

export interface Storage {
  /** Milliseconds that a task waits, however many others do. */
  readonly latency: number;
  /** Milliseconds of what all share, for each task and for each MiB. */
  readonly work?: number;
  readonly workPerMib?: number;
  /** How far a latency may be off, as a share of it. */
  readonly noise?: number;
  /** More requests at once are refused; each tries again after a while. */
  readonly refusesAbove?: (at: number) => number;
}

export interface Ran {
  readonly seconds: number;
  readonly highest: number;
  /** The limit after each task. */
  readonly limits: readonly number[];
  readonly refusals: number;
}

const MIB = 2 ** 20;
const RETRY_MS = 500;

/** Runs tasks of these sizes in bytes. */
export function run(inFlight: InFlight, sizes: readonly number[], storage: Storage, seed = 1): Ran {
  const { latency, work = 0, workPerMib = 0, noise = 0, refusesAbove } = storage;
  const random = mulberry(seed);
  const limits: number[] = [];
  const events: { at: number; size: number }[] = [];
  let [next, now, busyUntil, refusals, highest] = [0, 0, 0, 0, 0];
  const endOf = (size: number, begun: number) => {
    const ready = begun + latency * (1 + noise * (2 * random() - 1));
    busyUntil = Math.max(ready, busyUntil) + work + (workPerMib * size) / MIB;
    return busyUntil;
  };
  const begin = (size: number) => {
    inFlight.begin(size);
    let begun = now;
    if (refusesAbove !== undefined && events.length >= refusesAbove(now)) {
      refusals++;
      inFlight.throttled(now);
      begun += RETRY_MS;
    }
    events.push({ at: endOf(size, begun), size });
    highest = Math.max(highest, events.length);
  };
  const dispatch = () => {
    while (next < sizes.length && inFlight.admits(sizes[next] as number)) begin(sizes[next++] as number);
  };
  for (dispatch(); events.length > 0; dispatch()) {
    events.sort((a, b) => b.at - a.at);
    const { at, size } = events.pop() as (typeof events)[number];
    now = at;
    inFlight.complete(size, at, next < sizes.length);
    limits.push(inFlight.limit);
  }
  return { seconds: now / 1000, highest, limits, refusals };
}

function mulberry(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
