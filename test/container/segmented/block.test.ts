import { describe, expect, test } from "vitest";
import { sealAgain, sealBlock } from "../../../src/container/segmented/block.ts";
import { AUTO, CIPHERS, comparable, keysOf, noise, prose, RAW } from "./samples.ts";

describe("a sealed block", () => {
  test.each(CIPHERS)("is sealed again as it would have been from the beginning: %s", (cipher) => {
    const keys = keysOf(cipher).fileKeys(Buffer.alloc(16, 3));
    for (const [plain, compression] of [
      [prose(50_000), AUTO],
      [noise(50_000), AUTO],
      [prose(50), RAW],
      [Buffer.alloc(1), RAW],
    ] as const) {
      const first = sealBlock(keys, plain, compression);
      for (const occurrence of [1, 2, 1000]) {
        const again = sealAgain(keys, first, occurrence);
        expect(comparable(again)).toEqual(comparable(sealBlock(keys, plain, compression, occurrence)));
        expect(again.id.equals(first.id)).toBe(false);
      }
      // What it was made of is still there.
      expect(comparable(first)).toEqual(comparable(sealBlock(keys, plain, compression)));
    }
  });
});
