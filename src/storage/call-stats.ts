/**
 * What the calls to storages cost: counted by storage and operation, each logical call and each attempt of it. Every
 * thread counts its own; what workers counted is merged in the end. What is slow or refused is told at once.
 */
import { Latencies, type LatencyData } from "./latencies.ts";

/** One logical call, or one attempt of it, that has come to its end. */
export interface FinishedCall {
  /** `destination s3://bucket/base`. */
  readonly storage: string;
  /** As S3 calls it: `PutObject`. */
  readonly operation: string;
  readonly kind: "call" | "attempt";
  readonly ms: number;
  /** Of the bodies, sent and received. */
  readonly bytes: number;
  readonly failed: boolean;
  /** What it was about, raw. */
  readonly key?: string;
}

/** Of the calls, or of the attempts. */
export interface Counted {
  readonly latencies: Latencies;
  failed: number;
  bytes: number;
}

export interface OperationStats {
  readonly storage: string;
  readonly operation: string;
  readonly call: Counted;
  readonly attempt: Counted;
}

type CountedData = { readonly latencies: LatencyData; readonly failed: number; readonly bytes: number };

/** As plain data, for another thread. */
export type CallData = readonly {
  readonly storage: string;
  readonly operation: string;
  readonly call: CountedData;
  readonly attempt: CountedData;
}[];

export class CallStats {
  private readonly operations = new Map<string, OperationStats>();
  private readonly slowMs: number;
  private readonly onSlow: ((call: FinishedCall) => void) | undefined;
  private readonly throttledListeners: (() => void)[] = [];

  /** `onSlow` is told of each logical call, and each attempt, of `slowMs` and more, as it ends. */
  constructor({ slowMs, onSlow }: { slowMs?: number; onSlow?: (call: FinishedCall) => void } = {}) {
    this.slowMs = slowMs ?? Number.POSITIVE_INFINITY;
    this.onSlow = onSlow;
  }

  /** For another thread that is to tell of the same calls. */
  get slowFrom(): number | undefined {
    return this.slowMs === Number.POSITIVE_INFINITY ? undefined : this.slowMs;
  }

  record(call: FinishedCall): void {
    const counted = this.of(call.storage, call.operation)[call.kind];
    counted.latencies.add(call.ms);
    counted.bytes += call.bytes;
    if (call.failed) counted.failed++;
    if (call.ms >= this.slowMs) this.tellSlow(call);
  }

  /** Hands on what another thread found slow. */
  tellSlow(call: FinishedCall): void {
    this.onSlow?.(call);
  }

  /** Has `listener` told of each attempt that a server refused since it gets too many requests. */
  onThrottled(listener: () => void): void {
    this.throttledListeners.push(listener);
  }

  /** A server refused an attempt since it gets too many requests, here or in another thread. */
  tellThrottled(): void {
    for (const listener of this.throttledListeners) listener();
  }

  export(): CallData {
    return [...this.operations.values()].map(({ storage, operation, call, attempt }) => ({
      storage,
      operation,
      call: { ...call, latencies: call.latencies.export() },
      attempt: { ...attempt, latencies: attempt.latencies.export() },
    }));
  }

  merge(data: CallData): void {
    for (const { storage, operation, ...counts } of data) {
      const stats = this.of(storage, operation);
      for (const kind of ["call", "attempt"] as const) {
        stats[kind].latencies.merge(counts[kind].latencies);
        stats[kind].failed += counts[kind].failed;
        stats[kind].bytes += counts[kind].bytes;
      }
    }
  }

  /** All operations, by storage and name. */
  list(): readonly OperationStats[] {
    const by = ({ storage, operation }: OperationStats) => `${storage}\0${operation}`;
    return [...this.operations.values()].sort((a, b) => (by(a) < by(b) ? -1 : 1));
  }

  private of(storage: string, operation: string): OperationStats {
    const id = `${storage}\0${operation}`;
    let stats = this.operations.get(id);
    if (stats === undefined) {
      stats = { storage, operation, call: nothing(), attempt: nothing() };
      this.operations.set(id, stats);
    }
    return stats;
  }
}

function nothing(): Counted {
  return { latencies: new Latencies(), failed: 0, bytes: 0 };
}
