/**
 * Changed large files as deltas, over a folder and over a real S3 server: what is sent, what is stored, and that every
 * result restores to the same bytes.
 */
import { createCipheriv } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { openStorage } from "../../src/storage/open.ts";
import { FaultProxy } from "../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../s3-server/s3-server.ts";
import { LONG } from "./long.ts";
import { backup, clean, type Finished, restore, treeOf, verify, World } from "./world.ts";

const MIB = 2 ** 20;
const SIZE = 34 * MIB;
const BLOCK = 256 * 1024;
/** Header, trailer with the whole table (136 blocks of 51 bytes), locator, and one block's tag for each. */
const TABLE = 16 * 1024;
const FILE = "images/disk.img";
const SETTINGS: Partial<Config> = { container: "segmented", deletedKeepDays: 0 };

const original = noise("original", SIZE);

function noise(seed: string, length: number): Buffer {
  const key = Buffer.alloc(32, seed);
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(length));
}

const EDITS: [string, (old: Buffer) => Buffer, number][] = [
  ["one byte", (old) => patched(old, 1, 1), BLOCK],
  ["100 bytes at the start", (old) => Buffer.concat([noise("start", 100), old]), 100],
  ["1 MiB behind the end", (old) => Buffer.concat([old, noise("end", MIB)]), MIB],
  ["1 MiB left out", (old) => Buffer.concat([old.subarray(0, 10 * MIB), old.subarray(11 * MIB)]), 0],
  ["10 pages of 4 KiB", (old) => patched(old, 10, 4096), 10 * BLOCK],
];

/** With so many stretches of so many bytes replaced, evenly. */
function patched(old: Buffer, count: number, bytes: number, seed = "patch"): Buffer {
  const now = Buffer.from(old);
  for (let i = 0; i < count; i++) {
    const at = Math.floor(((i + 0.5) * old.length) / count) + 777;
    const patch = noise(`${seed} ${i}`, bytes);
    for (let j = 0; j < bytes; j++) now[at + j] = (now[at + j] as number) ^ ((patch[j] as number) | 1);
  }
  return now;
}

const routes = ["folder", "bucket"] as const;
const skip = whyNoServer();

describe.each(routes)("a changed large file in a %s", (route) => {
  describe.skipIf(route === "bucket" && skip !== undefined)(skip ?? "", () => {
    /** What is decided the same way on both routes is tried in a bucket only when there is time. */
    const usual = route === "folder" || LONG;
    let world: World;
    let proxy: FaultProxy | undefined;
    let config: Config;
    let age = 0;

    beforeAll(async () => {
      if (route === "bucket") proxy = await FaultProxy.start((await s3Server()).endpoint);
    }, 120_000);
    afterAll(() => proxy?.stop());
    beforeEach(async () => {
      world = new World();
      config = world.config({
        ...SETTINGS,
        ...(proxy && { dest: await freshBucket({ endpointUrl: proxy.url }) }),
      });
    });
    afterEach(async () => {
      const unmet = proxy?.unmet() ?? [];
      proxy?.reset();
      if (config.dest.kind === "s3") await dropBucket(config.dest);
      world.dispose();
      expect(unmet, "a planned fault did not strike").toEqual([]);
    });

    const write = (content: Buffer) => world.write(FILE, content, age++);

    /** A backup without complaints. `wire` are the bytes of all requests' bodies. */
    async function store(content: Buffer, settings: Partial<Config> = {}) {
      write(content);
      return run(settings);
    }

    async function run(settings: Partial<Config> = {}) {
      proxy?.reset();
      const finished = await backup({ ...config, ...settings });
      expect(finished.told.errors).toEqual([]);
      const wire = Object.values(proxy?.table() ?? {}).reduce((sum, { sentBody }) => sum + sentBody, 0);
      return { ...finished, wire };
    }

    async function expectIdentical(settings: Partial<Config> = {}): Promise<void> {
      fs.rmSync(world.restored, { recursive: true, force: true });
      await clean(restore({ ...config, ...settings }));
      expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    }

    const storage = () => openStorage(config.dest, "destination");

    async function keys(): Promise<string[]> {
      const opened = await storage();
      try {
        const found: string[] = [];
        for await (const batch of opened.list()) found.push(...batch.map(({ key }) => key));
        return found;
      } finally {
        await opened.close();
      }
    }

    function expectSent(
      { result, wire }: Finished & { wire: number },
      fresh: number,
      tolerance = TABLE,
    ): void {
      expect(result.sentBytes).toBeGreaterThanOrEqual(fresh);
      expect(result.sentBytes).toBeLessThanOrEqual(fresh + tolerance);
      expect(result.storedBytes).toBeGreaterThan(SIZE - 2 * MIB);
      // Completing, removing and so on send a few hundred bytes.
      if (proxy !== undefined) expect(wire).toBeLessThanOrEqual(result.sentBytes + 4096);
    }

    it.each(usual ? EDITS : EDITS.slice(0, 1))("sends what is new: %s", async (_, edit, fresh) => {
      const first = await store(original);
      expect(first.result.sentBytes).toBe(first.result.storedBytes);
      expectSent(await store(edit(original)), fresh);
      expect(await keys()).toHaveLength(1);
      await expectIdentical();
    });

    it("sends nothing but a trailer for a new time, and for a new name", async () => {
      await store(original);
      const touched = await run().then(() => store(original));
      expect(touched.outcomes).toMatchObject({ touched: 1 });
      expectSent(touched, 0);
      fs.renameSync(path.join(world.src, FILE), path.join(world.src, "images/renamed.img"));
      const moved = await run();
      expectSent(moved, 0);
      await expectIdentical();
    });

    it.skipIf(!usual)(
      "goes on from delta to delta, and sends all once too much is dead",
      async () => {
        let content = original;
        await store(content);
        let whole = 0;
        for (let round = 0; round < 6; round++) {
          content = patched(content, 10 + round, 4096, `round ${round}`);
          if (round % 3 === 1) content = Buffer.concat([noise(`insert ${round}`, 1000), content]);
          const { result } = await store(content);
          if (result.sentBytes > SIZE / 2) whole++;
          await expectIdentical();
        }
        expect(whole).toBeGreaterThanOrEqual(1);
        expect(whole).toBeLessThanOrEqual(3);
        await clean(verify(config));
        expect(await keys()).toHaveLength(1);
      },
      120_000,
    );

    it.skipIf(!usual)("keeps encrypted names and the other cipher", async () => {
      const settings = { encryptFilenames: true, encryptionType: "cha" } as const;
      await store(original, settings);
      expectSent(await store(patched(original, 1, 1), settings), BLOCK);
      await expectIdentical(settings);
    });

    describe("sends all of it", () => {
      const expectWhole = async (finished: Finished) => {
        expect(finished.result.sentBytes).toBe(finished.result.storedBytes);
        expect(await keys()).toHaveLength(1);
        await expectIdentical();
      };

      it.skipIf(!usual)("when told to", async () => {
        await store(original);
        await expectWhole(await store(patched(original, 1, 1), { delta: "off" }));
      });

      it.skipIf(!usual)("when more than half is new", async () => {
        await store(original);
        const half = Math.floor(SIZE * 0.55);
        await expectWhole(await store(Buffer.concat([noise("other", half), original.subarray(half)])));
      });

      it.skipIf(!usual)("when more is dead than the setting allows", async () => {
        await store(original);
        await expectWhole(await store(patched(original, 1, 1), { deltaDeadShare: 0 }));
      });

      it.skipIf(!usual)(
        "when the version before is of the classic container, or of another salt",
        async () => {
          await store(original, { container: "classic" });
          await expectWhole(await store(patched(original, 1, 1)));
          await expectWhole(await store(original, { salt: new Uint8Array(16).fill(9) }));
        },
      );

      it("when the version before does not open", async () => {
        await store(original);
        await damage(-30);
        await expectWhole(await store(patched(original, 1, 1)));
      });

      it("when the first copied block does not open, or the last one", async () => {
        await store(original);
        await damage(route === "folder" ? 5000 : -20_000);
        await expectWhole(await store(patched(original, 1, 1)));
      });

      /** Changes one byte of the only object. */
      async function damage(position: number): Promise<void> {
        const opened = await storage();
        try {
          const [key = ""] = await keys();
          const bytes = await opened.readWhole(key);
          const at = (position + bytes.length) % bytes.length;
          bytes[at] = (bytes[at] as number) ^ 1;
          await opened.remove([key]);
          const staged = await opened.write(key, bytes);
          await opened.publish([staged]);
        } finally {
          await opened.close();
        }
      }

      it.skipIf(route === "folder")("when the server cannot copy parts, which it is asked once", async () => {
        await store(original);
        write(patched(original, 1, 1));
        world.write("images/second.img", original.subarray(0, 33 * MIB));
        await run();
        write(patched(original, 2, 1));
        world.write("images/second.img", patched(original, 3, 1).subarray(0, 33 * MIB), 5);
        const effect = { kind: "status", status: 501, code: "NotImplemented" } as const;
        proxy?.reset();
        proxy?.fail({ operation: "UploadPartCopy", effect });
        const { result, told } = await backup({ ...config, backupProcesses: 1 });
        expect(told.errors).toEqual([]);
        expect(result.sentBytes).toBe(result.storedBytes);
        expect(proxy?.count("UploadPartCopy").requests).toBe(1);
        await expectIdentical();
      });

      it.skipIf(!usual)("of a file that only has a new time, when its version does not open", async () => {
        await store(original);
        await damage(-30);
        await expectWhole(await store(original));
      });

      it.skipIf(route === "folder")("not when the server has troubles of the moment", async () => {
        await store(original);
        write(patched(original, 1, 1));
        const effect = { kind: "status", status: 500, code: "InternalError" } as const;
        proxy?.fail({ operation: "UploadPartCopy", effect, times: 8 });
        const { told, outcomes } = await backup(config);
        expect(outcomes).toEqual({ failed: 1 });
        expect(told.errors).toHaveLength(1);
        expect(await keys()).toHaveLength(1);
        expectSent(await run(), BLOCK);
        await expectIdentical();
      });

      it.skipIf(route === "folder")("when the copy is refused", async () => {
        await store(original);
        proxy?.reset();
        write(patched(original, 1, 1));
        const effect = { kind: "status", status: 403, code: "InvalidObjectState" } as const;
        proxy?.fail({ operation: "UploadPartCopy", effect });
        const { result, told } = await backup(config);
        expect(told.errors).toEqual([]);
        expect(result.sentBytes).toBe(result.storedBytes);
        await expectIdentical();
      });
    });
  });
});
