import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { XzDecoder, xzCompress, xzDecompress } from "../../src/compression/xz.ts";
import { assertProperty } from "../property.ts";
import { noPython, python } from "./python.ts";
import { noise, text } from "./samples.ts";

vi.setConfig({ testTimeout: 60_000 }); // real work, on machines that may be busy

const EMPTY = "fd377a585a000004e6d6b446000000001cdf44211fb6f37d010000000004595a";
const LEVELS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const BOMB_BYTES = 16 * 1024 * 1024;
const BOMB = xzCompress(Buffer.alloc(BOMB_BYTES), 0);
const broken = expect.objectContaining({ kind: "damaged", code: "EDECOMPRESS" });

/** Reads the dictionary size that an xz stream asks for: its first block's only filter is LZMA2. */
function dictionaryOf(xz: Buffer): number {
  const [filter, , bits = 0] = xz.subarray(14, 17);
  expect(filter).toBe(0x21);
  return (2 | (bits & 1)) << (bits / 2 + 11);
}

describe("xz", () => {
  it("makes the 32-byte stream of an empty file, and reads it", () => {
    for (const level of LEVELS) expect(xzCompress(Buffer.alloc(0), level).toString("hex")).toBe(EMPTY);
    expect(xzDecompress(Buffer.from(EMPTY, "hex"), 0)).toHaveLength(0);
  });

  it("gives back what it compressed, at every level", () => {
    for (const level of LEVELS) {
      for (const data of [Buffer.of(0), text(5000), noise(5000), Buffer.alloc(200_000)]) {
        expect(xzDecompress(xzCompress(data, level), data.length)).toEqual(data);
      }
    }
  });

  it("gives back anything", () => {
    assertProperty(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.constantFrom(0, 3, 6), (data, level) => {
        expect(xzDecompress(xzCompress(data, level), data.length)).toEqual(Buffer.from(data));
      }),
      { numRuns: 30 },
    );
  });

  it("carries a CRC64", () => {
    expect(xzCompress(text(100), 6)[7]).toBe(4);
  });

  it("asks for a dictionary no larger than the data, and never more than its preset's", () => {
    expect(dictionaryOf(xzCompress(text(10), 6))).toBe(4096);
    expect(dictionaryOf(xzCompress(text(100_000), 6))).toBe(128 * 1024);
    expect(dictionaryOf(xzCompress(text(600_000), 0))).toBe(256 * 1024);
    expect(dictionaryOf(xzCompress(text(600_000), 1))).toBe(768 * 1024);
  });

  it("reads several streams in a row, and zero padding between them", () => {
    const two = Buffer.concat([xzCompress(text(100), 6), Buffer.alloc(4), xzCompress(noise(50), 0)]);
    expect(xzDecompress(two, 150)).toEqual(Buffer.concat([text(100), noise(50)]));
  });

  it("refuses what is none, was cut anywhere, or has something behind it", () => {
    const xz = xzCompress(text(300), 6);
    for (let length = 0; length < xz.length; length++) {
      expect(() => xzDecompress(xz.subarray(0, length), 300), `${length}`).toThrow(broken);
    }
    expect(() => xzDecompress(Buffer.concat([xz, Buffer.from("more")]), 300)).toThrow(broken);
    expect(() => xzDecompress(Buffer.from("no xz at all"), 300)).toThrow(broken);
  });

  it("notices any changed bit", () => {
    const xz = xzCompress(text(300), 6);
    for (let bit = 0; bit < xz.length * 8; bit++) {
      const changed = Buffer.from(xz);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => xzDecompress(changed, 1000), `${bit}`).toThrow(
        expect.objectContaining({ kind: "damaged" }),
      );
    }
  });

  it("stops at the first byte too many, and soon", () => {
    expect(() => xzDecompress(BOMB, BOMB_BYTES - 1)).toThrow(expect.objectContaining({ code: "ESIZE" }));
    const decoder = new XzDecoder(1000);
    let given = 0;
    expect(() => {
      for (const piece of decoder.push(BOMB)) given += piece.length;
    }).toThrow(expect.objectContaining({ code: "ESIZE" }));
    expect(given).toBeLessThanOrEqual(1000);
    decoder.close();
  });

  it("gives a bomb's content in pieces of bounded size", () => {
    const decoder = new XzDecoder(BOMB_BYTES);
    let largest = 0;
    for (const piece of decoder.push(BOMB)) largest = Math.max(largest, piece.length);
    expect(largest).toBeLessThanOrEqual(64 * 1024);
    decoder.close();
  });

  it("refuses a stream that asks for gigabytes of memory", () => {
    // A legacy .lzma header: properties, a dictionary of 1 GiB, unknown size.
    const greedy = Buffer.concat([Buffer.from("5d00000040ffffffffffffffff", "hex"), Buffer.alloc(20)]);
    expect(() => xzDecompress(greedy, 1000)).toThrow(/80 MiB/);
  });
});

describe("xz and Python's lzma", () => {
  it("Python reads every level", (test) => {
    if (noPython !== undefined) test.skip(noPython);
    const data = text(3000);
    const all = Buffer.concat(LEVELS.map((level) => xzCompress(data, level)));
    expect(python("lzma", "lzma.decompress(data)", all)).toEqual(Buffer.concat(LEVELS.map(() => data)));
  });

  it("presets are liblzma's own: the same bytes, once the dictionary is the preset's", (test) => {
    if (noPython !== undefined) test.skip(noPython);
    const large = text(2 ** 18); // as large as preset 0's dictionary
    const data = text(20_000);
    const expression = "lzma.compress(data, preset=0, check=lzma.CHECK_CRC64)";
    expect(xzCompress(large, 0).equals(python("lzma", expression, large))).toBe(true);
    const levels = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    const filter = '{"id": lzma.FILTER_LZMA2, "preset": level, "dict_size": len(data)}';
    const each = `lzma.compress(data, filters=[${filter}]) for level in [${levels}]`;
    const theirs = python("lzma", `b"".join(${each})`, data);
    expect(Buffer.concat(levels.map((level) => xzCompress(data, level))).equals(theirs)).toBe(true);
  });

  it("reads the legacy .lzma format and preset 9", (test) => {
    if (noPython !== undefined) test.skip(noPython);
    const data = text(3000);
    const legacy = python("lzma", "lzma.compress(data, format=lzma.FORMAT_ALONE)", data);
    expect(xzDecompress(legacy, data.length)).toEqual(data);
    expect(() => xzDecompress(legacy, data.length - 1)).toThrow(expect.objectContaining({ code: "ESIZE" }));
    expect(() => xzDecompress(legacy.subarray(0, -9), data.length)).toThrow(broken);
    expect(xzDecompress(python("lzma", "lzma.compress(data, preset=9)", data), data.length)).toEqual(data);
  });
});
