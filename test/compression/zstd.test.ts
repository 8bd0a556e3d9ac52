import { constants, createZstdCompress, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, expect, test, vi } from "vitest";
import { KeptContext, type Progress } from "../../src/compression/kept-context.ts";
import { zstdCompress, zstdDecompress } from "../../src/compression/zstd.ts";
import { noise, prose } from "../container/segmented/samples.ts";
import { assertProperty } from "../property.ts";
import { zstdStreamed } from "./samples.ts";

const WINDOW_LOG = 24;

afterEach(() => vi.restoreAllMocks());

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
    [Buffer.concat([good, good]), 10_000],
    [Buffer.concat([good, Buffer.alloc(1)]), 5000],
    [damaged, 5000],
    [noise(200), 5000],
    [Buffer.alloc(0), 5000],
    [good, 4999],
    [good, 5001],
    [(await zstdStreamed(plain)).cut, 5000],
  ];
  for (const [frame, length] of bad) {
    expect(zstdDecompress(frame, length, WINDOW_LOG)).toBeUndefined();
    expect(zstdDecompress(good, 5000, WINDOW_LOG)).toEqual(plain);
  }
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

test("what a context does not do, or not to the end, a new one does", () => {
  const level = 6; // not Node's own
  const plain = prose(5000);
  const compressed = compressedOnce(plain, level);
  const outcomes: ((output: Uint8Array) => Progress | undefined)[] = [
    () => undefined,
    () => ({ read: plain.length - 1, written: 100 }),
    ({ length }) => ({ read: plain.length, written: length }),
  ];
  for (const outcome of outcomes) {
    zstdDecompress(zstdCompress(plain, level), 5000, WINDOW_LOG);
    const run = vi.spyOn(KeptContext.prototype, "run").mockImplementation((_, output) => outcome(output));
    const of = vi.spyOn(KeptContext, "of");
    expect(zstdCompress(plain, level)).toEqual(compressed);
    expect(zstdDecompress(compressed, 5000, WINDOW_LOG)).toEqual(plain);
    expect([run.mock.calls.length, of.mock.calls.length]).toEqual([2, 0]);
    run.mockRestore();
    expect(zstdCompress(plain, level)).toEqual(compressed);
    expect(zstdDecompress(compressed, 5000, WINDOW_LOG)).toEqual(plain);
    expect(of).toHaveBeenCalledTimes(2);
    of.mockRestore();
  }
});

test("a window that is larger than allowed is refused, whatever was allowed before", async () => {
  const plain = prose(5000);
  const { whole } = await zstdStreamed(plain, { [constants.ZSTD_c_windowLog]: 14 });
  for (const allowed of [14, 13, 14]) {
    const expected = allowed < 14 ? undefined : plain;
    expect(zstdDecompress(whole, 5000, allowed)).toEqual(expected);
  }
});
