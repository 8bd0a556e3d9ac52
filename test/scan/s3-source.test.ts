import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StorageError } from "../../src/errors.ts";
import { comparePaths } from "../../src/names/path-text.ts";
import { sortKeyOf } from "../../src/names/stored-name.ts";
import type { Entry } from "../../src/scan/entry.ts";
import { FilesFrom } from "../../src/scan/files-from.ts";
import { S3Source } from "../../src/scan/s3-source.ts";
import type { ListedObject, Storage } from "../../src/storage/storage.ts";
import { anyPath, cut } from "../plan/worlds.ts";
import { assertProperty } from "../property.ts";
import { exclusionsOf } from "./exclusions.ts";

const NOTHING = exclusionsOf();

function bucket(objects: readonly ListedObject[], cuts: number[] = []) {
  let listed = 0;
  const asked: unknown[] = [];
  /** What a read gives, whatever is asked for. */
  const content = { bytes: Buffer.alloc(0) };
  const storage = {
    location: "s3://bucket",
    async *list() {
      for await (const batch of cut(objects, cuts)) {
        listed += batch.length;
        yield batch;
      }
    },
    stat: async (key: string) => {
      const object = objects.find((each) => each.key === key);
      return object && { size: 99, modified: 5999, etag: "new" };
    },
    async *read(...call: unknown[]) {
      asked.push(call);
      yield content.bytes;
    },
    readWhole: async (...call: unknown[]) => {
      if (call[0] === "gone") throw new StorageError("source", "no such object", { code: "ENOENT" });
      asked.push(call);
      return content.bytes;
    },
    close: async () => {},
  };
  return { storage: storage as unknown as Storage, listed: () => listed, asked, content };
}

async function scan(objects: readonly ListedObject[], { ignore = NOTHING, cuts = [] as number[] } = {}) {
  const { storage, listed } = bucket(objects, cuts);
  const entries: Entry[] = [];
  let heldMost = 0;
  const findings = {
    onError: () => expect.unreachable(),
    onSkipped: () => expect.unreachable(),
    onNote() {},
  };
  for await (const batch of new S3Source(storage, ignore).scan(findings)) {
    entries.push(...batch);
    heldMost = Math.max(heldMost, listed() - entries.length);
  }
  return { entries, heldMost };
}

describe("a bucket as a source", () => {
  it("gives its objects in the order of the join, though it lists them in that of keys", async () => {
    const keys = ["a", "a!", "a-", "a-b", "a.b", "a/b", "ab"];
    const { entries } = await scan(
      keys.map((key) => ({ key, size: 1, modified: 1999 })),
      { cuts: [1] },
    );
    expect(entries.map(({ path }) => path)).toEqual(
      ["a!", "a-b", "a-", "a", "a.b", "a/b", "ab"].sort((a, b) =>
        comparePaths(sortKeyOf(a, 1, 1), sortKeyOf(b, 1, 1)),
      ),
    );
    expect(entries[0]).toEqual({ path: "a!", size: 1, mtime: 1, sortKey: "a!.1.1." });
  });

  it("ascends for any set of keys, cut anyhow, and leaves none out", async () => {
    await assertProperty(
      fc.asyncProperty(
        fc.uniqueArray(fc.tuple(anyPath, fc.nat({ max: 40 }), fc.nat({ max: 40_000 })), {
          selector: ([key]) => key,
          maxLength: 40,
        }),
        fc.array(fc.nat({ max: 5 }), { maxLength: 5 }),
        async (objects, cuts) => {
          const listed = objects
            .map(([key, size, modified]) => ({ key, size, modified }))
            .sort((a, b) => comparePaths(a.key, b.key));
          const { entries } = await scan(listed, { cuts });
          const keys = entries.map(({ sortKey }) => sortKey);
          expect(keys).toEqual([...keys].sort(comparePaths));
          expect(entries.map(({ path }) => path).sort()).toEqual(listed.map(({ key }) => key).sort());
        },
      ),
      { numRuns: 500 },
    );
  });

  it("holds back only keys that begin the one listed, not the listing", async () => {
    const keys: string[] = [];
    for (let i = 0; i < 3000; i++) {
      const name = `f${String(i).padStart(5, "0")}`;
      keys.push(name, `${name}!`, `${name}-`, `${name}-a`, `${name}.x`, `${name}/x`);
    }
    keys.sort(comparePaths);
    const { entries, heldMost } = await scan(
      keys.map((key) => ({ key, size: 1, modified: 0 })),
      { cuts: [1] },
    );
    expect(entries.length).toBe(18_000);
    expect(heldMost).toBeLessThan(8);
  });

  it("takes whole seconds, keeps the ETag, and nothing before 1970", async () => {
    const { entries } = await scan([
      { key: "a", size: 3, modified: 1_600_000_000_999, etag: "e" },
      { key: "b", size: 0, modified: -1 },
    ]);
    expect(entries).toEqual([
      { path: "a", size: 3, mtime: 1_600_000_000, etag: "e", sortKey: "a.qgljwg.3." },
      { path: "b", size: 0, mtime: 0, sortKey: "b.0.0." },
    ]);
  });

  it("leaves out what is ignored, and nothing for a slash at the end of its key", async () => {
    const ignore = exclusionsOf({ expressions: [/^x/v], prefixes: ["backup/"] });
    const { entries } = await scan(
      ["backup/a", "folder/", "x/", "x1", "y"].map((key) => ({ key, size: 1, modified: 0 })),
      { ignore },
    );
    expect(entries.map(({ path }) => path)).toEqual(["folder/", "y"]);
  });

  it("meets what a list names, also where only keys below it tell", async () => {
    const only = new FilesFrom(["a", "b/c", "d", "e"]);
    const ignore = exclusionsOf({ only, exclude: ["a"] });
    const { entries } = await scan(
      ["a", "b/c/x", "b/d", "d/"].map((key) => ({ key, size: 1, modified: 0 })),
      { ignore },
    );
    expect(entries.map(({ path }) => path)).toEqual(["b/c/x", "d/"]);
    expect([...only.missing]).toEqual(["e"]);
  });

  it("pins what it reads to what was listed; looked at afresh, to what is there now", async () => {
    const { storage, asked, content } = bucket([{ key: "a" }]);
    const source = new S3Source(storage, NOTHING);
    const listed = await source.open({ path: "a", size: 3, mtime: 4, etag: "0".repeat(32) });
    expect(listed).toMatchObject({ size: 3, mtime: 4, md5Hint: "0".repeat(32) });
    content.bytes = Buffer.alloc(3);
    expect(await listed.readWhole()).toEqual(content.bytes);
    const fresh = await source.open({ path: "a", size: 3, mtime: 4 });
    expect(fresh).toMatchObject({ size: 99, mtime: 5 });
    expect(fresh.md5Hint).toBeUndefined();
    content.bytes = Buffer.alloc(99);
    expect(await fresh.readWhole()).toEqual(content.bytes);
    expect(asked).toMatchObject([
      ["a", { etag: "0".repeat(32) }],
      ["a", { etag: "new" }],
    ]);
    await expect(source.open({ path: "gone", size: 3, mtime: 4 })).rejects.toMatchObject({
      code: "ENOENT",
      side: "source",
    });
  });

  it.each([0, 2, 4])(
    "what is of another length than it was listed with has changed (%i bytes of 3)",
    async (length) => {
      const { storage, content } = bucket([{ key: "a" }]);
      content.bytes = Buffer.alloc(length);
      const file = await new S3Source(storage, NOTHING).open({ path: "a", size: 3, mtime: 4, etag: "e" });
      const read = async () => {
        for await (const _ of file.read()); // to its end
      };
      await expect(read()).rejects.toMatchObject({ code: "ECHANGED", side: "source" });
      await expect(file.readWhole()).rejects.toMatchObject({ code: "ECHANGED", side: "source" });
    },
  );
});

it("a bucket is asked nothing of a path that it cannot hold, and that was stored from elsewhere", async () => {
  const { storage } = bucket([]);
  const stat = () => Promise.reject(new Error("was asked"));
  const source = new S3Source(
    Object.assign(storage, { stat, keyProblem: () => "never" }),
    exclusionsOf({ largerThan: 1 }),
  );
  expect(await source.excludedBy("a/../b")).toBeUndefined();
});
