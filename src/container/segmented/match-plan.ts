/** What a new version is made of, in logical order: blocks of the old one, and new data between them. */

/** A run of old blocks, or so many new bytes. */
export type MatchStep =
  | { readonly kind: "keep"; readonly first: number; readonly count: number }
  | { readonly kind: "data"; readonly bytes: number };

/** Grows step by step; neighbours that belong together become one. Two numbers a step. */
export class MatchPlan {
  readonly #blockSize: number;
  /** Pairs: first block and count; or -1 and bytes. */
  readonly #pairs: number[] = [];
  #closedExtents = 0;
  #newBytes = 0;

  constructor(blockSize: number) {
    this.#blockSize = blockSize;
  }

  /** Bytes that the old version does not have. */
  get newBytes(): number {
    return this.#newBytes;
  }

  /** Rows of the new table: kept blocks, and data cut into blocks. */
  get extents(): number {
    return this.#closedExtents + this.#lastExtents();
  }

  keep(index: number): void {
    const last = this.#pairs.length - 2;
    const first = this.#pairs[last] ?? -1;
    const count = this.#pairs[last + 1] ?? 0;
    if (first >= 0 && first + count === index) {
      this.#pairs[last + 1] = count + 1;
    } else {
      this.#closedExtents += this.#lastExtents();
      this.#pairs.push(index, 1);
    }
  }

  data(bytes: number): void {
    if (bytes === 0) return;
    this.#newBytes += bytes;
    const last = this.#pairs.length - 2;
    if (this.#pairs[last] === -1) {
      this.#pairs[last + 1] = (this.#pairs[last + 1] as number) + bytes;
    } else {
      this.#closedExtents += this.#lastExtents();
      this.#pairs.push(-1, bytes);
    }
  }

  *[Symbol.iterator](): Generator<MatchStep> {
    for (let i = 0; i < this.#pairs.length; i += 2) {
      const first = this.#pairs[i] as number;
      const count = this.#pairs[i + 1] as number;
      yield first < 0 ? { kind: "data", bytes: count } : { kind: "keep", first, count };
    }
  }

  #lastExtents(): number {
    const first = this.#pairs.at(-2);
    const count = this.#pairs.at(-1);
    if (first === undefined || count === undefined) return 0;
    return first < 0 ? Math.ceil(count / this.#blockSize) : count;
  }
}
