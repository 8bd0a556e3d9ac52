/**
 * Whether pages that are read one after another still lead somewhere. Pure.
 *
 * A server can give ever new tokens, or the same ones in turn, without ever coming to an end. Where keys ascend, a page
 * with a key is a step forward, and only empty ones are none. In any other order a key that comes again shows it: of the
 * keys given before one is kept, a later one each time that twice as many pages have come (Brent's way to find a cycle).
 */

/** Of some servers pages are empty where much was removed (versioned buckets). */
const EMPTY_IN_A_ROW = 100;
/** A key may come again by chance, where keys are written while they are listed in no order. */
const TIMES_AGAIN = 3;

export class ListProgress {
  private empty = 0;
  private kept: string | undefined;
  private pages = 0;
  private keepsAfter = 1;
  private again = 0;

  /** Whether nothing suggests that there will be an end. */
  get isStuck(): boolean {
    return this.empty >= EMPTY_IN_A_ROW || this.again >= TIMES_AGAIN;
  }

  /** A page has come, without the keys that repeat the one before. `ascends`: known to lie behind all pages before. */
  look(keys: readonly string[], ascends: boolean): void {
    const [first] = keys;
    this.empty = first === undefined ? this.empty + 1 : 0;
    if (ascends || first === undefined) return;
    if (this.kept !== undefined && keys.includes(this.kept)) this.again++;
    else if (++this.pages >= this.keepsAfter) {
      this.kept = first;
      this.pages = 0;
      this.keepsAfter *= 2;
    }
  }
}
