import fc from "fast-check";
import { expect, test } from "vitest";
import { base32Length, decodeBase32, encodeBase32 } from "../../src/names/base32.ts";
import { assertProperty } from "../property.ts";

test.each([
  ["", ""],
  ["f", "co"],
  ["fo", "cpng"],
  ["foo", "cpnmu"],
  ["foob", "cpnmuog"],
  ["fooba", "cpnmuoj1"],
  ["foobar", "cpnmuoj1e8"],
])("RFC 4648's example %j is written without padding, in lower case", (text, coded) => {
  expect(encodeBase32(Buffer.from(text))).toBe(coded);
  expect(decodeBase32(coded.toUpperCase())?.toString()).toBe(text);
});

test("bytes come back, of the length that was computed, in the same order", () => {
  assertProperty(
    fc.property(fc.uint8Array(), fc.uint8Array(), (one, other) => {
      const coded = encodeBase32(one);
      expect(coded.length).toBe(base32Length(one.length));
      expect(decodeBase32(coded)).toEqual(Buffer.from(one));
      const order = Buffer.compare(one, other);
      expect(coded < encodeBase32(other) ? -1 : coded > encodeBase32(other) ? 1 : 0).toBe(order);
    }),
  );
});

test.each(["w", "0w", "0", "000", "cpnmu!j1", "cpnm!", "c", "cpn", "cp", "cpnmuh", "cü"])(
  "%j is no base32hex of whole bytes",
  (text) => {
    expect(decodeBase32(text)).toBeUndefined();
  },
);
