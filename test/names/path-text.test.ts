import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bytesOfPath,
  comparePaths,
  fsPath,
  isUtf8,
  pathOfBytes,
  sortPaths,
} from "../../src/names/path-text.ts";
import { assertProperty } from "../property.ts";
import { anyText } from "./arbitraries.ts";

/** Byte strings that are mostly nearly UTF-8: text with single bytes set to anything. */
const almostUtf8 = fc
  .tuple(
    anyText({ maxLength: 20 }),
    fc.array(fc.tuple(fc.nat({ max: 80 }), fc.nat({ max: 255 })), { maxLength: 4 }),
  )
  .map(([text, changes]) => {
    const bytes = Buffer.from(text, "utf8");
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return bytes;
  });
const anyBytes = fc.oneof(
  almostUtf8,
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
);

describe("path text", () => {
  it("is empty for no bytes", () => {
    expect(pathOfBytes(Buffer.alloc(0))).toBe("");
    expect(bytesOfPath("")).toEqual(Buffer.alloc(0));
  });

  it("is ordinary text for valid UTF-8, a byte order mark and noncharacters included", () => {
    for (const text of ["a/b.txt", "café", "cafe\u0301", "日本", "🎉", "\ufeffbom", "\uffff", "a\nb"]) {
      expect(pathOfBytes(Buffer.from(text, "utf8"))).toBe(text);
      expect(isUtf8(text)).toBe(true);
    }
  });

  it("escapes each byte that is not UTF-8, as Python's surrogateescape does", () => {
    const cases: [number[], string][] = [
      [[0x61, 0xff, 0x62], "a\udcffb"],
      [[0xe4], "\udce4"],
      [[0x80], "\udc80"],
      [[0xc3], "\udcc3"],
      [[0xc0, 0x80], "\udcc0\udc80"], // overlong
      [[0xe0, 0x9f, 0xbf], "\udce0\udc9f\udcbf"], // overlong
      [[0xed, 0xa0, 0x80], "\udced\udca0\udc80"], // a surrogate
      [[0xf4, 0x90, 0x80, 0x80], "\udcf4\udc90\udc80\udc80"], // above U+10FFFF
      [[0xf0, 0x9f, 0x8e], "\udcf0\udc9f\udc8e"], // cut off
      [[0xf0, 0x9f, 0x8e, 0x89, 0xff], "🎉\udcff"],
    ];
    for (const [bytes, text] of cases) {
      expect(pathOfBytes(Uint8Array.from(bytes))).toBe(text);
      expect(bytesOfPath(text)).toEqual(Buffer.from(bytes));
      expect(isUtf8(text)).toBe(bytes.includes(0xf0) && bytes.at(-1) === 0x89);
    }
  });

  it("gives any bytes back as they were", () => {
    assertProperty(
      fc.property(anyBytes, (bytes) => {
        expect(bytesOfPath(pathOfBytes(bytes))).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it("is given to the file system as a string, unless it holds escaped bytes", () => {
    expect(fsPath("a/🎉")).toBe("a/🎉");
    expect(fsPath("a/\udcff")).toEqual(Buffer.from([0x61, 0x2f, 0xff]));
  });

  it("sorts by bytes, not by UTF-16 units", () => {
    expect(sortPaths(["\u{1f389}", "\uffee", "a", "\udcff", "a-b", "a.b", "a/b"])).toEqual([
      "a",
      "a-b",
      "a.b",
      "a/b",
      "\uffee",
      "\u{1f389}",
      "\udcff",
    ]);
  });

  it("compares any two as their bytes compare", () => {
    assertProperty(
      fc.property(anyBytes, anyBytes, (a, b) => {
        const sign = Math.sign(comparePaths(pathOfBytes(a), pathOfBytes(b)));
        expect(sign).toBe(Buffer.compare(a, b));
      }),
      { numRuns: 500 },
    );
  });
});
