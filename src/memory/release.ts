/**
 * Giving memory back at once.
 *
 * The contents of buffers lie outside of V8's heap and go with the object that the garbage collector finds dead, some
 * time later. A run makes four of them for each file: some 100 MB wait, and what they weigh makes the collector come
 * (a fifth of all time of a first backup). Whoever knows that a buffer is of no more use says so; then the next one gets
 * the same memory, still in the processor's cache.
 */

/** Below this, garbage is cheaper. */
export const RELEASED_LEAST = 4096;
/** Node's pool of small buffers, with what aligns it (since Node 26), and what sockets read into: memory of several owners. */
const SHARED: ReadonlySet<number> = new Set([Buffer.allocUnsafe(1).buffer.byteLength, 64 * 1024]);
/** Views of less than all of a buffer may be of Node's pools, unless it is larger than what those give out. */
const PART_LEAST = Buffer.poolSize >>> 1;

/** Uninitialized memory that `release` can give back: not of Node's pool, if it is worth that. */
export function allocate(bytes: number): Buffer {
  return bytes < RELEASED_LEAST
    ? Buffer.allocUnsafe(bytes)
    : Buffer.allocUnsafeSlow(notShared(bytes)).subarray(0, bytes);
}

/** The size of a buffer for so many bytes that Node is to make in memory of its own, so that `release` can give it back. */
export function unpooled(bytes: number): number {
  return bytes < RELEASED_LEAST ? bytes : notShared(Math.max(bytes, PART_LEAST));
}

/**
 * The buffer, and all views of its memory, are of length 0 afterwards. Only for who made it, when all it was given to have
 * resolved: readers and codecs may give out views of what they use again.
 *
 * @param views buffers that may lie in the same memory and stay; then nothing happens.
 */
export function release(bytes: Uint8Array, ...views: readonly Uint8Array[]): void {
  if (bytes.buffer.byteLength < RELEASED_LEAST || !isUnpooled(bytes)) return;
  const { buffer } = bytes;
  if (views.some((view) => view.buffer === buffer)) return;
  try {
    buffer.transfer(0);
  } catch {
    // Whoever made it keeps it, as Node does its pool since 26: the collector will come.
  }
}

/** Whether memory is none that Node gives out in parts: what lies in it goes with it. */
export function isUnpooled(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes;
  if (!(buffer instanceof ArrayBuffer) || SHARED.has(buffer.byteLength)) return false;
  return byteLength === buffer.byteLength || buffer.byteLength >= PART_LEAST;
}

/** The same bytes in one buffer, as `Buffer.concat` joins them, that `release` can give back. */
export function joined(parts: readonly Uint8Array[]): Buffer {
  const whole = allocate(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function notShared(bytes: number): number {
  return SHARED.has(bytes) ? bytes + 1 : bytes;
}
