import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { passwordSource } from "../../../src/crypto/key-source.ts";
import { SegmentedKeyRing } from "../../../src/crypto/segmented-key-ring.ts";
import type { BlockThreads } from "../../../src/run/object/block-threads.ts";
import { WriteBehind } from "../../../src/run/object/write-behind.ts";
import { assertProperty } from "../../property.ts";
import { type HelpedThreads, helpedThreads } from "../helped-threads.ts";

const KIB = 1024;
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "backup-write-behind-"));
const file = path.join(folder, "file");
const ring = new SegmentedKeyRing("password");
let helped: HelpedThreads;
let threads: BlockThreads;
beforeAll(async () => {
  helped = await helpedThreads(ring, false);
  threads = helped.threads;
});
afterAll(async () => {
  await helped.close();
  fs.rmSync(folder, { recursive: true });
});

async function written(pieces: readonly Uint8Array[], sparse: boolean): Promise<Buffer> {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const fd = fs.openSync(file, "w");
  try {
    const behind = new WriteBehind(threads, file, sparse);
    for (const piece of pieces) await behind.append(piece);
    await behind.end();
    fs.ftruncateSync(fd, length); // a hole at the end is no end
  } finally {
    fs.closeSync(fd);
  }
  return fs.readFileSync(file);
}

describe("writing behind", () => {
  const lengths = fc.array(fc.constantFrom(0, 1, 100, 5000, 64 * KIB, 256 * KIB, 700 * KIB, 3000 * KIB), {
    maxLength: 20,
  });
  it.each([false, true])("puts pieces of all sizes one behind the other (sparse: %s)", async (sparse) => {
    await assertProperty(
      fc.asyncProperty(lengths, fc.nat(255), async (sizes, seed) => {
        const pieces = sizes.map((size, i) => Buffer.alloc(size, i % 3 === 0 ? 0 : seed + i));
        const whole = Buffer.concat(pieces);
        expect((await written(pieces, sparse)).equals(whole)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it("takes the memory of large pieces, also of parts, and copies what shares Node's pool", async () => {
    const part = Buffer.concat([Buffer.alloc(KIB, "c"), Buffer.alloc(299 * KIB, "a")]).subarray(
      KIB / 2,
      2 * KIB,
    );
    const pooled = Buffer.allocUnsafe(100).fill("b");
    const whole = Buffer.concat([part, pooled]);
    expect((await written([part, pooled], false)).equals(whole)).toBe(true);
    expect([part.length, pooled.length]).toEqual([0, 100]);
  });

  it("says when a write fails, at the latest at the end", async () => {
    const missing = path.join(folder, "missing");
    const behind = new WriteBehind(threads, missing, false);
    await behind.append(Buffer.alloc(KIB));
    const failure = { side: "restore", message: expect.stringContaining("ENOENT") };
    await expect(behind.end()).rejects.toMatchObject(failure);
    const longer = new WriteBehind(threads, missing, false);
    const all = async () => {
      for (let i = 0; i < 20; i++) await longer.append(Buffer.alloc(1024 * KIB));
    };
    await expect(all()).rejects.toMatchObject(failure);
    await longer.settle();
  });

  it("says so also where writes fail while nobody waits for them, and nothing else fails for that", async () => {
    const failing = { write: () => Promise.reject(new Error("full")), letGo: async () => {} };
    const behind = new WriteBehind(failing, file, false);
    for (let i = 0; i < 3; i++) {
      await behind.append(Buffer.alloc(1024 * KIB));
      await new Promise(setImmediate);
    }
    await expect(behind.end()).rejects.toThrow("full");
  });

  it("lets go of the file at its end, in every thread", async () => {
    await written(
      Array.from({ length: 16 }, () => Buffer.alloc(1024 * KIB, "a")),
      false,
    );
    expect(openFiles()).not.toContain(file);
  });

  // A helper that got new keys in the midst of a file opened it again, and the first one stayed open.
  it("lets go of it also when another key was derived meanwhile", async () => {
    fs.writeFileSync(file, "");
    const behind = new WriteBehind(threads, file, false);
    const some = async () => {
      for (let i = 0; i < 8; i++) await behind.append(Buffer.alloc(1024 * KIB, "a"));
    };
    await some();
    ring.keysFor(passwordSource("aes", new Uint8Array(16).fill(1)), "aes");
    await some();
    await behind.end();
    expect(openFiles()).not.toContain(file);
    expect(fs.statSync(file).size).toBe(16 * 1024 * KIB);
  });

  // Helpers were given its number: of a worker that died they would have written into whatever was opened next.
  it("writes into no other file that has got the number of one that was closed", async () => {
    const other = path.join(folder, "other");
    const fd = fs.openSync(file, "w");
    const behind = new WriteBehind(threads, file, false);
    await behind.append(Buffer.alloc(1024 * KIB, "a"));
    fs.closeSync(fd);
    expect(fs.openSync(other, "w")).toBe(fd);
    await behind.append(Buffer.alloc(1024 * KIB, "a"));
    await behind.end();
    fs.closeSync(fd);
    expect([fs.statSync(file).size, fs.statSync(other).size]).toEqual([2048 * KIB, 0]);
  });
});

/** The paths of all files that this process has open. */
function openFiles(): string[] {
  return fs.readdirSync("/proc/self/fd").flatMap((number) => {
    try {
      return [fs.readlinkSync(`/proc/self/fd/${number}`)];
    } catch {
      return []; // the folder itself
    }
  });
}
