/**
 * Where in the space of keys a listing can be cut, guessed from the keys seen so far. Pure.
 *
 * Keys are read as fractions, byte for byte: each byte takes a share of the room that the bytes before it leave. Bytes
 * that were seen behind the same byte get the most, others of their kind (digits, letters of a case) less, the rest next
 * to nothing: so equal room holds about equally many keys, be they numbered, hexadecimal or text. What a page spans, so
 * will the next, about. A bad guess costs a request; it never costs a key, since ranges join wherever they are cut.
 */
import { isUtf8 } from "node:buffer";
import { bytesOfPath, comparePaths } from "../../names/path-text.ts";
import type { Stretch } from "./key-range.ts";
import { fitsXml } from "./keys.ts";

const SEEN = 1;
const OF_A_KIND = 0.25;
const USUAL = 0.05;
const OTHER = 0.001;
/** So many keys of a page are looked at. */
const SAMPLE_KEYS = 48;
/** Bytes from where two keys part that say how keys go on. */
const DEPTH = 3;
/** So many bytes are given up that a stretch has in common. */
const WIDEST = 12;
/** What is cut has to be longer than the reach. */
const WORTH_IT = 1.5;
/** Fractions are not exact beyond. */
const FINEST = 1e-13;
/** First and last byte of what belongs together; the last three are those that begin and continue UTF-8 sequences. */
const KINDS: readonly (readonly [number, number])[] = [
  [0x30, 0x39],
  [0x41, 0x5a],
  [0x61, 0x7a],
  [0x80, 0xbf],
  [0xc2, 0xdf],
  [0xe1, 0xef],
];
/** What makes a whole of a UTF-8 sequence that was cut off (Unicode 15, table 3-7). */
const ENDINGS = [[], [0x80], [0x80, 0x80], [0x80, 0x80, 0x80], [0xa0, 0x80], [0x90, 0x80, 0x80]];

/** Which bytes follow which. */
export class KeyShape {
  private readonly weights = new Float32Array(256 * 256).fill(OTHER);
  /** The shares of all bytes behind each, as far as they were asked for. */
  private readonly shares: (Float64Array | undefined)[] = [];

  constructor() {
    for (const [from, to] of KINDS.slice(0, 3)) {
      for (let row = 0; row < 256; row++) this.weights.fill(USUAL, row * 256 + from, row * 256 + to + 1);
    }
  }

  /**
   * Learns from some of the keys of a page. Only where two of them part: what follows there has no part in their order,
   * and is of another kind, mostly.
   */
  learn(keys: readonly string[]): void {
    const step = Math.ceil(keys.length / SAMPLE_KEYS);
    let before: Uint8Array | undefined;
    for (let i = 0; i < keys.length; i += step) {
      const bytes = bytesOfPath(keys[i] as string);
      const from = before === undefined ? bytes.length : commonLength(before, bytes);
      for (const key of [before ?? bytes, bytes]) {
        for (let at = from; at < Math.min(from + DEPTH, key.length); at++)
          this.see(key[at - 1] ?? 0, key[at] as number);
      }
      before = bytes;
    }
  }

  private see(before: number, byte: number): void {
    const row = before * 256;
    if (this.weights[row + byte] === SEEN) return;
    const kind = KINDS.find(([from, to]) => from <= byte && byte <= to);
    if (kind !== undefined) {
      for (let other = kind[0]; other <= kind[1]; other++) {
        this.weights[row + other] = Math.max(OF_A_KIND, this.weights[row + other] as number);
      }
    }
    this.weights[row + byte] = SEEN;
    this.shares[before] = undefined;
  }

  /** The shares of all bytes behind one, summed up: 257 ascending numbers from 0 to 1. */
  private sharesBehind(before: number): Float64Array {
    const known = this.shares[before];
    if (known !== undefined) return known;
    const sums = new Float64Array(257);
    for (let byte = 0; byte < 256; byte++) {
      sums[byte + 1] = (sums[byte] as number) + (this.weights[before * 256 + byte] as number);
    }
    const total = sums[256] as number;
    const shares = sums.map((sum) => sum / total);
    this.shares[before] = shares;
    return shares;
  }

  /** Where a key lies, from 0 to 1, among all with the same first `from` bytes. */
  fractionOf(key: Uint8Array, from: number): number {
    let low = 0;
    let width = 1;
    for (let at = from; at < key.length && width > FINEST; at++) {
      const shares = this.sharesBehind(key[at - 1] ?? 0);
      const byte = key[at] as number;
      low += width * (shares[byte] as number);
      width *= (shares[byte + 1] as number) - (shares[byte] as number);
    }
    return low;
  }

  /** The beginning of a key that lies at `fraction`, at most `tolerance` below it; begins with all of `root`. */
  keyAt(fraction: number, root: Uint8Array, tolerance: number): Buffer {
    const bytes = [...root];
    let rest = fraction;
    let width = 1;
    while (width > Math.max(tolerance, FINEST)) {
      const shares = this.sharesBehind(bytes.at(-1) ?? 0);
      let byte = 0;
      while (byte < 255 && (shares[byte + 1] as number) <= rest) byte++;
      const share = (shares[byte + 1] as number) - (shares[byte] as number);
      rest = (rest - (shares[byte] as number)) / share;
      width *= share;
      bytes.push(byte);
    }
    return Buffer.from(bytes);
  }
}

export interface Wanted {
  /** Pages to the cut. */
  readonly reach: number;
  /** Nothing lies behind this key. */
  readonly limit: string | undefined;
  /** Bytes that all keys begin with. */
  readonly prefixLength: number;
  /** So many guesses are passed over for wider ones. */
  readonly wider: number;
}

/**
 * A key behind the last of all stretches, and before the limit; it need not exist. Undefined where there is not enough
 * to cut, or no key that can be sent.
 *
 * Among the keys that begin as all of a stretch do there may be few left. Then those that begin as it does but for the last
 * byte are looked at, and so on: behind `1998` and `1999` come not only `199a` and the like, but `2000`.
 *
 * @param stretches that end at the same key; each begins before the one in front of it.
 */
export function guessCut(shape: KeyShape, stretches: readonly Stretch[], wanted: Wanted): string | undefined {
  const limit = wanted.limit === undefined ? undefined : bytesOfPath(wanted.limit);
  let found: string | undefined;
  let passed = 0;
  for (const [i, { first, last, pages }] of stretches.entries()) {
    const [begin, end] = [bytesOfPath(first), bytesOfPath(last)];
    const common = commonLength(begin, end);
    const wider = stretches[i + 1];
    const least = wider === undefined ? common - WIDEST : commonLength(bytesOfPath(wider.first), end) + 1;
    for (let length = common; length >= Math.max(least, wanted.prefixLength); length--) {
      const known = { begin, end, pages, limit };
      const key = cutBelow(shape, end.subarray(0, length), known, wanted.reach);
      if (key === undefined || comparePaths(last, key) >= 0) continue;
      if (wanted.limit !== undefined && comparePaths(key, wanted.limit) >= 0) continue;
      found = key;
      if (passed++ === wanted.wider) return found;
    }
  }
  return found;
}

interface Known {
  readonly begin: Uint8Array;
  readonly end: Uint8Array;
  readonly pages: number;
  readonly limit: Uint8Array | undefined;
}

/** Among the keys that begin with `root`, as `begin` and `end` do. */
function cutBelow(shape: KeyShape, root: Uint8Array, known: Known, reach: number): string | undefined {
  const { begin, end, pages, limit } = known;
  const from = root.length;
  const to = limit !== undefined && commonLength(limit, root) === from ? shape.fractionOf(limit, from) : 1;
  const at = shape.fractionOf(end, from);
  const perPage = (at - shape.fractionOf(begin, from)) / pages;
  if (!(perPage > 0) || to - at < WORTH_IT * reach * perPage) return undefined;
  const step = Math.min(reach * perPage, (to - at) / 2);
  return textOf(shape.keyAt(at + step, root, step / 4));
}

/** A key that can be sent, from bytes that may end within a character. */
function textOf(bytes: Uint8Array): string | undefined {
  for (const ending of ENDINGS) {
    const whole = Buffer.concat([bytes, Buffer.from(ending)]);
    if (isUtf8(whole)) return sendable(whole.toString());
  }
  return undefined;
}

/** Servers give the key back in XML, not all of them encoded. */
function sendable(key: string): string | undefined {
  return fitsXml(key) ? key : undefined;
}

function commonLength(a: Uint8Array, b: Uint8Array): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}
