import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { comparePaths } from "../../src/names/path-text.ts";
import { ExternalSorter } from "../../src/spill/external-sorter.ts";
import { sortedBatches } from "../../src/spill/sorted-batches.ts";
import { SpillFile } from "../../src/spill/spill-file.ts";
import { SpillList } from "../../src/spill/spill-list.ts";
import { SpillPartitions } from "../../src/spill/spill-partitions.ts";
import { anyPath } from "../names/arbitraries.ts";
import { assertProperty } from "../property.ts";
import { failing, withFs } from "../with-fs.ts";

let folder: string;
const before = process.env.TMPDIR;
const openFiles = () => fs.readdirSync("/proc/self/fd").length;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "spill-test-"));
  process.env.TMPDIR = folder;
});

afterEach(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  // Whatever a test did, the table has no name: nothing to clean up after a kill.
  expect(fs.readdirSync(folder)).toEqual([]);
  fs.rmdirSync(folder);
});

const ODD = [
  "",
  "line\nfeed",
  "\r\n",
  "\udcff\udc80",
  "\ud800",
  "\u{1f600}",
  "\u2028",
  '"quotes"\\',
  "\0",
  "x".repeat(200_000),
];

describe("a list", () => {
  it.each([0, 1, 50, 1e9])(
    "gives back what was put in, in order and again, with %i characters in memory",
    (limit) => {
      const list = new SpillList<{ name: string; i: number }>(limit);
      const records = Array.from({ length: 300 }, (_, i) => ({ name: ODD[i % 9] as string, i }));
      records.push({ name: ODD.at(-1) as string, i: -1 });
      for (const record of records) list.append(record);
      expect(list.length).toBe(301);
      expect([...list]).toEqual(records);
      expect([...list]).toEqual(records);
      list.append({ name: "later", i: 1 });
      expect([...list].at(-1)).toEqual({ name: "later", i: 1 });
      list.close();
      list.close();
    },
  );

  it("that is empty has nothing, and needs no file", () => {
    const files = openFiles();
    const list = new SpillList<number>(0);
    expect([...list]).toEqual([]);
    expect(openFiles()).toBe(files);
    list.close();
  });

  it("can be left in the middle, and closes its file", () => {
    const files = openFiles();
    const list = new SpillList<string>(10);
    for (let i = 0; i < 1000; i++) list.append(`record ${i}`);
    for (const record of list) if (record === "record 500") break;
    expect(openFiles()).toBe(files + 1);
    list.close();
    expect(openFiles()).toBe(files);
  });

  it("holds any path", () => {
    assertProperty(
      fc.property(fc.array(anyPath(), { maxLength: 20 }), (paths) => {
        const list = new SpillList<string>(30);
        for (const path of paths) list.append(path);
        expect([...list]).toEqual(paths);
        list.close();
      }),
      { numRuns: 100 },
    );
  });
});

describe("the folder for temporary files", () => {
  it("is what is complained of, where it does not take a table", () => {
    process.env.TMPDIR = path.join(folder, "missing");
    const list = new SpillList<string>(0);
    const refused = { side: "temporary", path: process.env.TMPDIR, code: "ENOENT" };
    expect(() => list.append("x")).toThrow(expect.objectContaining(refused));
    list.close();
    process.env.TMPDIR = folder;
  });

  it("is what is complained of, where it does not give a table back", async () => {
    const file = new SpillFile();
    const range = file.append("x\n");
    const refused = { side: "temporary", path: folder, code: "EIO" };
    await withFs({ readSync: failing("EIO") }, async () =>
      expect(() => [...file.lines(range)]).toThrow(expect.objectContaining(refused)),
    );
    file.close();
  });
});

describe("partitions", () => {
  it.each([0, 50, 1e9])(
    "give back what was put into each, in order and again, with %i characters in memory",
    (limit) => {
      const files = openFiles();
      const partitions = new SpillPartitions<{ name: string; i: number }>(5, limit);
      const records = Array.from({ length: 300 }, (_, i) => ({ name: ODD[i % 9] as string, i }));
      for (const record of records) partitions.append(record.i % 4, record);
      for (const index of [3, 0, 1, 2, 4, 0])
        expect([...partitions.read(index)]).toEqual(records.filter(({ i }) => i % 4 === index));
      expect(() => partitions.append(5, { name: "", i: 0 })).toThrow(RangeError);
      partitions.close();
      expect(openFiles()).toBe(files);
    },
  );
});

describe("a sorter", () => {
  const sort = (keys: string[], limit: number) => {
    const sorter = new ExternalSorter<{ key: string; at: number }>(({ key }) => key, limit);
    for (const [at, key] of keys.entries()) sorter.add({ key, at });
    expect(sorter.length).toBe(keys.length);
    return [...sorter.sorted()];
  };
  const expected = (keys: string[]) =>
    keys.map((key, at) => ({ key, at })).sort((a, b) => comparePaths(a.key, b.key) || a.at - b.at);

  it.each([0, 300, 1e9])(
    "sorts by bytes and keeps equal keys in their order, with %i bytes of memory",
    (limit) => {
      const keys = Array.from({ length: 500 }, (_, i) => ODD[(i * 7) % 9] as string);
      keys.push("\uff5e", "\u{10000}", "a-b", "a.b", "a/b");
      expect(sort(keys, limit)).toEqual(expected(keys));
      expect(sort([], limit)).toEqual([]);
    },
  );

  it("sorts whatever comes, however much of it fits into memory", () => {
    assertProperty(
      fc.property(
        fc.array(anyPath(), { maxLength: 60 }),
        fc.integer({ min: 0, max: 2000 }),
        (keys, limit) => {
          expect(sort(keys, limit)).toEqual(expected(keys));
        },
      ),
      { numRuns: 200 },
    );
  });

  it("loses nothing of what goes to disk in several pieces", () => {
    const keys = Array.from({ length: 5500 }, (_, i) => String((i * 7919) % 5501));
    expect(sort(keys, 250_000)).toEqual(expected(keys)); // some 2400 at once
  });

  it("closes its file when read to the end, and when it is told to", () => {
    const files = openFiles();
    const keys = Array.from({ length: 50 }, (_, i) => String(i));
    sort(keys, 100);
    expect(openFiles()).toBe(files);
    const sorter = new ExternalSorter<string>((key) => key, 100);
    for (const key of keys) sorter.add(key);
    for (const _ of sorter.sorted()) break;
    expect(openFiles()).toBe(files + 1);
    sorter.close();
    expect(openFiles()).toBe(files);
  });

  it("writes no more than one table for many runs", () => {
    const files = openFiles();
    const sorter = new ExternalSorter<string>((key) => key, 0);
    for (let i = 0; i < 200; i++) sorter.add(String(i));
    expect(openFiles()).toBe(files + 1);
    expect([...sorter.sorted()]).toHaveLength(200);
  });
});

describe("sorted batches", () => {
  const keysOf = (count: number) => Array.from({ length: count }, (_, i) => String((i * 7919) % 10_007));
  async function* inBatches(keys: string[]): AsyncGenerator<string[]> {
    for (let at = 0; at < keys.length; at += 700) yield keys.slice(at, at + 700);
  }

  it.each([0, 1, 999, 1000, 1001, 2500])("hold each of %i records once, in order", async (count) => {
    const found: string[] = [];
    for await (const batch of sortedBatches(inBatches(keysOf(count)), (key) => key)) {
      expect(batch.length).toBeLessThanOrEqual(1000);
      found.push(...batch);
    }
    expect(found).toEqual(keysOf(count).sort());
  });

  it("close their file however they end", async () => {
    const files = openFiles();
    const long = (key: string) => key.repeat(2000); // past what memory holds
    for await (const _ of sortedBatches(inBatches(keysOf(2500)), long)) {
      expect(openFiles()).toBe(files + 1);
      break;
    }
    expect(openFiles()).toBe(files);
    async function* failing(): AsyncGenerator<string[]> {
      yield* inBatches(keysOf(1500));
      throw new Error("not all of them");
    }
    const sorting = sortedBatches(failing(), long);
    await expect(sorting.next()).rejects.toThrow("not all of them");
    expect(openFiles()).toBe(files);
  });
});

describe("a table on disk", () => {
  it("gives lines back whatever the size of the pieces it is read in", () => {
    const file = new SpillFile();
    const lines = ["", "a", "\u00e9\u{1f600}".repeat(10), "", "last"];
    file.append("before\n");
    const range = file.append(`${lines.join("\n")}\n`);
    file.append("after\n");
    for (const pieceBytes of [1, 2, 3, 7, 64]) expect([...file.lines(range, pieceBytes)]).toEqual(lines);
    file.close();
  });

  it("is readable by nobody else, and has no name", () => {
    const file = new SpillFile();
    file.append("x\n");
    const links = fs.readdirSync("/proc/self/fd").map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return "";
      }
    });
    expect(links.some((link) => link.startsWith(folder) && link.endsWith("(deleted)"))).toBe(true);
    file.close();
  });

  it("is whole where the system takes a part of it at a time", async () => {
    const { writeSync } = fs;
    const writeLittle = (fd: number, bytes: Buffer, from: number, length: number, at: number) =>
      writeSync(fd, bytes, from, Math.min(3, length), at);
    const file = new SpillFile();
    await withFs({ writeSync: writeLittle }, async () => {
      for (const text of ["before", "a few lines", "after"]) {
        const range = file.append(`${text}\n`);
        expect([...file.lines(range)]).toEqual([text]);
      }
    });
    file.close();
  });

  it("that has lost its end fails, rather than tell less than was written", async () => {
    const file = new SpillFile();
    const range = file.append("first\nsecond\n");
    await withFs({ readSync: () => 0 }, async () => {
      expect(() => [...file.lines(range)]).toThrow(/shorter than what was written/);
    });
    file.close();
  });

  it("leaves nothing when it cannot be made", () => {
    process.env.TMPDIR = path.join(folder, "missing");
    expect(() => new SpillFile().append("x\n")).toThrow(/ENOENT/);
    process.env.TMPDIR = folder;
  });
});
