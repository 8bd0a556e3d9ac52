/** Reads an expression code point by code point, as Python counts. */
export class Reader {
  readonly #points: readonly string[];
  position = 0;

  constructor(text: string) {
    this.#points = [...text];
  }

  peek(): string | undefined {
    return this.#points[this.position];
  }

  take(): string | undefined {
    const point = this.#points[this.position];
    if (point !== undefined) this.position++;
    return point;
  }

  /** Takes `point` if it comes next. */
  skip(point: string): boolean {
    if (this.peek() !== point) return false;
    this.position++;
    return true;
  }

  /** Takes decimal digits; empty when there are none. */
  takeDigits(): string {
    let digits = "";
    while (/^[0-9]$/.test(this.peek() ?? "")) digits += this.take();
    return digits;
  }

  /** Takes everything before `end` and `end` itself; undefined when it never comes. */
  takeUntil(end: string): string | undefined {
    const at = this.#points.indexOf(end, this.position);
    if (at < 0) return undefined;
    const text = this.#points.slice(this.position, at).join("");
    this.position = at + 1;
    return text;
  }
}
