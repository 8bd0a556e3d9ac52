import { expect, test } from "vitest";
import { HEADER_LEAST } from "../../../src/container/segmented/header.ts";
import {
  formatLocator,
  LOCATOR_BYTES,
  parseLocator,
  TRAILER_LEAST,
  TRAILER_MOST,
  trailerIn,
} from "../../../src/container/segmented/locator.ts";

const ID = Buffer.from(Array.from({ length: 16 }, (_, i) => i));
const TAG = 16;
const LEAST = TRAILER_LEAST + TAG;
const MOST = TRAILER_MOST + TAG;
const lengthWith = (trailer: number, front = HEADER_LEAST) => front + trailer + LOCATOR_BYTES;
const parse = (trailer: number, objectLength: number) => () =>
  parseLocator(formatLocator(trailer, ID), objectLength);
const refused = expect.objectContaining({ code: "ETRAILER" });

test("a locator tells where the trailer is, from the shortest to the longest", () => {
  for (const trailer of [LEAST, 1000, MOST]) {
    const expected = { start: HEADER_LEAST, length: trailer, id: ID };
    expect(parse(trailer, lengthWith(trailer))()).toEqual(expected);
    expect(parse(trailer, lengthWith(trailer, 5000))()).toEqual({ ...expected, start: 5000 });
  }
  const behind = Buffer.concat([Buffer.alloc(50, 9), formatLocator(LEAST, ID)]);
  expect(parseLocator(behind, lengthWith(LEAST)).id).toEqual(ID);
});

test("a trailer that is too short or too long, or would begin in the header, is refused before it is read", () => {
  expect(parse(LEAST - 1, lengthWith(LEAST))).toThrow(refused);
  expect(parse(0, lengthWith(LEAST))).toThrow(refused);
  expect(parse(MOST + 1, lengthWith(MOST + 1))).toThrow(refused);
  expect(parse(LEAST + 1, lengthWith(LEAST))).toThrow(refused);
  expect(parse(0xffff_ffff, lengthWith(LEAST))).toThrow(refused);
});

test("an end that is none is refused", () => {
  const locator = formatLocator(LEAST, ID);
  expect(() => parseLocator(locator, lengthWith(LEAST) - 1)).toThrow(
    expect.objectContaining({ code: "EHEADER" }),
  );
  expect(() => parseLocator(locator.subarray(1), lengthWith(LEAST))).toThrow(refused);
  expect(() => parseLocator(Buffer.concat([locator, Buffer.of(0)]), lengthWith(LEAST))).toThrow(refused);
});

test("the trailer is taken from the tail if all of it is there; else what is missing is named", () => {
  const object = Buffer.from(Array.from({ length: lengthWith(60) }, (_, i) => i & 255));
  const locator = { start: HEADER_LEAST, length: 60, id: ID };
  const sealed = object.subarray(HEADER_LEAST, HEADER_LEAST + 60);
  for (const tailStart of [0, 1, HEADER_LEAST]) {
    expect(trailerIn(object.subarray(tailStart), locator, object.length)).toEqual({ sealed });
  }
  expect(trailerIn(object.subarray(HEADER_LEAST + 1), locator, object.length)).toEqual({
    missing: [HEADER_LEAST, HEADER_LEAST + 1],
  });
});
