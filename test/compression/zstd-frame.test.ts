import { constants, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isOneFrame } from "../../src/compression/zstd-frame.ts";
import { noise, prose } from "../container/segmented/samples.ts";
import { assertProperty } from "../property.ts";
import { zstdStreamed } from "./samples.ts";

/** Contents with all lengths of a frame's own size, and blocks of all kinds. */
const contents = fc
  .tuple(
    fc.constantFrom(prose, noise, Buffer.alloc),
    fc.constantFrom(0, 1, 255, 256, 65_791, 65_792, 140_000),
  )
  .map(([make, length]) => make(length));
const header = fc.record({
  [constants.ZSTD_c_checksumFlag]: fc.constantFrom(0, 1),
  [constants.ZSTD_c_contentSizeFlag]: fc.constantFrom(0, 1),
  [constants.ZSTD_c_windowLog]: fc.constantFrom(10, 17, 20),
});

test("a frame is one where nothing of it is missing, and nothing behind it", () => {
  assertProperty(
    fc.property(contents, header, fc.nat(), (plain, params, cut) => {
      const frame = zstdCompressSync(plain, { params });
      expect(isOneFrame(frame)).toBe(true);
      for (const length of [frame.length - 1, frame.length - 3, cut % frame.length])
        expect(isOneFrame(frame.subarray(0, length))).toBe(false);
      expect(isOneFrame(Buffer.concat([frame, Buffer.alloc(1)]))).toBe(false);
      expect(isOneFrame(Buffer.concat([frame, frame]))).toBe(false);
    }),
    { numRuns: 25 },
  );
});

test("a frame of unknown length is one with its last block", async () => {
  const { cut, whole } = await zstdStreamed(prose(300_000));
  expect([isOneFrame(cut), isOneFrame(whole)]).toEqual([false, true]);
});

test("other data is none", () => {
  for (const other of [
    Buffer.alloc(0),
    Buffer.alloc(4),
    prose(100),
    noise(100),
    Buffer.from("502a4d1800000000", "hex"),
  ])
    expect(isOneFrame(other)).toBe(false);
});
