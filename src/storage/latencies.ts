/**
 * How long calls took, in a histogram of constant size: eight buckets to an octave, so that a percentile is right
 * within 5 %.
 */

const PER_OCTAVE = 8;
/** The end of the first bucket, in milliseconds. */
const LEAST_MS = 0.01;
/** 0.01 ms to 12 hours. */
const BUCKETS = 256;

/** A histogram as plain data: pairs of bucket and count. */
export interface LatencyData {
  readonly buckets: readonly (readonly [bucket: number, count: number])[];
  readonly sumMs: number;
  readonly maxMs: number;
}

export class Latencies {
  private readonly counts = new Float64Array(BUCKETS);
  private total = 0;
  private sum = 0;
  private longest = 0;

  add(ms: number): void {
    const bucket = Math.floor(Math.log2(ms / LEAST_MS) * PER_OCTAVE) + 1;
    this.put(Math.min(BUCKETS - 1, Math.max(0, bucket)), 1);
    this.sum += ms;
    this.longest = Math.max(this.longest, ms);
  }

  merge({ buckets, sumMs, maxMs }: LatencyData): void {
    for (const [bucket, count] of buckets) this.put(bucket, count);
    this.sum += sumMs;
    this.longest = Math.max(this.longest, maxMs);
  }

  export(): LatencyData {
    const buckets = [...this.counts.entries()].filter(([, count]) => count > 0);
    return { buckets, sumMs: this.sum, maxMs: this.longest };
  }

  get count(): number {
    return this.total;
  }

  get sumMs(): number {
    return this.sum;
  }

  get maxMs(): number {
    return this.longest;
  }

  /** The time within which this share of the calls ended, in milliseconds; 0 when there were none. */
  quantile(share: number): number {
    let left = Math.max(1, Math.ceil(share * this.total));
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.counts[bucket] as number;
      if (left <= 0) return Math.min(this.longest, LEAST_MS * 2 ** ((bucket - 0.5) / PER_OCTAVE));
    }
    return 0;
  }

  private put(bucket: number, count: number): void {
    this.counts[bucket] = (this.counts[bucket] as number) + count;
    this.total += count;
  }
}
