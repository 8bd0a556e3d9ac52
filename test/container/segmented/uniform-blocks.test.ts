import { describe, expect, test } from "vitest";
import { type Compression, DEFAULT_COMPRESSION } from "../../../src/compression/codecs.ts";
import { sealBlock } from "../../../src/container/segmented/block.ts";
import { UniformBlocks } from "../../../src/container/segmented/uniform-blocks.ts";
import { release } from "../../../src/memory/release.ts";
import { CIPHERS, comparable, keysOf, noise, prose } from "./samples.ts";

const CODECS: readonly Compression["codec"][] = ["auto", "zstd", "xz", "gzip", "none"];
const zeros = Buffer.alloc(4096);
const ones = Buffer.alloc(4096, 255);
const short = Buffer.alloc(100);
const nearly = Buffer.concat([Buffer.alloc(4095), Buffer.from([1])]);
const blocks = [zeros, noise(4096), zeros, ones, zeros, prose(4096), ones, nearly, short, short];
/** How many equal ones are before each, if it is of one repeated byte. */
const occurrences = [0, 0, 1, 0, 2, 0, 1, 0, 0, 1];

describe("blocks of one repeated byte", () => {
  for (const cipher of CIPHERS) {
    test.each(CODECS)(`are sealed as their occurrences: ${cipher}, %s`, async (codec) => {
      const compression = { ...DEFAULT_COMPRESSION, codec };
      const keys = keysOf(cipher).fileKeys(Buffer.alloc(16, 3));
      const uniform = new UniformBlocks(keys, compression);
      const elsewhere: Buffer[] = [];
      for (const [i, block] of blocks.entries()) {
        const sealed = await uniform.seal(block, (plain) => {
          elsewhere.push(plain);
          return sealBlock(keys, plain, compression);
        });
        const occurrence = codec === "none" ? 0 : (occurrences[i] as number);
        expect(comparable(sealed)).toEqual(comparable(sealBlock(keys, block, compression, occurrence)));
      }
      const others = [blocks[1], blocks[5], nearly];
      expect(elsewhere).toEqual(codec === "none" ? blocks : expect.arrayContaining(others));
      if (codec === "gzip") expect(elsewhere).toEqual(others);
    });
  }

  test("outlive what was written of the first", async () => {
    const compression = { ...DEFAULT_COMPRESSION, codec: "gzip" } as const;
    const keys = keysOf("none").fileKeys(Buffer.alloc(16, 3));
    const uniform = new UniformBlocks(keys, compression);
    const large = Buffer.alloc(2 ** 23);
    for (let occurrence = 0; occurrence < 3; occurrence++) {
      const sealed = await uniform.seal(large, () => Promise.reject(new Error("it compresses")));
      expect(comparable(sealed)).toEqual(comparable(sealBlock(keys, large, compression, occurrence)));
      expect(sealed.body.length).toBeGreaterThan(5000);
      release(sealed.body);
    }
  });
});
