import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { PasswordSource } from "../../src/crypto/key-source.ts";
import { SegmentedKeyRing } from "../../src/crypto/segmented-key-ring.ts";
import { encodeBase32 } from "../../src/names/base32.ts";
import type { NameRecord } from "../../src/names/name-record.ts";
import { openSegmentedName, sealSegmentedName, segmentedNameTag } from "../../src/names/segmented-name.ts";
import { LIVE, type Stamp } from "../../src/names/stamp.ts";
import { looksSealed, parseStoredName } from "../../src/names/stored-name.ts";
import { assertProperty } from "../property.ts";

const ring = new SegmentedKeyRing("correct horse");
const source = (fill: number): PasswordSource => ({
  kind: "password",
  kdf: "pbkdf2",
  iterations: 1,
  memoryKib: 0,
  lanes: 0,
  salt: Buffer.alloc(16, fill),
});
const keys = [
  ring.keysFor(source(1), "aes"),
  ring.keysFor(source(1), "cha"),
  ring.keysFor(source(2), "aes"),
] as const;
const RECORD: NameRecord = {
  path: "a.txt",
  mtime: 1_600_000_000,
  size: 5,
  md5: "5ir3t0ozoelrnauhrwyu1xfgy",
  stamp: LIVE,
};
const STAMPS: Stamp[] = [
  LIVE,
  { form: "date", date: 20240229 },
  { form: "stamp", began: 1, ceased: 2 },
  { form: "marker", began: 7, ceased: 36 ** 7 - 1 },
];

const records = fc.record({
  path: fc.oneof(
    fc.string({ minLength: 1, maxLength: 600 }),
    fc.constantFrom("\udc80", "日/本", "x".repeat(573)),
  ),
  mtime: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  size: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  md5: fc.constantFrom("0", "5ir3t0ozoelrnauhrwyu1xfgy", "f5lxx1zz5pnorynqglhzmsp33"),
  stamp: fc.constantFrom(...STAMPS),
});

describe("an encrypted name", () => {
  test("opens to what was sealed, is always the same, and fits every file system", () => {
    assertProperty(
      fc.property(records, fc.constantFrom(...keys), (record, key) => {
        const name = sealSegmentedName(record, key);
        expect(openSegmentedName(name, ring)).toEqual(record);
        expect(openSegmentedName(name.slice(0, -4).toUpperCase() + name.slice(-4), ring)).toEqual(record);
        expect(sealSegmentedName(record, key)).toBe(name);
        expect(name).toBe(name.toLowerCase());
        expect(name.split("/").every((segment) => segment.length > 0 && segment.length <= 245)).toBe(true);
        expect(segmentedNameTag(name)).toBe(key.nameTag.toString("hex"));
      }),
    );
  });

  test("of a path of 573 bytes still fits 1,024 when marked deleted, and of no longer one", () => {
    const lengthOf = (bytes: number) =>
      sealSegmentedName(
        { ...RECORD, path: "x".repeat(bytes), stamp: { form: "stamp", began: 1, ceased: 2 } },
        keys[0],
      ).length;
    expect(lengthOf(573)).toBeLessThanOrEqual(1024);
    expect(lengthOf(574)).toBeGreaterThan(1024);
  });

  test("has 244 characters for a live path of 100 bytes, and no component of more than 245", () => {
    const nameOf = (bytes: number) => sealSegmentedName({ ...RECORD, path: "x".repeat(bytes) }, keys[0]);
    expect(nameOf(100)).toHaveLength(244);
    const components = [100, 101, 102, 251, 252, 573].flatMap((bytes) => nameOf(bytes).split("/"));
    expect(Math.max(...components.map((component) => component.length))).toBe(245);
  });

  test("holds a path of two components of 255 bytes in a local folder, live or marked", () => {
    const path = `${"d".repeat(255)}/${"日".repeat(85)}`;
    for (const stamp of STAMPS) {
      const name = sealSegmentedName({ ...RECORD, path, stamp }, keys[1]);
      expect(name.split("/").length).toBeGreaterThan(2);
      expect(openSegmentedName(name, ring)?.path).toBe(path);
    }
  });

  test("does not open when any character is another, missing or doubled", () => {
    const name = sealSegmentedName({ ...RECORD, path: "p".repeat(200) }, keys[0]);
    for (let at = 0; at < name.length; at++) {
      const other = name[at] === "0" ? "1" : "0";
      expect(openSegmentedName(name.slice(0, at) + other + name.slice(at + 1), ring)).toBeUndefined();
      expect(openSegmentedName(name.slice(0, at) + name.slice(at + 1), ring)).toBeUndefined();
      expect(openSegmentedName(name.slice(0, at) + name[at] + name.slice(at), ring)).toBeUndefined();
    }
  });

  test("does not open under another password or salt, and its tag says so", () => {
    const name = sealSegmentedName(RECORD, keys[0]);
    const other = new SegmentedKeyRing("wrong");
    other.keysFor(source(1), "aes");
    expect(openSegmentedName(name, other)).toBeUndefined();
    expect(openSegmentedName(name, new SegmentedKeyRing("correct horse"))).toBeUndefined();
    expect(new Set(keys.map((key) => key.nameTag.toString("hex"))).size).toBe(3);
  });

  test("is neither a plain name nor an encrypted one of the classic form, nor are these of this form", () => {
    const name = sealSegmentedName(RECORD, keys[0]);
    expect(parseStoredName(name)).toBeUndefined();
    expect(looksSealed(name)).toBe(false);
    for (const other of [
      "a.txt.qgljwg.5.5ir3t0ozoelrnauhrwyu1xfgy.0.enc",
      `${"0".repeat(90)}.enc`,
      "_.enc",
      "_abc",
    ]) {
      expect(segmentedNameTag(other)).toBeUndefined();
    }
  });

  test.each([{ mtime: 2 ** 48 }, { size: 2 ** 48 }])(
    "cannot hold %o, and the error names the file",
    (odd) => {
      expect(() => sealSegmentedName({ ...RECORD, ...odd }, keys[0])).toThrow(
        expect.objectContaining({ side: "source", path: "a.txt", code: "ERANGE" }),
      );
    },
  );

  test("needs a cipher: with the tag of keys that anyone has, nothing opens", () => {
    const anyones = ring.keysFor({ kind: "none" }, "none");
    expect(() => sealSegmentedName(RECORD, anyones)).toThrow("cipher");
    const name = `_${encodeBase32(Buffer.concat([anyones.nameTag, Buffer.alloc(40)]))}.enc`;
    expect(segmentedNameTag(name)).toBe(anyones.nameTag.toString("hex"));
    expect(openSegmentedName(name, ring)).toBeUndefined();
  });
});
