/**
 * The table of a trailer: blocks in logical order (docs/format.md, section 5.3). It stays the bytes that it is, since
 * a large file has tens of thousands of blocks; only running sums are computed.
 */

import { CODEC, CONTINUES } from "../../compression/codecs.ts";
import { MESSAGE_TAG_BYTES } from "../../crypto/message.ts";
import { ID_BYTES } from "../../crypto/segmented-keys.ts";
import { failure } from "./failure.ts";

/** One block of plaintext and where it is stored. */
export interface Extent {
  readonly id: Buffer;
  readonly offset: number;
  /** Bytes of the sealed block. */
  readonly stored: number;
  /** Bytes of plaintext. */
  readonly plain: number;
  /** With `CONTINUES` where it does. */
  readonly codec: number;
  /** CRC-32 and MAC of the plaintext; 0 and empty in a sequence. */
  readonly weak: number;
  readonly mac: Buffer;
}

/** A run of several extents covers at most so many bytes of plaintext. */
export const RUN_MOST = 2 ** 24;
const SEQUENCE_BYTES = 25;
const POSITIONED_BYTES = 51;

export const extentBytes = (positioned: boolean): number => (positioned ? POSITIONED_BYTES : SEQUENCE_BYTES);

export class ExtentTable {
  readonly positioned: boolean;
  readonly count: number;
  /** Bytes of plaintext before each extent, and of all behind the last. */
  readonly plainStarts: Float64Array;
  readonly bytes: Buffer;
  readonly #offsets: Float64Array;

  /** @param bodyStart where the first extent of a sequence begins: behind the header. */
  constructor(bytes: Buffer, positioned: boolean, bodyStart: number) {
    const width = extentBytes(positioned);
    this.bytes = bytes;
    this.positioned = positioned;
    this.count = bytes.length / width;
    this.plainStarts = new Float64Array(this.count + 1);
    this.#offsets = new Float64Array(this.count + 1);
    const shift = positioned ? 6 : 0;
    let plain = 0;
    let offset = bodyStart;
    for (let i = 0; i < this.count; i++) {
      const at = i * width + ID_BYTES;
      this.plainStarts[i] = plain;
      this.#offsets[i] = positioned ? bytes.readUIntBE(at, 6) : offset;
      offset += bytes.readUInt32BE(at + shift);
      plain += bytes.readUInt32BE(at + shift + 4);
    }
    this.plainStarts[this.count] = plain;
    this.#offsets[this.count] = offset;
  }

  /** Bytes of plaintext that all extents stand for. */
  get plainLength(): number {
    return this.plainStarts[this.count] as number;
  }

  /** Where the last extent of a sequence ends. */
  get sequenceEnd(): number {
    return this.#offsets[this.count] as number;
  }

  at(index: number): Extent {
    const width = extentBytes(this.positioned);
    const at = index * width;
    const { bytes } = this;
    const shift = at + ID_BYTES + (this.positioned ? 6 : 0);
    return {
      id: bytes.subarray(at, at + ID_BYTES),
      offset: this.#offsets[index] as number,
      stored: bytes.readUInt32BE(shift),
      plain: bytes.readUInt32BE(shift + 4),
      codec: bytes.readUInt8(shift + 8),
      weak: this.positioned ? bytes.readUInt32BE(shift + 9) : 0,
      mac: this.positioned ? bytes.subarray(shift + 13, shift + 13 + ID_BYTES) : Buffer.alloc(0),
    };
  }

  codecAt(index: number): number {
    return this.bytes.readUInt8(index * extentBytes(this.positioned) + ID_BYTES + (this.positioned ? 14 : 8));
  }

  /** The index of the extent that holds the plaintext byte at `position`, by binary search. */
  find(position: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.plainStarts[middle] as number) <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The run that an extent belongs to, as [first, end). */
  runAt(index: number): [first: number, end: number] {
    let first = index;
    while (first > 0 && (this.codecAt(first) & CONTINUES) !== 0) first--;
    let end = index + 1;
    while (end < this.count && (this.codecAt(end) & CONTINUES) !== 0) end++;
    return [first, end];
  }

  /** Throws DamagedError (ETRAILER) unless every rule of the format holds. */
  check(blockSize: number, bodyStart: number, bodyEnd: number): void {
    let codec: number = CODEC.raw;
    let run = 0;
    for (let i = 0; i < this.count; i++) {
      const extent = this.at(i);
      checkLengths(extent, blockSize);
      if ((extent.codec & CONTINUES) === 0) {
        codec = extent.codec;
        run = 0;
      } else if (codec === CODEC.raw || extent.codec !== (codec | CONTINUES)) {
        throw failure("trailer", "has a block that continues nothing");
      }
      run += extent.plain;
      if (run > RUN_MOST && run !== extent.plain) throw failure("trailer", "has a run that is too long");
      if (extent.offset < bodyStart || extent.offset + extent.stored > bodyEnd) {
        throw failure("trailer", "has a block outside of its body");
      }
    }
    if (this.positioned) this.#checkOverlaps();
    else if (this.sequenceEnd !== bodyEnd) throw failure("trailer", "has a body of another length");
  }

  #checkOverlaps(): void {
    let before: Extent | undefined;
    for (const index of this.#byOffset()) {
      const extent = this.at(index);
      if (before !== undefined && extent.offset < before.offset + before.stored && !same(before, extent)) {
        throw failure("trailer", "has blocks that overlap");
      }
      before = extent;
    }
  }

  #byOffset(): Uint32Array {
    const order = new Uint32Array(this.count);
    let ascending = true;
    for (let i = 0; i < this.count; i++) {
      order[i] = i;
      if (i > 0 && (this.#offsets[i] as number) < (this.#offsets[i - 1] as number)) ascending = false;
    }
    const offsets = this.#offsets;
    return ascending ? order : order.sort((a, b) => (offsets[a] as number) - (offsets[b] as number));
  }
}

/** Writes one extent at the end of what `out` has room for. */
export function writeExtent(out: Buffer, at: number, extent: Extent, positioned: boolean): void {
  out.set(extent.id, at);
  let next = at + ID_BYTES;
  if (positioned) next = out.writeUIntBE(extent.offset, next, 6);
  next = out.writeUInt32BE(extent.stored, next);
  next = out.writeUInt32BE(extent.plain, next);
  next = out.writeUInt8(extent.codec, next);
  if (!positioned) return;
  next = out.writeUInt32BE(extent.weak, next);
  out.set(extent.mac, next);
}

function checkLengths({ codec, stored, plain }: Extent, blockSize: number): void {
  const base = codec & ~CONTINUES;
  if (base > CODEC.gzip) throw failure("trailer", `has a block of codec ${base}, unknown to this version`);
  if (plain < 1 || plain > blockSize) throw failure("trailer", "has a block of a strange length");
  const bytes = stored - MESSAGE_TAG_BYTES;
  if (bytes < 0 || bytes > blockSize || (codec === CODEC.raw && bytes !== plain)) {
    throw failure("trailer", "has a block of a strange stored length");
  }
}

function same(a: Extent, b: Extent): boolean {
  return (
    a.offset === b.offset &&
    a.stored === b.stored &&
    a.plain === b.plain &&
    a.codec === b.codec &&
    a.id.equals(b.id)
  );
}
