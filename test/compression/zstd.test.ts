import { constants, createZstdCompress, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { KeptContext } from "../../src/compression/kept-context.ts";
import { zstdCompress, zstdDecompress } from "../../src/compression/zstd.ts";
import { noise, prose } from "../container/segmented/samples.ts";
import { assertProperty } from "../property.ts";

const WINDOW_LOG = 24;

function compressedOnce(data: Buffer, level: number): Buffer {
  return zstdCompressSync(data, { params: { [constants.ZSTD_c_compressionLevel]: level } });
}

const data = fc
  .tuple(fc.constantFrom(prose, noise, Buffer.alloc), fc.constantFrom(100, 3000, 20_000, 300_000))
  .chain(([make, most]) => fc.nat(most).map((length) => make(length)));

test("what a context made before does not show in what it makes", () => {
  const frames = fc.array(fc.tuple(data, fc.constantFrom(1, 3, 3, 6)), { minLength: 1, maxLength: 12 });
  assertProperty(
    fc.property(frames, (all) => {
      for (const [plain, level] of all) {
        const compressed = zstdCompress(plain, level);
        expect(compressed.equals(compressedOnce(plain, level))).toBe(true);
        expect(zstdDecompress(compressed, plain.length, WINDOW_LOG)?.equals(plain)).toBe(true);
      }
    }),
    { numRuns: 20 },
  );
});

test("a frame is read whatever was wrong with those before it", async () => {
  const plain = prose(5000);
  const good = compressedOnce(plain, 3);
  const damaged = Buffer.from(good);
  damaged[20] = 255 - (damaged[20] as number);
  const bad: [Buffer, number][] = [
    [good.subarray(0, -1), 5000],
    [good.subarray(0, 3), 5000],
    [Buffer.concat([good, good]), 5000],
    [Buffer.concat([good, Buffer.alloc(1)]), 5000],
    [damaged, 5000],
    [noise(200), 5000],
    [Buffer.alloc(0), 5000],
    [good, 4999],
    [good, 5001],
  ];
  for (const [frame, length] of bad) {
    expect(zstdDecompress(frame, length, WINDOW_LOG)).toBeUndefined();
    expect(zstdDecompress(good, 5000, WINDOW_LOG)).toEqual(plain);
  }
  zstdDecompress(await withoutLastBlock(plain), 5000, WINDOW_LOG); // Node 22 finds nothing missing
  expect(zstdDecompress(good, 5000, WINDOW_LOG)).toEqual(plain);
  zstdDecompress(Buffer.concat([good, good]), 10_000, WINDOW_LOG); // Node 26 reads both
  expect(zstdDecompress(good, 5000, WINDOW_LOG)).toEqual(plain);
});

test("a stream that is not as Node's are known to be is no context", () => {
  const streams = [createZstdCompress(), createZstdCompress(), createZstdCompress()] as const;
  Object.assign(streams[0], { _handle: null });
  Object.assign(streams[1], { _handle: { close: () => {} } });
  Object.assign(streams[2], { _writeState: [0, 0] });
  for (const stream of streams) {
    expect(KeptContext.of(stream, constants.ZSTD_e_end)).toBeUndefined();
    expect(stream.destroyed).toBe(true);
  }
});

test("without contexts there are the same frames", async () => {
  vi.spyOn(KeptContext, "of").mockReturnValue(undefined);
  vi.resetModules();
  vi.doMock("../../src/compression/kept-context.ts", () => ({ KeptContext }));
  const zstd = await import("../../src/compression/zstd.ts");
  vi.doUnmock("../../src/compression/kept-context.ts");
  const plain = prose(5000);
  const compressed = zstd.zstdCompress(plain, 3);
  expect(compressed).toEqual(zstdCompress(plain, 3));
  expect(zstd.zstdDecompress(compressed, 5000, WINDOW_LOG)).toEqual(plain);
  expect(zstd.zstdDecompress(compressed.subarray(1), 5000, WINDOW_LOG)).toBeUndefined();
  expect(KeptContext.of).toHaveBeenCalledTimes(2);
});

/** All of the content, and no block that says it is the last. */
async function withoutLastBlock(plain: Buffer): Promise<Buffer> {
  const stream = createZstdCompress();
  const parts: Buffer[] = [];
  stream.on("data", (part: Buffer) => parts.push(part));
  stream.write(plain);
  await new Promise<void>((resolve) => stream.flush(constants.ZSTD_e_flush, resolve));
  const cut = Buffer.concat(parts);
  stream.destroy();
  expect(cut.length).toBeGreaterThan(100);
  return cut;
}
