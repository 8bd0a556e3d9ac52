import { describe, expect, it } from "vitest";
import { compresses } from "../../src/compression/probe.ts";
import { noise, text } from "./samples.ts";

const MEBIBYTE = 1024 * 1024;

describe("the probe", () => {
  it("says no to nothing, to a byte and to noise of any size", () => {
    for (const length of [0, 1, 100, 4096, 16_384, 16_385, MEBIBYTE]) {
      expect(compresses(noise(length)), `${length}`).toBe(false);
    }
  });

  it("says yes to text and zeros of any size", () => {
    for (const length of [200, 4096, 16_384, 16_385, MEBIBYTE]) {
      expect(compresses(text(length)), `${length}`).toBe(true);
      expect(compresses(Buffer.alloc(length)), `${length}`).toBe(true);
    }
  });

  it("says yes where a good part compresses, wherever it lies", () => {
    const most = noise(MEBIBYTE);
    for (const at of [0, 1, 3, 5, 6]) {
      const data = Buffer.from(most);
      data.fill(0, Math.floor((at * MEBIBYTE) / 7), Math.floor(((at + 1) * MEBIBYTE) / 7));
      expect(compresses(data), `${at}`).toBe(true);
    }
  });
});
