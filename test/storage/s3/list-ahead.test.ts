import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { guessBoundaries } from "../../../src/storage/s3/key-guess.ts";
import { DisorderError, listAhead, type Page, type PageStart } from "../../../src/storage/s3/list-ahead.ts";

const sorted = (keys: Iterable<string>): string[] =>
  [...new Set(keys)]
    .map((key) => Buffer.from(key))
    .sort(Buffer.compare)
    .map(String);

/** What a server with these keys would answer, and how it was asked. */
class Listed {
  requests = 0;
  running = 0;
  mostRunning = 0;
  private readonly keys: readonly string[];
  private readonly pageKeys: number;

  constructor(keys: readonly string[], pageKeys: number) {
    this.keys = keys;
    this.pageKeys = pageKeys;
  }

  fetch = async (start: PageStart): Promise<Page<string>> => {
    this.requests++;
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    // Answers overtake each other.
    for (let i = 0; i < this.requests % 5; i++) await new Promise(setImmediate);
    this.running--;
    const at = "token" in start ? Number(start.token) : this.positionBehind(start.after);
    const keys = this.keys.slice(at, at + this.pageKeys);
    const end = at + keys.length;
    return { keys, items: keys, ...(end < this.keys.length && { next: String(end) }) };
  };

  get pages(): number {
    return Math.max(1, Math.ceil(this.keys.length / this.pageKeys));
  }

  protected positionBehind(after: string | undefined): number {
    if (after === undefined) return 0;
    const bytes = Buffer.from(after);
    const at = this.keys.findIndex((key) => Buffer.compare(Buffer.from(key), bytes) > 0);
    return at === -1 ? this.keys.length : at;
  }
}

async function all(listed: Listed, requests: number): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of listAhead(listed.fetch, { requests, prefixLength: 0 })) found.push(...batch);
  return found;
}

const numbered = (count: number, of = (i: number) => String(i).padStart(6, "0")) =>
  Array.from({ length: count }, (_, i) => of(i));

describe("a listing by several requests", () => {
  const name = fc.string({
    unit: fc.constantFrom(..."ab0/. ~é\u{ffff}\u{1f600}\x01"),
    minLength: 1,
    maxLength: 6,
  });
  const shapes = fc.oneof(
    fc.array(name, { maxLength: 400 }),
    fc.array(fc.string({ unit: "binary", minLength: 1, maxLength: 4 }), { maxLength: 300 }),
    fc.tuple(name, fc.nat(400)).map(([prefix, count]) => numbered(count, (i) => `${prefix}/${i * 7}`)),
    fc
      .tuple(fc.array(name, { minLength: 1, maxLength: 20 }), fc.nat(30))
      .map(([folders, count]) => folders.flatMap((folder) => numbered(count, (i) => `${folder}/${i}`))),
  );

  it("gives every key once, in order, however they lie", async () => {
    const property = fc.asyncProperty(
      shapes,
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      async (keys, pageKeys, requests) => {
        const there = sorted(keys);
        const listed = new Listed(there, pageKeys);
        expect(await all(listed, requests)).toEqual(there);
        expect(listed.mostRunning).toBeLessThanOrEqual(requests + 1);
      },
    );
    await fc.assert(property, { numRuns: 400 });
  });

  it.each([
    ["numbered", numbered(3000, (i) => `photos/2026/IMG_${String(i).padStart(6, "0")}.jpg`)],
    [
      "below a long common prefix",
      numbered(3000, (i) => `${"a/very/long/prefix/".repeat(20)}${(i * 7919).toString(36)}`),
    ],
    ["in folders", numbered(3000, (i) => `user${i % 30}/mail/${i}`)],
  ])("takes few requests more than there are pages: %s", async (_, keys) => {
    const listed = new Listed(sorted(keys), 30);
    await all(listed, 8);
    expect(listed.mostRunning).toBeGreaterThan(4);
    expect(listed.requests).toBeLessThan(1.25 * listed.pages + 10);
  });

  it.each([0, 1, 30, 31, 119])("of %i keys takes no request more than before", async (count) => {
    const listed = new Listed(numbered(count), 30);
    await all(listed, 8);
    expect(listed.requests).toBe(listed.pages);
  });

  it("goes on page by page where the first pages are not in order", async () => {
    const keys = numbered(600).reverse();
    const listed = new Listed(keys, 30);
    expect(await all(listed, 8)).toEqual(keys);
    expect(listed.requests).toBe(listed.pages);
  });

  it("notices disorder that shows later: what was given out cannot be relied upon", async () => {
    const keys = numbered(900);
    keys.splice(700, 2, "000701", "000700");
    await expect(all(new Listed(keys, 30), 8)).rejects.toBeInstanceOf(DisorderError);
  });

  it("notices a server that begins at the beginning whatever it is asked for", async () => {
    class Deaf extends Listed {
      protected override positionBehind(): number {
        return 0;
      }
    }
    await expect(all(new Deaf(numbered(900), 30), 8)).rejects.toBeInstanceOf(DisorderError);
  });

  it("fails with any of its requests, and leaves nothing unhandled behind", async () => {
    for (let failing = 1; failing < 20; failing++) {
      const listed = new Listed(numbered(900), 30);
      const fetch = async (start: PageStart) => {
        const page = await listed.fetch(start);
        if (listed.requests >= failing) throw new Error("broke");
        return page;
      };
      const read = async () => {
        for await (const _ of listAhead(fetch, { requests: 8, prefixLength: 0 }));
      };
      await expect(read()).rejects.toThrow("broke");
    }
  });
});

describe("guessing where pages end", () => {
  it("goes on as the page went, with a carry", () => {
    const page = numbered(100, (i) => `x/${String(i).padStart(4, "0")}.txt`);
    const [first = "", second = ""] = guessBoundaries(page, 2, 1);
    expect(first > "x/0110" && first < "x/0300").toBe(true);
    expect(second > first && second < "x/0500").toBe(true);
  });

  it("gives ascending keys behind the page, whatever the page is", () => {
    const key = fc.string({ unit: "binary", maxLength: 12 });
    const property = fc.property(
      fc.array(key, { maxLength: 40 }),
      fc.integer({ min: 1, max: 8 }),
      (keys, count) => {
        const page = sorted(keys);
        const found = guessBoundaries(page, count, 3);
        expect(found.length).toBeLessThanOrEqual(count);
        expect(sorted([...found, page.at(-1) ?? ""])).toEqual([page.at(-1) ?? "", ...found]);
      },
    );
    fc.assert(property);
  });
});
