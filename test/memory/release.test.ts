import { zstdCompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { digestOf } from "../../src/crypto/digest.ts";
import { allocate, isUnpooled, joined, release, unpooled } from "../../src/memory/release.ts";

describe("releasing a buffer", () => {
  it("gives all of its memory back, from whichever part of it", () => {
    const whole = Buffer.alloc(1_000_000);
    const part = whole.subarray(500_000);
    release(part);
    expect([whole.length, part.length]).toEqual([0, 0]);
    release(part); // a second time is nothing
  });

  it("leaves small buffers alone, which share their memory with others", () => {
    const [first, second] = [Buffer.allocUnsafe(100), Buffer.allocUnsafe(100)];
    const read = Buffer.alloc(64 * 1024); // as large as what a socket reads into
    for (const buffer of [first, second, read]) release(buffer);
    expect([first.length, second.length, read.length]).toEqual([100, 100, 64 * 1024]);
  });

  it("leaves alone what its maker keeps", () => {
    const { Memory } = Reflect.get(globalThis, "WebAssembly") as {
      Memory: new (pages: { initial: number }) => { buffer: ArrayBuffer };
    };
    const kept = Buffer.from(new Memory({ initial: 2 }).buffer);
    release(kept);
    expect(kept.length).toBe(128 * 1024);
  });

  it("leaves digests alone, which share their memory with others", () => {
    const [first, second] = [digestOf("sha256", Buffer.from("a")), digestOf("sha256", Buffer.from("b"))];
    release(first);
    expect([isUnpooled(first), first.length, second.length]).toEqual([false, 32, 32]);
  });

  it("leaves alone what a view that stays lies in", () => {
    const whole = Buffer.alloc(1_000_000);
    const view = whole.subarray(10, 20);
    release(whole, Buffer.alloc(10), view);
    expect([whole.length, view.length]).toEqual([1_000_000, 10]);
  });

  it.each([0, 1, 4095, 4096, 20_000, 65_535, 65_536, 65_537, 1_000_000])(
    "gives back %i bytes that were allocated for it, or joined, if they are worth it",
    (bytes) => {
      const halves = [Buffer.alloc(bytes >> 1, "a"), Buffer.alloc(bytes - (bytes >> 1), "b")];
      const whole = joined(halves);
      expect(whole.equals(Buffer.concat(halves))).toBe(true);
      const others = [allocate(bytes), allocate(bytes)];
      for (const buffer of [whole, ...others]) {
        expect(buffer.length).toBe(bytes);
        release(buffer);
        expect(buffer.length).toBe(bytes < 4096 ? bytes : 0);
      }
    },
  );

  it.each([5000, 40_000, 65_536])("gives back what Node made in a buffer of %i bytes or so", (bytes) => {
    const output = zstdCompressSync(Buffer.alloc(3000, "words and words. "), { chunkSize: unpooled(bytes) });
    expect(output.length).toBeGreaterThan(0);
    release(output);
    expect(output.length).toBe(0);
  });

  it("knows memory that Node gives out in parts", () => {
    const alone = [Buffer.alloc(10), Buffer.alloc(100_000), Buffer.alloc(100_000).subarray(5, 6)];
    const shared = [
      Buffer.allocUnsafe(10),
      Buffer.allocUnsafeSlow(64 * 1024),
      new Uint8Array(new SharedArrayBuffer(9)),
    ];
    expect(alone.map(isUnpooled)).toEqual([true, true, true]);
    expect(shared.map(isUnpooled)).toEqual([false, false, false]);
  });
});
