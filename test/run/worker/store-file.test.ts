/** What a file does while it is stored: nothing that it was not at one moment becomes a version of it. */
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { StorageError } from "../../../src/errors.ts";
import { LIVE } from "../../../src/names/stamp.ts";
import { md5ToBase36, type StoredVersion } from "../../../src/names/stored-name.ts";
import { openKeys } from "../../../src/run/object/keys.ts";
import { openSealer } from "../../../src/run/object/object-sealer.ts";
import { readOriginal } from "../../../src/run/object/open-object.ts";
import type { StoreContext } from "../../../src/run/worker/store-context.ts";
import { storeFile } from "../../../src/run/worker/store-file.ts";
import type { Source, SourceFile } from "../../../src/scan/source.ts";
import { LocalStorage } from "../../../src/storage/local/local-storage.ts";
import { configOf, filesIn, md5 } from "../world.ts";

let folder: string;
let context: StoreContext;
let opened: { etag?: string }[];
let closed: number;

beforeEach(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "store-file-"));
  const config = configOf({ dest: folder }, { container: "segmented", encrypt: false, compression: "none" });
  const keys = await openKeys({ ...config, password: undefined });
  context = {
    config,
    keys,
    destination: new LocalStorage(folder, "destination"),
    sealer: openSealer(config, keys, undefined, () => new Date(0)),
    source: {} as Source,
    signal: new AbortController().signal,
    learned: { cannotCopyParts: false, cannotImportFrom: new Set(), etagsAreNoMd5: false },
    stopped: () => false,
    progress: () => {},
  };
});
afterEach(async () => {
  await context.destination.close();
  fs.rmSync(folder, { recursive: true });
});

/** A look at the file: what it holds, and what is odd about that. */
type Look = Partial<SourceFile> & { readonly content: Buffer; readonly second?: Buffer };

/** Stores a file that each attempt finds as the next of these. */
async function store(looks: readonly (Look | Error)[], sameSize: readonly StoredVersion[] = []) {
  opened = [];
  closed = 0;
  const open = async (entry: { etag?: string }): Promise<SourceFile> => {
    const look = looks[Math.min(opened.push(entry) - 1, looks.length - 1)] as Look | Error;
    if (look instanceof Error) throw look;
    const { content, second = content, ...odd } = look;
    let readings = 0;
    return {
      size: content.length,
      mtime: opened.length,
      async *read() {
        const bytes = readings++ === 0 ? content : second;
        for (let at = 0; at < bytes.length; at += 2 ** 20) yield bytes.subarray(at, at + 2 ** 20);
      },
      readWhole: async () => Buffer.from(content),
      isUnchanged: async () => true,
      close: async () => void closed++,
      ...odd,
    };
  };
  const file = { path: "file", size: 1, mtime: 0, etag: "as listed" };
  const task = { do: "store", file, sameSize, unfinished: [] } as const;
  const outcome = await storeFile(task, { ...context, source: { open } as unknown as Source });
  expect(closed).toBe(opened.length - looks.filter((look) => look instanceof Error).length);
  return outcome;
}

/** What is staged, which is all that there may be. */
async function staged(outcome: Awaited<ReturnType<typeof store>>): Promise<Buffer> {
  if (outcome.kind !== "stored") throw new Error(JSON.stringify(outcome));
  expect(filesIn(folder).filter((file) => !file.endsWith("/"))).toHaveLength(1);
  await context.destination.publish([outcome.staged]);
  const { read, staged } = outcome;
  return readOriginal({ ...read, path: "file", stamp: LIVE, key: staged.key, sealed: false }, context);
}

const sourceError = (code: string) => new StorageError("source", "was not right", { path: "file", code });
const rejecting = (error: Error) => async (): Promise<never> => {
  throw error;
};
const before = Buffer.from("before");
const after = Buffer.from("after that");

describe("a small file", () => {
  it.each<[string, Look | Error]>([
    ["is another once it was read", { content: before, isUnchanged: async () => false }],
    ["gives another number of bytes than it has", { content: before, size: 7 }],
    ["changes while it is read", { content: before, readWhole: rejecting(sourceError("ECHANGED")) }],
    ["becomes shorter while it is read", { content: before, readWhole: rejecting(sourceError("ESHORT")) }],
  ])("that %s is looked at afresh, and stored as it is then", async (_, look) => {
    const outcome = await store([look, { content: after }]);
    expect(outcome).toMatchObject({ kind: "stored", read: { size: after.length, mtime: 2 } });
    expect(await staged(outcome)).toEqual(after);
    expect(opened.map(({ etag }) => etag)).toEqual(["as listed", undefined]);
  });

  it("that never rests fails, after three attempts, and leaves nothing", async () => {
    const outcome = await store([{ content: before, isUnchanged: async () => false }]);
    expect(outcome).toMatchObject({ kind: "failed", report: { code: "ECHANGED", side: "source" } });
    expect(opened).toHaveLength(3);
    expect(filesIn(folder).filter((file) => !file.endsWith("/"))).toEqual([]);
  });

  it("that is gone has vanished; what is gone at the destination has failed, and tells what was read", async () => {
    expect(await store([sourceError("ENOENT")])).toEqual({ kind: "vanished" });
    for (const code of ["ENOENT", "ECHANGED"]) {
      context.destination.write = rejecting(new StorageError("destination", "is away", { code }));
      expect(await store([{ content: before }])).toMatchObject({
        kind: "failed",
        report: { side: "destination", code },
        read: { size: before.length, mtime: 1 },
      });
      expect(opened).toHaveLength(1);
    }
  });
});

describe("a large file", () => {
  const large = Buffer.alloc(11 * 2 ** 20, "large");
  const other = Buffer.from(large).fill("x", 5 * 2 ** 20, 5 * 2 ** 20 + 3);
  /** For the sake of it the file is read twice. */
  const version = {
    path: "file",
    size: large.length,
    md5: "0",
    mtime: 9,
    key: "k",
    stamp: LIVE,
    sealed: false,
  } as const;
  const md5Of = (content: Buffer) => md5ToBase36(Buffer.from(md5(content), "hex"));

  it("that is another when it is read again, of the same time, is no version of either", async () => {
    const outcome = await store([{ content: large, second: other }, { content: other }], [version]);
    expect(outcome).toMatchObject({ kind: "stored", read: { md5: md5Of(other), mtime: 2 } });
    expect((await staged(outcome)).equals(other)).toBe(true);
  });

  it("that is another once it was read is looked at afresh", async () => {
    const outcome = await store([{ content: large, isUnchanged: async () => false }, { content: other }]);
    expect(outcome).toMatchObject({ kind: "stored", read: { md5: md5Of(other), mtime: 2 } });
    expect((await staged(outcome)).equals(other)).toBe(true);
  });
});
