/**
 * How many of the main thread's own operations on a storage (looking, renaming, removing) are in flight: found out like the
 * number of files (pool/climb.ts).
 */
import pLimit from "p-limit";
import { type Bounds, Climb } from "../pool/climb.ts";
import type { CallStats } from "../storage/call-stats.ts";

/** Begins an operation once there is room for it. Not to be called within one. */
export type LimitOperations = <T>(operation: () => Promise<T>) => Promise<T>;

/** @param calls tell of servers that ask for fewer requests. */
export function limitOperations(bounds: Bounds, calls: CallStats): LimitOperations {
  const climb = new Climb(bounds);
  const limit = pLimit(climb.limit);
  const follow = () => {
    if (limit.concurrency !== climb.limit) limit.concurrency = climb.limit;
  };
  calls.onThrottled(() => {
    climb.throttled(limit.activeCount, performance.now());
    follow();
  });
  return (operation) =>
    limit(async () => {
      try {
        return await operation();
      } finally {
        const full = limit.pendingCount > 0 && limit.activeCount >= climb.limit;
        climb.completed(0, performance.now(), full);
        follow();
      }
    });
}
