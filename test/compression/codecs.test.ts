import { deflateRawSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  CODEC,
  type Compression,
  compressData,
  DEFAULT_COMPRESSION,
  decompressData,
} from "../../src/compression/codecs.ts";
import { xzCompress } from "../../src/compression/xz.ts";
import { lookAt, zstdDecompress } from "../../src/compression/zstd.ts";
import { noise, prose } from "../container/segmented/samples.ts";
import { assertProperty } from "../property.ts";

const how = (codec: Compression["codec"]): Compression => ({ ...DEFAULT_COMPRESSION, codec });

describe.each(["auto", "zstd", "xz", "gzip", "none"] as const)("compression %s", (codec) => {
  test("brings data back, is the same each time, and never makes them longer", () => {
    const data = fc.oneof(
      fc.nat(3000).map((length) => prose(length)),
      fc.nat(3000).map((length) => noise(length)),
    );
    assertProperty(
      fc.property(data, (plain) => {
        const compressed = compressData(plain, how(codec));
        expect(compressed.data.length).toBeLessThanOrEqual(plain.length);
        expect(decompressData(compressed.codec, compressed.data, plain.length, 24)).toEqual(plain);
        expect(compressData(plain, how(codec))).toEqual(compressed);
      }),
      { numRuns: 30 },
    );
  });
});

test("auto, xz and gzip leave alone what does not compress; auto is zstd otherwise", () => {
  for (const codec of ["auto", "xz", "gzip"] as const) {
    expect(compressData(noise(300_000), how(codec)).codec).toBe(CODEC.raw);
  }
  expect(compressData(prose(300_000), how("auto")).codec).toBe(CODEC.zstd);
  expect(compressData(Buffer.alloc(0), how("auto")).codec).toBe(CODEC.raw);
});

test("a quick look sees compressible data wherever they are", () => {
  expect(lookAt(noise(1_000_000))).toBe("noise");
  expect(lookAt(prose(1_000_000))).toBe("repeats");
  expect(lookAt(Buffer.concat([noise(600_000), prose(400_000)]))).toBe("repeats");
  expect(lookAt(noise(100))).toBe("repeats");
  for (const size of [256, 1000, 45_000]) {
    expect(lookAt(noise(size))).toBe("noise");
    expect(lookAt(prose(size))).toBe("repeats");
    expect(lookAt(Buffer.from(noise(size).toString("base64")))).toBe("repeats");
  }
  expect(lookAt(prose(20))).toBe("noise");
});

test("auto does not search for repetitions where only the bytes are unevenly frequent", () => {
  const hexadecimal = Buffer.from(noise(150_000).toString("hex"));
  const base64 = Buffer.from(noise(150_000).toString("base64"));
  for (const symbols of [hexadecimal, base64]) {
    expect(lookAt(symbols)).toBe("symbols");
    const found = compressData(symbols, how("auto"));
    expect(found).toEqual(compressData(symbols, { ...how("zstd"), zstdLevel: 1 }));
    expect(found.data.length).toBeLessThanOrEqual(compressData(symbols, how("zstd")).data.length);
  }
  expect(lookAt(Buffer.concat([hexadecimal, hexadecimal.subarray(0, 100), prose(300_000)]))).toBe("repeats");
});

describe.each([
  ["zstd", CODEC.zstd, zstdCompressSync(prose(5000))],
  ["gzip", CODEC.gzip, deflateRawSync(prose(5000))],
  ["xz", CODEC.xz, xzCompress(prose(5000), 6)],
])("reading %s", (_, codec, data) => {
  test("takes exactly what was promised: not a byte more, not one less, nothing cut off or appended", () => {
    expect(decompressData(codec, data, 5000, 24)).toEqual(prose(5000));
    expect(decompressData(codec, data, 4999, 24)).toBeUndefined();
    expect(decompressData(codec, data, 5001, 24)).toBeUndefined();
    expect(decompressData(codec, data.subarray(0, -1), 5000, 24)).toBeUndefined();
    expect(decompressData(codec, Buffer.concat([data, Buffer.from("x")]), 5000, 24)).toBeUndefined();
    expect(decompressData(codec, Buffer.alloc(0), 5000, 24)).toBeUndefined();
    expect(decompressData(codec, noise(500), 5000, 24)).toBeUndefined();
  });
});

test("a bomb stops at the promised length", () => {
  const bomb = zstdCompressSync(Buffer.alloc(50_000_000));
  expect(zstdDecompress(bomb, 1000, 24)).toBeUndefined();
  expect(decompressData(CODEC.gzip, deflateRawSync(Buffer.alloc(5_000_000)), 1000, 24)).toBeUndefined();
});
