/** Objects that are not what their names say, or not there any more when they are read. */
import { expect, it, vi } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { MAGIC } from "../../../src/container/segmented.ts";
import { LIVE } from "../../../src/names/stamp.ts";
import { md5ToBase36, parseStoredName, type StoredVersion } from "../../../src/names/stored-name.ts";
import type { BlockThreads } from "../../../src/run/object/block-threads.ts";
import { openKeys } from "../../../src/run/object/keys.ts";
import { openSealer } from "../../../src/run/object/object-sealer.ts";
import {
  isSegmentedObject,
  openIfSegmented,
  openPinned,
  readOriginal,
  streamOriginal,
} from "../../../src/run/object/open-object.ts";
import type { ReadOptions, Storage } from "../../../src/storage/storage.ts";
import { configOf, md5 } from "../world.ts";

// Threads would be worth their start from 64 MiB on only.
vi.mock("../../../src/run/object/block-threads.ts", () => ({ BLOCK_THREADS_LEAST: 10 * 2 ** 20 }));

const CONTENT = Buffer.from("the content");
const plain = configOf({ dest: "/nonexistent" }, { encrypt: false, compress: false, container: "segmented" });
const keys = await openKeys({ ...plain, password: undefined });
const sealer = openSealer(plain, keys, undefined, () => new Date(0));
const sealed = sealer.sealSmall(CONTENT, { path: "file", mtime: 1 }).bytes;

function versionOf(content: Buffer): StoredVersion {
  const digest = md5ToBase36(Buffer.from(md5(content), "hex"));
  const fields = { path: "file", mtime: 1, size: content.length, md5: digest, stamp: LIVE };
  return parseStoredName(sealer.keyFor(fields)) as StoredVersion;
}

/** A destination with one object under every key, and what was read of it. */
function holding(stored: Buffer, config: Config = plain) {
  const reads: ReadOptions[] = [];
  const destination = {
    kind: "s3",
    stat: async () => ({ size: stored.length, modified: 0, etag: "its etag" }),
    readWhole: async (_key: string, options: ReadOptions) => {
      reads.push(options);
      return Buffer.from(stored.subarray(options.range?.start, options.range?.end));
    },
    read: async function* () {
      yield Buffer.from(stored);
    },
  } as unknown as Storage;
  return { reads, context: { config, keys, destination, signal: new AbortController().signal } };
}

async function streamed(...given: Parameters<typeof streamOriginal>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of streamOriginal(...given)) pieces.push(piece);
  return Buffer.concat(pieces);
}

it("under a small name are not read to their end, however long they are", async () => {
  const { reads, context } = holding(Buffer.concat([CONTENT, Buffer.alloc(2 ** 20)]));
  await expect(readOriginal(versionOf(CONTENT), context)).rejects.toMatchObject({
    kind: "damaged",
    path: "file",
    message: expect.stringContaining("longer than an object of its size can be"),
  });
  expect(reads.map(({ range }) => range?.end as number)).toEqual([expect.any(Number)]);
  expect(reads[0]?.range?.end).toBeLessThan(2 ** 17);
});

it("without encryption are refused where the settings expect it, small and large", async () => {
  const config = { ...plain, encrypt: true };
  const context = { ...holding(sealed, config).context, keys: await openKeys(config) };
  const refused = { kind: "damaged", message: expect.stringContaining("encrypt") };
  await expect(readOriginal(versionOf(CONTENT), context)).rejects.toMatchObject(refused);
  await expect(openIfSegmented(versionOf(CONTENT), context)).rejects.toMatchObject(refused);
  const allowing = { ...context, config: plain };
  expect(await readOriginal(versionOf(CONTENT), allowing)).toEqual(CONTENT);
});

it("that are gone are named by their path, at whatever moment they went", async () => {
  const { context } = holding(sealed);
  const missing = Object.assign(new Error("no such object"), { code: "ENOENT" });
  const gone = { side: "destination", code: "ENOENT", path: "file" };
  const before = { ...context.destination, readWhole: () => Promise.reject(missing) };
  await expect(
    readOriginal(versionOf(CONTENT), { ...context, destination: before as Storage }),
  ).rejects.toMatchObject(gone);
  const meanwhile = { ...context.destination, stat: async () => undefined };
  await expect(
    openPinned(versionOf(CONTENT), { ...context, destination: meanwhile as Storage }),
  ).rejects.toMatchObject(gone);
});

it("are read as the one that was looked at, not as another that took its place", async () => {
  const { reads, context } = holding(sealed);
  expect(await openPinned(versionOf(CONTENT), context)).toMatchObject({ etag: "its etag" });
  expect(reads.length).toBeGreaterThan(1);
  expect(new Set(reads.slice(1).map(({ etag }) => etag))).toEqual(new Set(["its etag"]));
});

it("that only begin like segmented ones are the files that they are, as an object in a backup of a backup", async () => {
  const large = Buffer.concat([MAGIC, Buffer.alloc(10 * 2 ** 20)]);
  for (const small of [sealed, large.subarray(0, 100_000)]) {
    expect(await isSegmentedObject(versionOf(small), holding(small).context)).toBe(false);
    expect((await readOriginal(versionOf(small), holding(small).context)).equals(small)).toBe(true);
  }
  expect(await isSegmentedObject(versionOf(large), holding(large).context)).toBe(false);
  expect((await streamed(versionOf(large), holding(large).context)).equals(large)).toBe(true);
  const other = Buffer.from(large);
  other[other.length - 1] = 1; // of the same length, and not that file: whatever it is, it does not pass for it
  await expect(streamed(versionOf(large), holding(other).context)).rejects.toMatchObject({ kind: "damaged" });
});

it("that are by chance as long as their files are still what they begin like", async () => {
  const longer = (by: number) => Buffer.concat([CONTENT, Buffer.alloc(by, "a")]);
  const seal = (content: Buffer) => sealer.sealSmall(content, { path: "file", mtime: 1 }).bytes;
  const content = Array.from({ length: 1000 }, (_, by) => longer(by)).find(
    (content) => seal(content).length === content.length,
  );
  if (content === undefined) throw new Error("no such content");
  const { context } = holding(seal(content));
  expect(await readOriginal(versionOf(content), context)).toEqual(content);
  expect(await streamed(versionOf(content), context)).toEqual(content);
});

it("that are large are read by threads themselves in a folder, and opened by them from a bucket", async () => {
  const content = Buffer.alloc(10 * 2 ** 20 + 1, "a");
  const stored: Buffer[] = [];
  const large = sealer.sealLarge({ path: "file", mtime: 1, size: content.length });
  const whole = async function* () {
    yield content;
  };
  for await (const bytes of large.seal(whole())) stored.push(bytes);
  const { context } = holding(Buffer.concat(stored));
  const called: unknown[] = [];
  const refusing =
    (what: string) =>
    async (...given: unknown[]) => {
      called.push([what, given.at(2)]);
      throw new Error("enough");
    };
  const threads = { open: refusing("open"), read: refusing("read") } as unknown as BlockThreads;
  for (const destination of [
    context.destination,
    { ...context.destination, kind: "local", location: "/at" },
  ]) {
    const asked = streamed(versionOf(content), { ...context, threads, destination: destination as Storage });
    await expect(asked).rejects.toThrow("enough");
  }
  expect(new Set(called.map((call) => JSON.stringify(call)))).toEqual(
    new Set([
      JSON.stringify(["open", undefined]),
      JSON.stringify(["read", { root: "/at", key: versionOf(content).key }]),
    ]),
  );
});
