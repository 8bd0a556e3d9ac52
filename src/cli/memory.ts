/** How much memory this process's threads take before they collect garbage. */
import { setFlagsFromString } from "node:v8";

/**
 * Keeps heaps small: of this thread from now on, and of the threads that it starts. A run makes millions of short-lived
 * strings and buffers and keeps hardly any; V8 would let its heaps grow for them, to three times the size, and gain
 * nothing. 20,000 files of up to 2 KiB, first backup: 148 MB instead of 226, in the same time.
 */
export function keepHeapsSmall(): void {
  setFlagsFromString("--optimize-for-size");
  setFlagsFromString("--max-semi-space-size=4");
}
