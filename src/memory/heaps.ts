/** How much memory this process's threads take before they collect garbage. */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/** Bytes in memory above which a thread that is alone gets careful, too. */
const MUCH = 110 * 2 ** 20;
/** Bytes of a nursery, both halves, that is large enough. */
const NURSERY = 16 * 2 ** 20;
const LOOK_MS = 20;

/**
 * Keeps heaps small: of this thread from now on, and of the threads that it starts. A run makes millions of short-lived
 * strings and buffers and keeps hardly any; V8 would let its heaps grow for them, to three times the size, and gain
 * nothing. 20,000 files of up to 2 KiB, first backup: 148 MB instead of 226, in the same time.
 *
 * The nursery is kept at a size where next to nothing outlives it: 100,000 unchanged files with 95 MiB instead of 131. Those
 * of other threads then grow no more either, which was measured to cost nothing. What does outlive it may take its time as
 * long as there is little of it: a fifth less time for an unchanged run.
 */
export function keepHeapsSmall(): void {
  const waiting = new Map([
    [() => nurseryBytes() >= NURSERY, () => setFlagsFromString("--semi-space-growth-factor=1")],
    [() => residentBytes() >= MUCH, keepManyHeapsSmall],
  ]);
  const timer = setInterval(() => {
    for (const [isTime, act] of waiting) {
      if (!isTime()) continue;
      waiting.delete(isTime);
      act();
    }
    if (waiting.size === 0) clearInterval(timer);
  }, LOOK_MS).unref();
}

/**
 * For more threads than this one, before they start. Each begins with room for what it loads, so that it does not look
 * through that again and again.
 */
export function keepManyHeapsSmall(): void {
  setFlagsFromString("--optimize-for-size");
  setFlagsFromString("--initial-heap-size=24");
}

function nurseryBytes(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0;
}

/** Node opens a file for it, and all that this process may open can be open: then the next look tells. */
function residentBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return 0;
  }
}
