import { describe, expect, it } from "vitest";
import { release } from "../../src/memory/release.ts";

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

  it("leaves alone what a view that stays lies in", () => {
    const whole = Buffer.alloc(1_000_000);
    const view = whole.subarray(10, 20);
    release(whole, Buffer.alloc(10), view);
    expect([whole.length, view.length]).toEqual([1_000_000, 10]);
  });
});
