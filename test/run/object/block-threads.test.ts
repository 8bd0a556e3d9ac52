import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_COMPRESSION } from "../../../src/compression/codecs.ts";
import {
  FileSealer,
  openObject,
  openStream,
  type ReadOptions,
  type ReadRange,
} from "../../../src/container/segmented.ts";
import { passwordSource } from "../../../src/crypto/key-source.ts";
import { SegmentedKeyRing } from "../../../src/crypto/segmented-key-ring.ts";
import { StorageError } from "../../../src/errors.ts";
import { BLOCK_THREADS_LEAST, type BlockThreads } from "../../../src/run/object/block-threads.ts";
import { type HelpedThreads, helpedThreads } from "../helped-threads.ts";
import { backup, clean, restore, treeOf, verify, World } from "../world.ts";

const MIB = 1024 * 1024;
/** Some blocks compress, some do not, and some are alike. */
const content = Buffer.concat([
  Buffer.alloc(6 * MIB, "words and words. "),
  randomBytes(4 * MIB),
  Buffer.alloc(4 * MIB),
]);

describe("block threads", () => {
  const ring = new SegmentedKeyRing("password");
  const keys = ring.keysFor(passwordSource("aes", new Uint8Array(16).fill(1)), "aes");
  let helped: HelpedThreads;
  let threads: BlockThreads;
  let folder: string;
  beforeEach(async () => {
    helped = await helpedThreads(ring, true);
    threads = helped.threads;
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "backup-block-threads-"));
  });
  afterEach(async () => {
    await helped.close();
    fs.rmSync(folder, { recursive: true });
  });

  async function* pieces() {
    for (let at = 0; at < content.length; at += 100_000) yield content.subarray(at, at + 100_000);
  }
  async function seal(sealer: FileSealer): Promise<Buffer> {
    const out: Buffer[] = [];
    for await (const piece of sealer.seal(pieces())) out.push(Buffer.from(piece));
    return Buffer.concat(out);
  }
  const meta = { type: "file", path: "file", mtime: 1, size: content.length } as const;
  const settings = { keys, compression: DEFAULT_COMPRESSION, parallel: 1 };
  const beside = () =>
    new FileSealer(meta, {
      ...settings,
      parallel: threads.parallelFor(256 * 1024),
      sealer: (header) => (plain) => threads.seal(header.bytes, plain, DEFAULT_COMPRESSION),
    });
  async function open(stored: Buffer, from: "memory" | "file" = "memory"): Promise<Buffer> {
    if (from === "file") fs.writeFileSync(path.join(folder, "object"), stored);
    const readRange: ReadRange = async function* (start, end) {
      yield Buffer.from(stored.subarray(start, end));
    };
    const object = await openObject(stored.length, readRange, undefined, { ring, allowUnencrypted: true });
    const out: Buffer[] = [];
    const header = object.header.bytes;
    const options: ReadOptions =
      from === "memory"
        ? { parallel: 2, opener: (runs) => threads.open(header, runs) }
        : { parallel: 2, reader: (runs) => threads.read(header, runs, { root: folder, key: "object" }) };
    for await (const piece of openStream(object, readRange, options)) out.push(Buffer.from(piece));
    return Buffer.concat(out);
  }

  it("make the same bytes as one thread alone, and read them back", async () => {
    const alone = await seal(new FileSealer(meta, settings));
    const together = await seal(beside());
    expect(together.equals(alone)).toBe(true);
    expect((await open(together)).equals(content)).toBe(true);
  });

  it.each(["aes", "none"] as const)(
    "open what they are given and what they read, cipher %s",
    async (cipher) => {
      const keys = ring.keysFor(passwordSource("aes", new Uint8Array(16).fill(1)), cipher);
      const stored = await seal(new FileSealer(meta, { ...settings, keys }));
      for (const from of ["memory", "file"] as const) {
        expect((await open(stored, from)).equals(content), from).toBe(true);
      }
    },
  );

  it("say of an object that cannot be read which it is, and on which side", async () => {
    const stored = await seal(new FileSealer(meta, settings));
    const header = Buffer.from(stored.subarray(0, 88));
    const run = {
      blocks: [{ id: Buffer.alloc(16), codec: 0, plain: 1, offset: 0, stored: 17 }],
      position: 0,
    };
    const read = threads.read(header, [{ ...run, blockLog: 18 }], { root: folder, key: "missing" });
    const failed = await read.catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(StorageError);
    expect(failed).toMatchObject({ side: "destination", path: "missing", code: "ENOENT" });
  });

  it("give up what waits when they are closed", async () => {
    const header = Buffer.from((await seal(new FileSealer(meta, settings))).subarray(0, 88));
    const plain = content.subarray(0, 256 * 1024);
    const jobs = Array.from({ length: 8 }, () => threads.seal(header, plain, DEFAULT_COMPRESSION));
    const outcomes = Promise.allSettled(jobs);
    threads.close();
    const codes = (await outcomes).map((outcome) => outcome.status === "rejected" && outcome.reason.code);
    expect(codes).toContain("ESTOPPED");
    expect(codes.filter((code) => code !== false && code !== "ESTOPPED")).toEqual([]);
  });

  it("that die fail what they held, and what comes next is done without them", async () => {
    const header = Buffer.from((await seal(new FileSealer(meta, settings))).subarray(0, 88));
    const plain = content.subarray(0, 256 * 1024);
    const jobs = Array.from({ length: 200 }, () => threads.seal(header, plain, DEFAULT_COMPRESSION));
    const outcomes = Promise.allSettled(jobs);
    await helped.kill();
    const codes = (await outcomes).flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason.code] : [],
    );
    expect(new Set(codes)).toEqual(new Set(["EWORKER"]));
    expect((await threads.seal(header, plain, DEFAULT_COMPRESSION)).codec).toBe(1);
  });

  it("report a damaged block as damage", async () => {
    const stored = await seal(beside());
    stored[stored.length >> 1] = (stored[stored.length >> 1] as number) ^ 1;
    for (const from of ["memory", "file"] as const) {
      await expect(open(stored, from)).rejects.toMatchObject({ kind: "damaged", code: "EBLOCK" });
    }
  });
});

describe("a file that is large enough for block threads", () => {
  let world: World;
  beforeEach(() => {
    world = new World();
  });
  afterEach(() => world.dispose());

  it("is stored, verified and restored like any other", async () => {
    const large = Buffer.alloc(BLOCK_THREADS_LEAST + 12_345, "cheap to compress. ");
    content.copy(large, 20 * MIB);
    world.write("large", large);
    const config = world.config({ container: "segmented" });
    expect(await clean(backup(config))).toEqual({ new: 1 });
    expect(await clean(verify(config))).toEqual({ intact: 1 });
    await clean(restore(config));
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    const [name] = world.stored() as [string];
    const file = path.join(world.dest, name);
    const bytes = fs.readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1;
    fs.writeFileSync(file, bytes);
    const { errors } = await verify(config);
    expect(errors).toEqual({ damaged: 1 });
  });
});
