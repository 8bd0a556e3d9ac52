/**
 * The bytes of one part while they gather.
 *
 * Full-size buffers are used again and again: allocating and clearing 8 MiB for each part of a large object costs
 * more than sending it on a fast network.
 */

const FIRST_BYTES = 64 * 1024;
const KEPT_BYTES = 64 * 1024 * 1024;

const free: Buffer[] = [];

export class PartBuffer {
  length = 0;
  private readonly capacity: number;
  private buffer: Buffer;

  /** Holds up to `capacity` bytes; begins with room for `expected` of them. */
  constructor(capacity: number, expected: number) {
    this.capacity = capacity;
    this.buffer = take(Math.min(capacity, Math.max(FIRST_BYTES, expected)));
  }

  /** Bytes that can still be appended. */
  get room(): number {
    return this.capacity - this.length;
  }

  /** Copies as much of `bytes` as there is room for, and returns how much that was. */
  append(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.room);
    this.makeRoom(this.length + count);
    this.buffer.set(count === bytes.length ? bytes : bytes.subarray(0, count), this.length);
    this.length += count;
    return count;
  }

  /** Leaves `count` bytes open, to be filled by `fillFront`. */
  skip(count: number): void {
    this.makeRoom(this.length + count);
    this.buffer.fill(0, this.length, this.length + count);
    this.length += count;
  }

  fillFront(bytes: Uint8Array): void {
    this.buffer.set(bytes, 0);
  }

  bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  /** Gives the memory back; the buffer must not be used after that. */
  release(): void {
    const { buffer } = this;
    this.buffer = Buffer.alloc(0);
    const kept = free.reduce((sum, { length }) => sum + length, 0);
    if (buffer.length === this.capacity && kept + buffer.length <= KEPT_BYTES) free.push(buffer);
  }

  private makeRoom(length: number): void {
    if (length <= this.buffer.length) return;
    const larger = take(Math.min(this.capacity, Math.max(length, 2 * this.buffer.length)));
    larger.set(this.bytes());
    this.buffer = larger;
  }
}

function take(length: number): Buffer {
  const index = free.findIndex((buffer) => buffer.length === length);
  const found = index === -1 ? undefined : free.splice(index, 1)[0];
  return found ?? Buffer.allocUnsafeSlow(length);
}
