/**
 * A server with a listing, for tests: honest by default, and to be made strange.
 */
import type { Page, PageStart } from "../../../src/storage/s3/key-range.ts";

/** By bytes, without duplicates. */
export function sorted(keys: Iterable<string>): string[] {
  return [...new Set(keys)]
    .map((key) => Buffer.from(key))
    .sort(Buffer.compare)
    .map(String);
}

export function numbered(count: number, of = (i: number) => String(i).padStart(6, "0")): string[] {
  return Array.from({ length: count }, (_, i) => of(i));
}

export class ListingServer {
  requests = 0;
  running = 0;
  mostRunning = 0;
  /** Pages that were answered. */
  answered = 0;
  readonly keys: readonly string[];
  protected readonly pageKeys: number;

  /** Lists `keys` in the order they are given in. */
  constructor(keys: readonly string[], pageKeys: number) {
    this.keys = keys;
    this.pageKeys = pageKeys;
  }

  get pages(): number {
    return Math.max(1, Math.ceil(this.keys.length / this.pageKeys));
  }

  fetch = async (start: PageStart): Promise<Page<string> | undefined> => {
    this.requests++;
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    // Answers overtake each other.
    for (let i = 0; i < 1 + (this.requests % 5); i++) await new Promise(setImmediate);
    this.running--;
    this.answered++;
    const at = "token" in start ? Number(start.token) : this.positionBehind(start.after);
    return at === undefined ? undefined : this.pageAt(at);
  };

  protected pageAt(at: number): Page<string> {
    const keys = this.keys.slice(at, at + this.pageKeys);
    const end = at + keys.length;
    return { keys, items: keys, ...(end < this.keys.length && { next: String(end) }) };
  }

  /** Where a listing behind a key begins; undefined to refuse. */
  protected positionBehind(after: string | undefined): number | undefined {
    if (after === undefined) return 0;
    const bytes = Buffer.from(after);
    const at = this.keys.findIndex((key) => Buffer.compare(Buffer.from(key), bytes) > 0);
    return at === -1 ? this.keys.length : at;
  }
}

/** Answers a start behind a key in its own way. */
export class StrangeServer extends ListingServer {
  asked = 0;
  private readonly answer: (after: string, honest: number, asked: number) => number | undefined;

  constructor(keys: readonly string[], pageKeys: number, answer: StrangeServer["answer"]) {
    super(keys, pageKeys);
    this.answer = answer;
  }

  protected override positionBehind(after: string | undefined): number | undefined {
    const honest = super.positionBehind(after) as number;
    return after === undefined ? honest : this.answer(after, honest, this.asked++);
  }
}
