/** Finding old blocks by their weak sums: only those of full size, since the window has one length. */

import type { ExtentTable } from "./extents.ts";
import type { RollingCrc } from "./rolling-crc.ts";

const SLOTS_LEAST_LOG = 16;
const SLOTS_MOST_LOG = 22;
const SLOTS_A_BLOCK = 16;

export class MatchIndex {
  /** Nonzero where a state whose upper bits are the slot may be that of a block: asked at every byte. */
  readonly slots: Uint8Array;
  readonly shift: number;
  readonly #first = new Map<number, number>();
  readonly #next: Int32Array;

  constructor(extents: ExtentTable, blockSize: number, crc: RollingCrc) {
    let log = SLOTS_LEAST_LOG;
    while (log < SLOTS_MOST_LOG && 2 ** log < SLOTS_A_BLOCK * extents.count) log++;
    this.slots = new Uint8Array(2 ** log);
    this.shift = 32 - log;
    this.#next = new Int32Array(extents.count).fill(-1);
    for (let i = 0; i < extents.count; i++) {
      const { plain, weak, mac } = extents.at(i);
      if (plain !== blockSize) continue;
      const state = crc.stateOf(weak);
      const known = this.#first.get(state) ?? -1;
      // Of equal blocks, such as zeros, one is enough.
      if (this.#hasMac(extents, known, mac)) continue;
      this.#next[i] = known;
      this.#first.set(state, i);
      this.slots[state >>> this.shift] = 1;
    }
  }

  /** The blocks whose weak sum comes to this state; hardly ever more than one. */
  *candidates(state: number): Generator<number> {
    for (let i = this.#first.get(state) ?? -1; i >= 0; i = this.#next[i] as number) yield i;
  }

  #hasMac(extents: ExtentTable, known: number, mac: Buffer): boolean {
    for (let i = known; i >= 0; i = this.#next[i] as number) if (extents.at(i).mac.equals(mac)) return true;
    return false;
  }
}
