/**
 * What every storage has to do, whatever it is made of: the contract of src/storage/storage.ts as tests.
 */
import { createHash } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Side } from "../../src/errors.ts";
import { comparePaths } from "../../src/names/path-text.ts";
import type { ByteRange, Storage } from "../../src/storage/storage.ts";

/** A place for objects, and storages looking at it. */
export interface Place {
  /** Another storage on the same place; `missing` for one that does not exist. */
  open(side: Side, missing?: "missing"): Storage;
  /** Removes the place with all that is in it. */
  dispose(): Promise<void>;
}

export interface ConformanceOptions {
  /** Why the suite cannot run here; shown as the reason for skipping. */
  readonly skip?: string | undefined;
  /** Bytes of a part, where large objects are cut into such. */
  readonly partBytes: number;
}

const MIB = 2 ** 20;

/** Names that break naive encodings, listings and sort orders. In no order. */
export const ODD_KEYS = [
  "a",
  "a-b",
  "a.b",
  "a/b",
  "a/b.c",
  "a b/c d",
  " leading and trailing ",
  "plus+plus",
  "percent%41%2B%zz",
  "question?mark&and=hash#semi;colon:",
  "quotes'\"`",
  "back\\slash",
  "brackets[]{}()<>*|",
  "line\nfeed",
  "carriage\rreturn",
  "tab\tbell\x07escape\x1b[31m",
  "del\x7f",
  "umlaut-\u00e9 decomposed-e\u0301",
  "cjk/\u6f22\u5b57",
  "\uff5e fullwidth",
  "\ufb01 ligature",
  "\u{1f600} astral",
  "\u{10ffff} last",
  "\ufffd replacement",
  ".hidden",
  "..twodots",
  "trailing.",
  "...",
  "-dash",
  "~tilde",
  "UPPER",
  "upper",
  "x.1.2.3.0.enc",
];

/** Runs the suite over one implementation. */
export function describeStorage(
  name: string,
  openPlace: () => Promise<Place>,
  { skip, partBytes }: ConformanceOptions,
): void {
  describe.skipIf(skip !== undefined)(skip === undefined ? name : `${name} (${skip})`, () => {
    let place: Place;
    let storage: Storage;
    beforeAll(async () => {
      place = await openPlace();
      storage = place.open("destination");
      await storage.create();
    }, 120_000);
    beforeEach(async () => {
      for await (const batch of storage.list()) {
        expect(await storage.remove(batch.map(({ key }) => key))).toEqual([]);
      }
      await storage.flush();
    });
    afterAll(async () => {
      await storage?.close();
      await place?.dispose();
    }, 60_000);

    const put = async (key: string, bytes: Uint8Array | string) => {
      const staged = await storage.write(key, Buffer.from(bytes));
      const [result] = await storage.publish([staged]);
      expect(result?.error).toBeUndefined();
    };
    const keys = async (from: Storage = storage) => (await list(from)).map(({ key }) => key);

    describe("listing", () => {
      it("finds nothing in a new place", async () => {
        expect(await keys()).toEqual([]);
      });

      it("gives every odd name back, in the order of bytes", async () => {
        await Promise.all(ODD_KEYS.map((key) => put(key === "a" ? "a!" : key, key)));
        expect(await keys()).toEqual(ODD_KEYS.map((key) => (key === "a" ? "a!" : key)).sort(comparePaths));
      });

      it("tells a missing place by ENOENT, and does not make it", async () => {
        const missing = place.open("source", "missing");
        await expect(list(missing)).rejects.toMatchObject({ code: "ENOENT", side: "source" });
        await expect(list(missing)).rejects.toMatchObject({ code: "ENOENT" });
        await missing.close();
      });

      it("stops when it is told to", async () => {
        await put("a", "1");
        const stopped = AbortSignal.abort(new Error("stop"));
        const run = async () => {
          for await (const _ of storage.list(stopped));
          stopped.throwIfAborted();
        };
        await expect(run()).rejects.toThrow("stop");
      });
    });

    describe("odd names", () => {
      it.each(ODD_KEYS.map((key) => [JSON.stringify(key), key]))("%s works everywhere", async (_, key) => {
        const bytes = Buffer.from(`content of ${key}`);
        await put(key, bytes);
        expect(await storage.stat(key)).toMatchObject({ size: bytes.length });
        expect(await storage.readWhole(key)).toEqual(bytes);
        await storage.rename(key, `renamed/${key}`);
        expect(await keys()).toEqual([`renamed/${key}`]);
        const [copied] = await storage.publish([await storage.copy(`renamed/${key}`, `copied/${key}`)]);
        expect(copied?.error).toBeUndefined();
        expect(await storage.readWhole(`copied/${key}`)).toEqual(bytes);
        expect(await storage.remove([`renamed/${key}`, `copied/${key}`])).toEqual([]);
        expect(await keys()).toEqual([]);
      });
    });

    describe("objects", () => {
      it.each([0, 1, 4095, 65_536, 300_001])("of %i bytes come back as they were", async (size) => {
        const bytes = pattern(size);
        await put("k", bytes);
        expect(await storage.stat("k")).toMatchObject({ size });
        expect((await storage.readWhole("k")).equals(bytes)).toBe(true);
        expect((await collect(storage.read("k"))).equals(bytes)).toBe(true);
      });

      it("are replaced whole", async () => {
        await put("k", "the first content");
        await put("k", "second");
        expect((await storage.readWhole("k")).toString()).toBe("second");
        expect(await keys()).toEqual(["k"]);
      });

      it("have a time by the storage's clock", async () => {
        await put("k", "x");
        const stat = await storage.stat("k");
        expect(Math.abs((stat?.modified ?? 0) - Date.now())).toBeLessThan(3_600_000);
      });

      it("copied separately have a time of their own, and leave that of the original alone", async () => {
        await put("k", "x");
        const before = await storage.stat("k");
        const moment = Math.round((before?.modified ?? 0) / 1000) * 1000 + 3_600_000; // Node 22 rounds anything else down
        const [copied] = await storage.publish([await storage.copy("k", "l", { separate: true })], moment);
        expect(copied?.error).toBeUndefined();
        expect(await storage.stat("k")).toEqual(before);
        const { modified = 0 } = (await storage.stat("l")) ?? {};
        // A bucket has its own clock, whatever it is told.
        if (storage.kind === "local") expect(modified).toBe(moment);
        else expect(modified).toBeGreaterThanOrEqual(Math.floor((before?.modified ?? 0) / 1000) * 1000);
      });

      it("tell how far the storage's clock is ahead", async () => {
        await put("k", "x");
        expect(Math.abs(storage.clockOffset())).toBeLessThan(3_600_000);
      });

      it("keep what was in the caller's buffer when the write ended", async () => {
        const bytes = Buffer.from("before");
        const staged = await storage.write("k", bytes);
        bytes.fill("x");
        await storage.publish([staged]);
        expect((await storage.readWhole("k")).toString()).toBe("before");
      });

      it("that are missing have no stat, and reading them is ENOENT with side and path", async () => {
        expect(await storage.stat("none")).toBeUndefined();
        expect(await storage.stat("no/such/folder")).toBeUndefined();
        const expected = { code: "ENOENT", side: "destination", path: "none" };
        await expect(storage.readWhole("none")).rejects.toMatchObject(expected);
        await expect(collect(storage.read("none"))).rejects.toMatchObject(expected);
        await expect(collect(storage.read("none", { range: { start: 3, end: 3 } }))).rejects.toMatchObject(
          expected,
        );
        await expect(storage.rename("none", "other")).rejects.toMatchObject({ code: "ENOENT" });
        await expect(storage.copy("none", "other")).rejects.toMatchObject({ code: "ENOENT" });
      });

      it("that are discarded are not there", async () => {
        await storage.discard([await storage.write("k", Buffer.from("x"))]);
        expect(await keys()).toEqual([]);
      });
    });

    describe("ranges", () => {
      const ranges: ByteRange[] = [
        { start: 0 },
        { start: 0, end: 1 },
        { start: 0, end: 10 },
        { start: 3, end: 3 },
        { start: 3, end: 7 },
        { start: 9 },
        { start: 10 },
        { start: 11 },
        { start: 4, end: 99 },
        { start: 50, end: 99 },
        { start: -1 },
        { start: -4 },
        { start: -10 },
        { start: -99 },
        { start: -4, end: 8 },
      ];
      it.each(ranges)("%o is that of Buffer.subarray", async (range) => {
        const bytes = Buffer.from("0123456789");
        await put("ten", bytes);
        await put("none", "");
        const expected = bytes.subarray(range.start, range.end);
        expect(await storage.readWhole("ten", { range })).toEqual(Buffer.from(expected));
        expect(await collect(storage.read("ten", { range }))).toEqual(Buffer.from(expected));
        expect(await storage.readWhole("none", { range })).toEqual(Buffer.alloc(0));
      });

      it("can be left before their end, again and again", async () => {
        const bytes = pattern(2 * MIB);
        await put("k", bytes);
        for (let start = 0; start < 20; start++) {
          for await (const piece of storage.read("k", { range: { start } })) {
            expect(piece[0]).toBe(bytes[start]);
            break;
          }
        }
      });

      it("can be read by many at once", async () => {
        const bytes = pattern(MIB);
        await put("k", bytes);
        const starts = Array.from({ length: 60 }, (_, i) => i * 1000);
        const got = await Promise.all(
          starts.map((start) => storage.readWhole("k", { range: { start, end: start + 1000 } })),
        );
        expect(Buffer.concat(got).equals(bytes.subarray(0, 60_000))).toBe(true);
      });
    });

    describe("a writer", () => {
      const sizes = [0, 1, 1000, partBytes - 1, partBytes, partBytes + 1, 3 * partBytes + 17];
      it.each(sizes)("makes an object of %i bytes, with and without a reserved head", async (size) => {
        for (const reserve of [0, 48]) {
          if (size < reserve) continue;
          const bytes = pattern(size);
          const writer = await storage.createWriter("k", { reserve, sizeHint: size });
          await writeIn(writer, bytes.subarray(reserve), 700_001);
          const head = bytes.subarray(0, reserve);
          const staged = await writer.finish(reserve > 0 ? { head } : {});
          expect(staged).toMatchObject({ key: "k", size });
          await storage.publish([staged]);
          expect(md5(await storage.readWhole("k"))).toBe(md5(bytes));
        }
        expect(await storage.listUploads()).toEqual([]);
      });

      it("shows nothing before it has finished", async () => {
        const writer = await storage.createWriter("k", { sizeHint: 3 * partBytes });
        await writeIn(writer, pattern(2 * partBytes + 5), MIB);
        expect(await keys()).toEqual([]);
        expect(await storage.stat("k")).toBeUndefined();
        await writer.abort();
      });

      it.each([0, 10, 2 * partBytes + 5])("aborted after %i bytes leaves nothing", async (size) => {
        const writer = await storage.createWriter("k", { reserve: 16, sizeHint: 3 * partBytes });
        await writeIn(writer, pattern(size), MIB);
        await writer.abort();
        await writer.abort();
        expect(await keys()).toEqual([]);
        expect(await storage.listUploads()).toEqual([]);
        await expect(writer.write(Buffer.from("x"))).rejects.toThrow();
      });

      it("stopped by its signal leaves nothing", async () => {
        const stop = new AbortController();
        const writer = await storage.createWriter("k", { sizeHint: 4 * partBytes, signal: stop.signal });
        await writeIn(writer, pattern(partBytes + 1), MIB);
        stop.abort(new Error("stop"));
        await expect(writer.write(Buffer.alloc(1))).rejects.toThrow("stop");
        await writer.abort();
        expect(await keys()).toEqual([]);
        expect(await storage.listUploads()).toEqual([]);
      });

      it("refuses a head that does not fit the reserved bytes", async () => {
        const writer = await storage.createWriter("k", { reserve: 4, sizeHint: 10 });
        await expect(writer.finish({ head: Buffer.alloc(5) })).rejects.toThrow(RangeError);
        await expect(writer.finish()).rejects.toThrow(RangeError);
        await writer.abort();
      });

      it("takes more than was hinted", async () => {
        const bytes = pattern(partBytes + 100);
        const writer = await storage.createWriter("k", { sizeHint: 1 });
        await writeIn(writer, bytes, 99_999);
        await storage.publish([await writer.finish()]);
        expect(md5(await storage.readWhole("k"))).toBe(md5(bytes));
      });

      it("does not disturb others", async () => {
        const all = await Promise.all(
          Array.from({ length: 6 }, async (_, i) => {
            const bytes = pattern(100_000 * (i + 1), i);
            const writer = await storage.createWriter(`w${i}`, { reserve: 8, sizeHint: bytes.length });
            await writeIn(writer, bytes.subarray(8), 10_007);
            return { bytes, staged: await writer.finish({ head: bytes.subarray(0, 8) }) };
          }),
        );
        const results = await storage.publish(all.map(({ staged }) => staged));
        expect(results.map(({ error }) => error)).toEqual(all.map(() => undefined));
        for (const [i, { bytes }] of all.entries()) {
          expect((await storage.readWhole(`w${i}`)).equals(bytes)).toBe(true);
        }
      });

      it.each([
        ["at the start", 0, 0],
        ["after a few bytes", 1000, 0],
        ["after a reserved head", 64, 64],
        ["after a part", partBytes, 0],
        ["after a part and a bit, the first one reserved", partBytes + 3, 64],
      ])("copies ranges of another object %s", async (_, before, reserve) => {
        const source = pattern(2 * partBytes + 123, 7);
        await put("source", source);
        const etag = (await storage.stat("source"))?.etag;
        const own = pattern(before, 3);
        const tail = pattern(777, 5);
        const writer = await storage.createWriter("k", { reserve, sizeHint: 5 * partBytes });
        await writer.write(own.subarray(reserve));
        await writer.copyFrom("source", { start: 5, end: 2 * partBytes + 100 }, etag);
        await writer.copyFrom("source", { start: 9, end: 9 }, etag);
        await writer.write(tail);
        await writer.copyFrom("source", { start: 0, end: 1000 }, etag);
        const staged = await writer.finish(reserve > 0 ? { head: own.subarray(0, reserve) } : {});
        await storage.publish([staged]);
        const expected = Buffer.concat([
          own,
          source.subarray(5, 2 * partBytes + 100),
          tail,
          source.subarray(0, 1000),
        ]);
        expect(staged.size).toBe(expected.length);
        expect(md5(await storage.readWhole("k"))).toBe(md5(expected));
        expect(await storage.listUploads()).toEqual([]);
      });

      it("that copies more than there is fails and leaves nothing", async () => {
        await put("source", pattern(1000));
        const writer = await storage.createWriter("k", { sizeHint: 5000 });
        await expect(writer.copyFrom("source", { start: 0, end: 5000 })).rejects.toMatchObject({
          code: "ESHORT",
        });
        await writer.abort();
        expect(await keys()).toEqual(["source"]);
      });
    });

    describe("an upload", () => {
      it.each([0, 1, partBytes, 2 * partBytes + 9])("of a stream of %i bytes is stored", async (size) => {
        const bytes = pattern(size);
        const staged = await storage.upload("k", pieces(bytes, 300_000), {
          mtime: 1_600_000_000_123,
          sizeHint: size,
        });
        expect(staged).toMatchObject({ key: "k", size });
        await storage.publish([staged]);
        expect(md5(await storage.readWhole("k"))).toBe(md5(bytes));
      });

      it.each([0, 10, partBytes + 1, 2 * partBytes + 9])(
        "whose stream fails after %i bytes leaves nothing",
        async (size) => {
          const failing = async function* () {
            yield* pieces(pattern(size), 300_000);
            throw new Error("the stream failed");
          };
          await expect(storage.upload("k", failing(), { sizeHint: size })).rejects.toThrow(
            "the stream failed",
          );
          expect(await keys()).toEqual([]);
          expect(await storage.listUploads()).toEqual([]);
        },
      );
    });

    describe("renaming and removing", () => {
      it("renames over what is there", async () => {
        await put("a", "new");
        await put("b", "old");
        await storage.rename("a", "b");
        expect(await keys()).toEqual(["b"]);
        expect((await storage.readWhole("b")).toString()).toBe("new");
        await storage.flush();
      });

      it("refuses to rename to itself, and keeps the object", async () => {
        await put("a", "x");
        await expect(storage.rename("a", "a")).rejects.toThrow(/itself/);
        expect(await keys()).toEqual(["a"]);
      });

      it("counts what is absent as removed", async () => {
        await put("a", "x");
        expect(await storage.remove([])).toEqual([]);
        expect(await storage.remove(["none", "a", "no/such/folder", "line\nfeed"])).toEqual([]);
        expect(await keys()).toEqual([]);
      });
    });

    describe("keys", () => {
      it("that cannot be stored are told beforehand", () => {
        for (const key of ["", "..", "a/../b", "./a", "x".repeat(5000)]) {
          expect(storage.keyProblem(key), JSON.stringify(key)).toBeTypeOf("string");
        }
        for (const key of ODD_KEYS) expect(storage.keyProblem(key), JSON.stringify(key)).toBeUndefined();
      });
    });

    it("can be made twice", async () => {
      await put("a", "x");
      await storage.create();
      expect(await keys()).toEqual(["a"]);
    });

    it("shows to others what it has done", async () => {
      const other = place.open("source");
      await put("a", "x");
      expect(await keys(other)).toEqual(["a"]);
      await storage.rename("a", "b");
      expect(await other.stat("a")).toBeUndefined();
      expect((await other.readWhole("b")).toString()).toBe("x");
      await other.close();
    });
  });
}

export async function list(storage: Storage) {
  const objects = [];
  for await (const batch of storage.list()) objects.push(...batch);
  return objects;
}

export async function collect(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of body) all.push(piece);
  return Buffer.concat(all);
}

/** Bytes that differ from one place to the next, so that swapped or repeated parts show. */
export function pattern(size: number, seed = 0): Buffer {
  const words = new Uint32Array(Math.ceil(size / 4));
  let state = seed + 1;
  for (let i = 0; i < words.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    words[i] = state;
  }
  return Buffer.from(words.buffer, 0, size);
}

export function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

async function* pieces(bytes: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let i = 0; i < bytes.length; i += length) yield bytes.subarray(i, i + length);
}

/** Writes in pieces, through one buffer that is used again each time, as the contract allows. */
async function writeIn(writer: { write(bytes: Uint8Array): Promise<void> }, bytes: Buffer, length: number) {
  const buffer = Buffer.alloc(length);
  for await (const piece of pieces(bytes, length)) {
    buffer.set(piece);
    await writer.write(buffer.subarray(0, piece.length));
  }
}
