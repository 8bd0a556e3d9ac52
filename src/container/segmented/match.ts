/**
 * Finding what is unchanged: one new file against the table of its old version, as rsync does (Tridgell, "Efficient
 * Algorithms for Sorting and Synchronization", 1999, chapter 3). A weak sum finds candidates at any position, the keyed
 * MAC of the plaintext confirms them. Nothing is read but the new file, once, from front to back.
 *
 * First the next old block is expected where the last one ended, or behind the one that has changed; then a window
 * rolls on byte by byte; after a long stretch without any match only places where old blocks would begin are tried.
 */

import type { FileKeys } from "../../crypto/segmented-keys.ts";
import { weakSum } from "./block.ts";
import type { ExtentTable } from "./extents.ts";
import { MatchIndex } from "./match-index.ts";
import { MatchPlan } from "./match-plan.ts";
import { RollingCrc } from "./rolling-crc.ts";

/** Rolling goes on without a match for so many bytes, or a tenth of the file if that is more. */
export const ROLL_LEAST = 64 * 2 ** 20;
const ROLL_SHARE = 0.1;
/** How much is looked at together, at least: two blocks are needed. */
const ROOM_LEAST = 2 ** 20;

export interface MatchOptions {
  /** Of the new file, in bytes. */
  readonly size: number;
  /** Of the old version: its window. */
  readonly blockSize: number;
  /** How far to roll without a match, in bytes. */
  readonly rollMost?: number;
}

/** Matches one file: `push` its bytes, then `end`. Memory: four blocks, the table, and the plan. */
export class Matcher {
  readonly plan: MatchPlan;
  readonly #extents: ExtentTable;
  readonly #keys: Pick<FileKeys, "plainMac">;
  readonly #window: number;
  readonly #rollMost: number;
  readonly #crc: RollingCrc;
  readonly #index: MatchIndex;
  readonly #buffer: Buffer;
  /** In the buffer: the first byte that is not in the plan yet, and the end of what has come. */
  #at = 0;
  #filled = 0;
  /** In the new file: where the buffer begins. */
  #base = 0;
  /** The old block that is expected; undefined once it was not found. */
  #expected: number | undefined = 0;
  /** How far new positions are ahead of old ones, by the last match. */
  #ahead = 0;
  /** Bytes that rolling may still go without a match. */
  #patience: number;

  /** @param extents a positioned table without runs of several extents. */
  constructor(extents: ExtentTable, keys: Pick<FileKeys, "plainMac">, options: MatchOptions) {
    const { size, blockSize } = options;
    this.#extents = extents;
    this.#keys = keys;
    this.#window = blockSize;
    this.#rollMost = options.rollMost ?? Math.max(ROLL_LEAST, Math.ceil(size * ROLL_SHARE));
    this.#patience = this.#rollMost;
    this.#crc = new RollingCrc(blockSize);
    this.#index = new MatchIndex(extents, blockSize, this.#crc);
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(ROOM_LEAST, 4 * blockSize));
    this.plan = new MatchPlan(blockSize);
  }

  push(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      if (this.#filled === this.#buffer.length) this.#makeRoom();
      const count = Math.min(bytes.length - done, this.#buffer.length - this.#filled);
      this.#buffer.set(bytes.subarray(done, done + count), this.#filled);
      this.#filled += count;
      done += count;
      // Two blocks at least have to be in sight, so that the one behind a changed one can be looked at.
      while (this.#filled - this.#at >= 2 * this.#window) this.#advance();
    }
  }

  end(): MatchPlan {
    while (this.#at < this.#filled) this.#advance();
    return this.plan;
  }

  #makeRoom(): void {
    this.#buffer.copyWithin(0, this.#at, this.#filled);
    this.#base += this.#at;
    this.#filled -= this.#at;
    this.#at = 0;
  }

  #advance(): void {
    if (this.#expected !== undefined) this.#expect(this.#expected);
    else if (this.#patience > 0) this.#roll();
    else this.#stepOn();
  }

  /** The expected block here; another one here; the one after it behind as many bytes as it had. */
  #expect(index: number): void {
    if (this.#take(index, this.#at)) return;
    this.#ahead = this.#base + this.#at - (this.#extents.plainStarts[index] ?? this.#extents.plainLength);
    if (this.#takeAnyHere()) return;
    const length = this.#plainOf(index);
    if (length > 0 && this.#isAt(index + 1, this.#at + length)) {
      this.#give(length);
      this.#keep(index + 1);
    } else {
      this.#expected = undefined;
    }
  }

  #roll(): void {
    const window = this.#window;
    const buffer = this.#buffer;
    const last = Math.min(this.#filled - window, this.#at + this.#patience);
    if (last < this.#at) {
      this.#give(this.#filled - this.#at);
      return;
    }
    const { step, leave } = this.#crc;
    const { slots, shift } = this.#index;
    let at = this.#at;
    let state = this.#crc.stateOf(weakSum(buffer.subarray(at, at + window)));
    for (;;) {
      if (slots[state >>> shift] !== 0) {
        const found = this.#candidateAt(at, state);
        if (found !== undefined) {
          this.#give(at - this.#at);
          this.#keep(found);
          return;
        }
      }
      if (at >= last) break;
      state =
        (state >>> 8) ^
        (step[(state ^ (buffer[at + window] as number)) & 0xff] as number) ^
        (leave[buffer[at] as number] as number);
      at++;
    }
    // The last position was looked at, but its byte may still begin a block that is only seen with what comes.
    const passed = Math.min(at + 1, this.#filled) - this.#at;
    this.#patience -= passed;
    this.#give(passed);
  }

  /** Where an old block would begin if nothing had been inserted or left out since the last match. */
  #stepOn(): void {
    const { plainStarts, plainLength, count } = this.#extents;
    const old = this.#base + this.#at - this.#ahead;
    let length = this.#window;
    if (old >= 0 && old < plainLength && count > 0) {
      const index = this.#extents.find(old);
      if (plainStarts[index] === old && this.#take(index, this.#at)) return;
      length = (plainStarts[index + 1] as number) - old;
    }
    if (this.#takeAnyHere()) return;
    this.#give(Math.min(length, this.#filled - this.#at));
  }

  #takeAnyHere(): boolean {
    const end = this.#at + this.#window;
    if (end > this.#filled) return false;
    const state = this.#crc.stateOf(weakSum(this.#buffer.subarray(this.#at, end)));
    const found = this.#candidateAt(this.#at, state);
    if (found === undefined) return false;
    this.#keep(found);
    return true;
  }

  /** A weak sum that deceives costs as much as a stretch of rolling, and counts as one. */
  #candidateAt(at: number, state: number): number | undefined {
    let mac: Buffer | undefined;
    for (const index of this.#index.candidates(state)) {
      mac ??= this.#keys.plainMac(this.#buffer.subarray(at, at + this.#window));
      if (this.#extents.at(index).mac.equals(mac)) return index;
    }
    if (mac !== undefined) this.#patience -= this.#window;
    return undefined;
  }

  #take(index: number, at: number): boolean {
    if (!this.#isAt(index, at)) return false;
    this.#keep(index);
    return true;
  }

  #isAt(index: number, at: number): boolean {
    if (index >= this.#extents.count) return false;
    const { plain, weak, mac } = this.#extents.at(index);
    if (at + plain > this.#filled) return false;
    const bytes = this.#buffer.subarray(at, at + plain);
    return weakSum(bytes) === weak && this.#keys.plainMac(bytes).equals(mac);
  }

  #plainOf(index: number): number {
    return index < this.#extents.count ? this.#extents.at(index).plain : 0;
  }

  #keep(index: number): void {
    this.plan.keep(index);
    this.#at += this.#plainOf(index);
    this.#expected = index + 1;
    this.#patience = this.#rollMost;
  }

  #give(bytes: number): void {
    this.plan.data(bytes);
    this.#at += bytes;
  }
}
