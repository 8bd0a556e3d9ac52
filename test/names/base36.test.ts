import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBytes, encodeBytes, parseInteger } from "../../src/names/base36.ts";
import { assertProperty } from "../property.ts";

const INTEGERS: [number, string][] = [
  [0, "0"],
  [1, "1"],
  [35, "z"],
  [36, "10"],
  [255, "73"],
  [256, "74"],
  [10485761, "68qv5"],
  [1600000000, "qgljwg"],
  [4102444800, "1vuhmo0"],
  [4294967296, "1z141z4"],
  [20240229, "c1tgl"],
  [20261120, "c29kw"],
  [Number.MAX_SAFE_INTEGER, "2gosa7pa2gv"],
];
const BYTES: [string, string][] = [
  ["000001", "001"],
  ["ffffffff", "1z141z3"],
  ["616263", "3ssir"],
  ["00", "0"],
  ["000000", "000"],
  ["0000a1b2", "00vxu"],
];

const all = (text: string) => parseInteger(text, 0, text.length);

describe("base 36 integers", () => {
  it("read as the table of the layout has them", () => {
    for (const [number, text] of INTEGERS) expect(all(text), text).toBe(number);
  });

  it("are read in either case and with leading zeros", () => {
    expect(all("000QGljWG")).toBe(1600000000);
  });

  it("are refused when empty, beyond a safe integer or with a strange character", () => {
    for (const text of [
      "",
      "2gosa7pa2gw",
      "zzzzzzzzzzzzzzzzzzzzzzzz",
      "+1",
      "1_0",
      " 1",
      "-1",
      "é",
      "٣",
      "1/",
      "a@",
      "a[",
      "a`",
      "a{",
    ]) {
      expect(all(text), text).toBe(-1);
    }
  });

  it("are read from within a text", () => {
    expect(parseInteger("a.10.b", 2, 4)).toBe(36);
    expect(parseInteger("a.10.b", 2, 2)).toBe(-1);
  });
});

describe("base 36 byte strings", () => {
  it("read and write as the table of the layout has them", () => {
    for (const [hex, text] of BYTES) {
      expect(encodeBytes(Buffer.from(hex, "hex")), hex).toBe(text);
      expect(decodeBytes(text)?.toString("hex"), text).toBe(hex);
    }
  });

  it("have no form when empty", () => {
    expect(() => encodeBytes(Buffer.alloc(0))).toThrow(RangeError);
    expect(decodeBytes("")).toBeUndefined();
  });

  it("are refused with other characters", () => {
    for (const text of ["a.b", "a b", "é", "a\n", "-1"]) expect(decodeBytes(text), text).toBeUndefined();
  });

  it("come back as they were, in either case", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      fc
        .tuple(fc.nat({ max: 20 }), fc.uint8Array({ minLength: 1 }))
        .map(([z, b]) => Buffer.concat([Buffer.alloc(z), b])),
    );
    assertProperty(
      fc.property(bytes, (value) => {
        const text = encodeBytes(value);
        expect(decodeBytes(text)).toEqual(Buffer.from(value));
        expect(decodeBytes(text.toUpperCase())).toEqual(Buffer.from(value));
      }),
    );
  });

  it("written from any digits without a leading zero re-encode to the same digits", () => {
    assertProperty(
      fc.property(fc.stringMatching(/^[1-9a-z][0-9a-z]{0,80}$/), (text) => {
        expect(encodeBytes(decodeBytes(text) as Buffer)).toBe(text);
      }),
    );
  });
});
