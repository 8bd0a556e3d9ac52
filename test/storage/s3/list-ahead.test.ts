import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Page, PageStart } from "../../../src/storage/s3/key-range.ts";
import { listAhead } from "../../../src/storage/s3/list-ahead.ts";
import { assertProperty } from "../../property.ts";
import { ListingServer, numbered, StrangeServer, sorted } from "./listing-server.ts";

async function all(server: { fetch: ListingServer["fetch"] }, requests = 8): Promise<string[]> {
  const found: string[] = [];
  for await (const page of listAhead(server.fetch, { requests, prefixLength: 0 })) found.push(...page);
  return found;
}

const name = fc.string({
  unit: fc.constantFrom(..."ab0/. ~é\u{d7ff}\u{e000}\u{ffff}\u{1f600}\x01\x7f"),
  minLength: 1,
  maxLength: 6,
});
const shapes = fc
  .oneof(
    fc.array(name, { maxLength: 400 }),
    fc.array(fc.string({ unit: "binary", minLength: 1, maxLength: 4 }), { maxLength: 300 }),
    fc.tuple(name, fc.nat(400)).map(([prefix, count]) => numbered(count, (i) => `${prefix}/${i * 7}`)),
    fc.nat(300).map((count) => numbered(count, (i) => "a".repeat(i % 40) + i)),
    fc
      .tuple(fc.array(name, { minLength: 1, maxLength: 20 }), fc.nat(30))
      .map(([folders, count]) => folders.flatMap((folder) => numbered(count, (i) => `${folder}/${i}`))),
  )
  .map(sorted);
const some = fc.integer({ min: 1, max: 9 });

describe("a listing by several requests", () => {
  it("gives every key once, in order, however they lie, and loses few requests", async () => {
    const property = fc.asyncProperty(shapes, some, some, async (keys, pageKeys, requests) => {
      const server = new ListingServer(keys, pageKeys);
      expect(await all(server, requests)).toEqual(keys);
      expect(server.mostRunning).toBeLessThanOrEqual(requests);
      expect(server.requests).toBeLessThanOrEqual(1.1 * server.pages + 7);
    });
    await assertProperty(property, { numRuns: 500 });
  });

  it.each([
    ["numbered", numbered(3000, (i) => `photos/2026/IMG_${String(i).padStart(6, "0")}.jpg`)],
    ["stored", numbered(3000, (i) => `x/${String(i).padStart(6, "0")}.txt.qgl${(i * 977).toString(36)}.5.0`)],
    [
      "below a long common prefix",
      numbered(3000, (i) => `${"a/very/long/prefix/".repeat(20)}${(i * 7919).toString(36)}`),
    ],
    ["in folders", numbered(3000, (i) => `user${i % 31}/mail/${i}`)],
    ["in another alphabet", numbered(3000, (i) => String.fromCodePoint(0x4e00 + ((i * 6121) % 20_000)))],
    [
      "in one of many folders",
      [...numbered(99), ...numbered(3000, (i) => `m/deep/${i * 7919}`), ...numbered(99, (i) => `z${i}`)],
    ],
  ])("has several under way: keys %s", async (_, keys) => {
    const server = new ListingServer(sorted(keys), 30);
    expect(await all(server)).toEqual(server.keys);
    expect(server.mostRunning).toBeGreaterThan(3);
  });

  it.each([0, 1, 30, 31, 60, 61, 90])(
    "of %i keys, 30 a page, takes no request more than pages",
    async (count) => {
      const server = new ListingServer(numbered(count), 30);
      expect(await all(server)).toEqual(server.keys);
      expect(server.requests).toBe(server.pages);
      expect(server.mostRunning).toBe(1);
    },
  );

  it("holds no more than some pages, however long nothing is taken", async () => {
    const server = new ListingServer(numbered(30_000), 10);
    const pages = listAhead(server.fetch, { requests: 8, prefixLength: 0 });
    let most = 0;
    let taken = 0;
    for await (const _ of pages) {
      taken++;
      if (taken % 50 === 0) for (let i = 0; i < 2000; i++) await new Promise(setImmediate);
      most = Math.max(most, server.answered - taken);
    }
    expect(most).toBeGreaterThan(10);
    expect(most).toBeLessThan(56 + 0.1 * taken + 7);
  });

  it("asks for one page ahead only, where the caller takes one", async () => {
    const server = new ListingServer(numbered(30_000), 10);
    for await (const _ of listAhead(server.fetch, { requests: 8, prefixLength: 0 })) break;
    expect(server.requests).toBe(2);
  });
});

describe("a listing by several requests, of a server that does otherwise", () => {
  const keys = numbered(900);

  it.each<[string, StrangeServer["answer"]]>([
    ["begins at the beginning whatever it is asked for", () => 0],
    ["begins with the key itself or the one before", (_, honest) => Math.max(0, honest - 1)],
    ["skips a key", (_, honest) => honest + 1],
    ["skips many", (_, honest) => honest + 200],
    [
      "finds nothing behind a key that is not there",
      (after, honest) => (keys.includes(after) ? honest : 900),
    ],
    ["never finds anything behind a key", () => 900],
    ["refuses to begin behind a key", () => undefined],
    ["refuses in the end", (_, honest, asked) => (asked > 2 ? undefined : honest)],
    ["loses its way in the end", (_, honest, asked) => (asked > 3 ? honest + 5 : honest)],
  ])("gives what one request after another gives: it %s", async (_, answer) => {
    const server = new StrangeServer(keys, 30, answer);
    expect(await all(server)).toEqual(keys);
    expect(server.asked).toBeGreaterThan(0);
    expect(server.requests).toBeLessThan(server.pages + 60);
  });

  it.each<[string, string[]]>([
    ["backwards", [...keys].reverse()],
    ["by UTF-16", numbered(900, (i) => `${i % 2 ? "\u{1f600}" : "\u{ffff}"}${i}`).sort()],
    ["by words", numbered(900, (i) => `${"aBcD"[i % 4]}${i}`).sort((a, b) => a.localeCompare(b, "en"))],
    ["with two out of place", [...keys.slice(0, 700), "000701", "000700", ...keys.slice(702)]],
  ])("gives its order as it is: %s", async (_, listed) => {
    expect(await all(new ListingServer(listed, 30))).toEqual(listed);
  });

  it("gives what one request after another gives, whatever the order and whatever it makes of a key", async () => {
    const swaps = fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { maxLength: 3 });
    const jumps = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: -400, max: 400 })), { minLength: 1 });
    const property = fc.asyncProperty(
      shapes,
      swaps,
      jumps,
      some,
      async (inOrder, swapped, jump, pageKeys) => {
        const listed = [...inOrder];
        for (const [a, b] of swapped) {
          if (a >= listed.length || b >= listed.length) continue;
          [listed[a], listed[b]] = [listed[b] as string, listed[a] as string];
        }
        const server = new StrangeServer(listed, pageKeys, (_, honest, asked) =>
          Math.min(listed.length, Math.max(0, honest + (jump[asked % jump.length] as number))),
        );
        expect(await all(server)).toEqual(listed);
      },
    );
    await assertProperty(property, { numRuns: 500 });
  });

  it.each([1, 8])(
    "gives a key once that ends a page and begins the next, %i requests at once",
    async (requests) => {
      class Repeating extends ListingServer {
        protected override pageAt(at: number): Page<string> {
          const { next, ...page } = super.pageAt(at);
          const before = at === 0 ? [] : [this.keys[at - 1] as string];
          const repeated = [...before, ...page.keys.flatMap((key) => [key, key])];
          return { keys: repeated, items: repeated, ...(next !== undefined && { next }) };
        }
      }
      expect(await all(new Repeating(keys, 30), requests)).toEqual(keys);
    },
  );

  it.each([1, 8])("ends where it turns in circles late, %i requests at once", async (requests) => {
    class Circling extends ListingServer {
      protected override pageAt(at: number): Page<string> {
        const page = super.pageAt(at);
        return page.next === undefined ? { ...page, next: "300" } : page;
      }
    }
    const server = new Circling(keys, 30);
    const pages = listAhead(server.fetch, {
      requests,
      prefixLength: 0,
      endless: () => new Error("in circles"),
    });
    const read = async () => {
      for await (const _ of pages);
    };
    await expect(read()).rejects.toThrow("in circles");
    expect(server.requests).toBeLessThan(300);
  });

  it("takes many empty pages in a row for one of the ways to list", async () => {
    class Gappy extends ListingServer {
      override fetch = async (start: PageStart): Promise<Page<string> | undefined> => {
        const at = "token" in start ? Number(start.token) : start.after === undefined ? 0 : undefined;
        if (at === undefined || at % 99 === 0) {
          const keys = at === undefined ? [] : [`k${String(at).padStart(4, "0")}`];
          return { keys, items: keys, ...(at !== 495 && { next: String((at ?? 0) + 1) }) };
        }
        return { keys: [], items: [], next: String(at + 1) };
      };
    }
    expect(await all(new Gappy([], 1), 1)).toEqual(["k0000", "k0099", "k0198", "k0297", "k0396", "k0495"]);
  });

  it("misses no key that was there all the time, while others come and go", async () => {
    class Busy extends ListingServer {
      protected override pageAt(at: number): Page<string> {
        const page = super.pageAt(at);
        const kept = page.keys.filter((key) => !key.endsWith("7") || (this.answered + Number(key)) % 3 > 0);
        return { ...page, keys: kept, items: kept };
      }
    }
    for (let count = 300; count < 900; count += 13) {
      const found = await all(new Busy(numbered(count), 30));
      expect(found).toEqual(sorted(found));
      expect(found.filter((key) => !key.endsWith("7"))).toEqual(
        numbered(count).filter((key) => !key.endsWith("7")),
      );
    }
  });
});

describe("a listing by several requests that ends early", () => {
  it("fails with any of its requests, and leaves nothing unhandled behind", async () => {
    for (let failing = 1; failing < 25; failing++) {
      const server = new ListingServer(numbered(900), 30);
      const fetch = async (start: PageStart) => {
        const page = await server.fetch(start);
        if (server.answered >= failing) throw new Error("broke");
        return page;
      };
      await expect(all({ fetch })).rejects.toThrow("broke");
    }
  });

  it("asks for nothing any more when its caller has stopped, and lets what is under way fail unheard", async () => {
    const server = new ListingServer(numbered(9000), 30);
    let stopped = false;
    const fetch = async (start: PageStart) => {
      expect(stopped).toBe(false);
      const page = await server.fetch(start);
      if (stopped) throw new Error("aborted");
      return page;
    };
    let taken = 0;
    for await (const _ of listAhead(fetch, { requests: 8, prefixLength: 0 })) if (++taken > 40) break;
    stopped = true;
    expect(server.running).toBeGreaterThan(0);
    for (let i = 0; i < 30; i++) await new Promise(setImmediate);
    expect(server.running).toBe(0);
  });
});
