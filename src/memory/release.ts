/**
 * Giving memory back at once.
 *
 * The contents of buffers lie outside of V8's heap and go with the object that the garbage collector finds dead, some
 * time later. A run makes three of them for each file: some 100 MB wait, and what they weigh makes the collector come
 * (a fifth of all time of a first backup). Whoever knows that a buffer is of no more use says so.
 */

/** Node's pool of small buffers, and what sockets read into, are of this size: their memory has several owners. */
const SHARED_MOST = Math.max(Buffer.poolSize, 64 * 1024);

/**
 * The buffer, and all views of its memory, are of length 0 afterwards. Only for who made it, when all it was given to have
 * resolved: readers and codecs may give out views of what they use again.
 *
 * @param views buffers that may lie in the same memory and stay; then nothing happens.
 */
export function release(bytes: Uint8Array, ...views: readonly Uint8Array[]): void {
  const { buffer } = bytes;
  if (buffer.byteLength <= SHARED_MOST || !(buffer instanceof ArrayBuffer)) return;
  if (views.every((view) => view.buffer !== buffer)) buffer.transfer(0);
}
