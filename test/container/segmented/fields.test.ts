import { expect, test } from "vitest";
import {
  checkFields,
  type Field,
  parseFields,
  sizeOfFields,
  tombstoneField,
  tombstonePeriod,
  userMetadata,
  userMetadataField,
  withUserMetadata,
  writeFields,
} from "../../../src/container/segmented/fields.ts";

const LATER: Field = { type: 0x7fff, value: Buffer.from("later") };
const EMPTY: Field = { type: 2, value: Buffer.alloc(0) };
const HEADERS = new Map([
  ["x-amz-meta-c", ""],
  ["x-amz-meta-b", "2"],
  ["content-type", "image/png"],
  ["x-amz-meta-a", "日"],
]);
const refused = expect.objectContaining({ code: "ETRAILER" });

function written(fields: readonly Field[]): Buffer {
  const bytes = Buffer.alloc(sizeOfFields(fields));
  writeFields(bytes, 0, fields);
  return bytes;
}

test("several fields come back as they were written, empty ones too, the last one included", () => {
  for (const fields of [
    [],
    [EMPTY],
    [userMetadataField(HEADERS), EMPTY, LATER],
    [EMPTY, { ...LATER, type: 3 }],
  ]) {
    expect(parseFields(written(fields))).toEqual(fields);
  }
});

test("headers come back whatever their order, and the same ones are always the same bytes", () => {
  const field = userMetadataField(HEADERS);
  expect(userMetadata([field])).toEqual(HEADERS);
  expect(userMetadataField(new Map([...HEADERS].reverse()))).toEqual(field);
  expect(() => checkFields([field], "file")).not.toThrow();
  expect(userMetadata([LATER])).toEqual(new Map());
});

test("other headers take the place of those before, and leave all other fields, in order", () => {
  const before = [userMetadataField(HEADERS), LATER];
  const other = new Map([["content-type", "text/plain"]]);
  expect(withUserMetadata(before, other)).toEqual([userMetadataField(other), LATER]);
  expect(withUserMetadata([LATER], other)).toEqual([userMetadataField(other), LATER]);
  expect(withUserMetadata(before, new Map())).toEqual([LATER]);
});

test("a tombstone tells from when to when, and no period that is none", () => {
  const period = { began: 1_600_000_000, ceased: 2 ** 36 - 1 };
  expect(tombstonePeriod([LATER, tombstoneField(period.began, period.ceased)])).toEqual(period);
  expect(tombstonePeriod([tombstoneField(2, 1)])).toBeUndefined();
  expect(tombstonePeriod([LATER])).toBeUndefined();
});

test.each<[string, string, Field[]]>([
  ["a tombstone without a mark", "tombstone", [LATER]],
  ["a file with a mark", "file", [tombstoneField(1, 2)]],
  ["a manifest with a mark", "manifest", [tombstoneField(1, 2)]],
  ["a tombstone that ends before it begins", "tombstone", [tombstoneField(2, 1)]],
  ["a mark that is too short", "tombstone", [{ type: 0x8001, value: Buffer.alloc(11, 1) }]],
  ["the first required field that there could be", "file", [{ type: 0x8000, value: Buffer.alloc(0) }]],
  ["headers out of order", "file", [{ type: 1, value: Buffer.from("00016200000001610000", "hex") }]],
  ["a header twice", "file", [{ type: 1, value: Buffer.from("00016100000001610000", "hex") }]],
  ["a header that is cut off", "file", [{ type: 1, value: Buffer.from("000161000262", "hex") }]],
  ["a header without its length", "file", [{ type: 1, value: Buffer.from("0001610000" + "00", "hex") }]],
])("%s is refused", (_, type, fields) => {
  expect(() => checkFields(fields, type)).toThrow(refused);
});
