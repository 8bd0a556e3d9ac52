import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BackupError } from "../../src/errors.ts";
import { bytesOfPath, pathOfBytes } from "../../src/names/path-text.ts";
import { dateOrLive, formatStamp, LIVE, type Stamp } from "../../src/names/stamp.ts";
import {
  formatStoredName,
  looksSealed,
  md5FromBase36,
  md5ToBase36,
  type NameFields,
  parseStoredName,
  sortKeyOf,
} from "../../src/names/stored-name.ts";
import { assertProperty } from "../property.ts";
import { anyPath } from "./arbitraries.ts";

const HELLO = "5ir3t0ozoelrnauhrwyu1xfgy";
const MD5_MOST = "f5lxx1zz5pnorynqglhzmsp33";

const WORKED: [string, NameFields, string][] = [
  [
    `a.txt.qgljwg.5.${HELLO}.0.enc`,
    { path: "a.txt", mtime: 1600000000, size: 5, md5: HELLO, stamp: LIVE },
    "5d41402abc4b2a76b9719d911017c592",
  ],
  [
    `a.txt.qgljwg.5.${HELLO}.c1tgl.enc`,
    { path: "a.txt", mtime: 1600000000, size: 5, md5: HELLO, stamp: dateOrLive(20240229) },
    "5d41402abc4b2a76b9719d911017c592",
  ],
  [
    "empty.0.0.ck2u8j60r58fu0sgyxrigm3cu.0.enc",
    { path: "empty", mtime: 0, size: 0, md5: "ck2u8j60r58fu0sgyxrigm3cu", stamp: LIVE },
    "d41d8cd98f00b204e9800998ecf8427e",
  ],
  [
    "mypicture.jpg.ptcjvk.emz.8ji0wkvrgyrnqkqsrdirborvq.0.enc",
    { path: "mypicture.jpg", mtime: 1560948896, size: 18971, md5: "8ji0wkvrgyrnqkqsrdirborvq", stamp: LIVE },
    "904782c4a8a86e00d7a65764059e3a26",
  ],
];

const md5 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(md5ToBase36);
const path = anyPath();
const moment = fc.integer({ min: 36, max: 36 ** 7 - 1 });
const stamp = fc.oneof(
  fc.constant(LIVE),
  fc
    .tuple(
      fc.constantFrom("stamp" as const, "marker" as const),
      moment,
      moment,
      fc.option(moment, { nil: undefined }),
    )
    .map(
      ([form, a, b, condemned]): Stamp => ({
        form,
        began: Math.min(a, b),
        ceased: Math.max(a, b),
        ...(condemned !== undefined && { condemned }),
      }),
    ),
  fc
    .tuple(
      fc.integer({ min: 1970, max: 9999 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 31 }),
    )
    .map(([year, month, day]) => dateOrLive(year * 10000 + month * 100 + day)),
);
const fields = fc.record({ path, mtime: fc.maxSafeNat(), size: fc.maxSafeNat(), md5, stamp });

describe("a stored name", () => {
  it("reads and writes as the worked examples of the layout", () => {
    for (const [key, known, digest] of WORKED) {
      expect(formatStoredName(known)).toBe(key);
      expect(parseStoredName(key)).toEqual({ key, ...known, sealed: false });
      expect(md5ToBase36(Buffer.from(digest, "hex"))).toBe(known.md5);
      expect(md5FromBase36(known.md5).toString("hex")).toBe(digest);
    }
  });

  it("is parsed from the right, whatever the path looks like", () => {
    for (const odd of [
      "x.1.2.3.0.enc",
      "a.",
      ".",
      "..",
      "a..b",
      ".hidden",
      " ",
      "a\nb",
      "d/.enc",
      "x.0.0.0.0",
    ]) {
      const key = `${odd}.1.2.3.0.enc`;
      expect(parseStoredName(key), odd).toEqual({
        key,
        path: odd,
        mtime: 1,
        size: 2,
        md5: "3",
        stamp: LIVE,
        sealed: false,
      });
    }
  });

  it("is read with leading zeros and in upper case; its md5 comes out canonical", () => {
    const key = `a.00QGLJWG.05.000${HELLO.toUpperCase()}.00.enc`;
    expect(parseStoredName(key)).toMatchObject({
      path: "a",
      mtime: 1600000000,
      size: 5,
      md5: HELLO,
      stamp: LIVE,
    });
    expect(parseStoredName("a.1.2.000.0.enc")?.md5).toBe("0");
  });

  it("is none of ours otherwise", () => {
    const strange = [
      "",
      ".enc",
      "enc",
      "a.txt",
      "a.enc",
      "1.2.3.0.enc", // no path
      ".1.2.3.0.enc", // an empty one
      "a.1.2.3.0.ENC",
      "a.1.2.3.0.enc ",
      "a.1.2.3.0.enc/",
      "a..2.3.0.enc",
      "a.1..3.0.enc",
      "a.1.2..0.enc",
      "a.1.2.3..enc",
      "a.-1.2.3.0.enc",
      "a.+1.2.3.0.enc",
      "a.1_0.2.3.0.enc",
      "a. 1.2.3.0.enc",
      "a.1.2.é.0.enc",
      "a.2gosa7pa2gw.2.3.0.enc", // 2^53
      "a.1.2gosa7pa2gw.3.0.enc",
      "a.1.2.f5lxx1zz5pnorynqglhzmsp34.0.enc", // 2^128
      "a.1.2.zzzzzzzzzzzzzzzzzzzzzzzzzz.0.enc",
      "a.1.2.3.1.enc", // deleted on no date
      `a.1.2.3.${(20241301).toString(36)}.enc`,
      `a.1.2.3.${(20240100).toString(36)}.enc`,
    ];
    for (const key of strange) expect(parseStoredName(key), key).toBeUndefined();
  });

  it("takes the largest numbers there are", () => {
    expect(parseStoredName(`a.2gosa7pa2gv.2gosa7pa2gv.${MD5_MOST}.0.enc`)).toMatchObject({
      mtime: Number.MAX_SAFE_INTEGER,
      size: Number.MAX_SAFE_INTEGER,
      md5: MD5_MOST,
    });
    expect(md5FromBase36(MD5_MOST).toString("hex")).toBe("f".repeat(32));
    expect(md5FromBase36("0").toString("hex")).toBe("0".repeat(32));
  });

  it("gives back any path and numbers, and begins with the sort key", () => {
    assertProperty(
      fc.property(fields, (known) => {
        const key = formatStoredName(known);
        expect(parseStoredName(key)).toEqual({ key, ...known, sealed: false });
        expect(key.startsWith(sortKeyOf(known.path, known.mtime, known.size))).toBe(true);
        expect(pathOfBytes(bytesOfPath(key))).toBe(key);
      }),
      { numRuns: 500 },
    );
  });

  it("that parses and is canonical re-encodes to itself", () => {
    const part = fc.stringMatching(/^(0|[1-9a-z][0-9a-z]{0,11})$/);
    assertProperty(
      fc.property(fc.array(part, { minLength: 3, maxLength: 7 }), stamp, (parts, made) => {
        const key = `${parts.join(".")}.${formatStamp(made)}.enc`;
        const version = parseStoredName(key);
        if (version !== undefined) expect(formatStoredName(version)).toBe(key);
        else expect(parts.length === 3 || parts.slice(-3, -1).some((text) => text.length >= 11)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it.each([-1, 2 ** 53])("cannot hold a time like %i, and the error names the file", (mtime) => {
    const known = { path: "odd", mtime, size: 0, md5: "0", stamp: LIVE };
    const message = "its modification time is beyond what a stored name can hold";
    expect(() => formatStoredName(known)).toThrow(
      expect.objectContaining({ side: "source", path: "odd", code: "ERANGE", message }),
    );
    expect(sortKeyOf("odd", mtime, 0)).toBe(`odd.${mtime.toString(36)}.0.`);
  });

  it("is not made of nonsense", () => {
    const good = { path: "a", mtime: 0, size: 0, md5: "0", stamp: LIVE };
    for (const bad of [{ path: "" }, { size: -1 }, { size: 0.5 }, { mtime: 1.5 }]) {
      expect(() => formatStoredName({ ...good, ...bad })).toThrow(BackupError);
    }
    expect(() => formatStoredName({ ...good, stamp: dateOrLive(7) })).toThrow(RangeError);
  });

  it("holds the md5 without its leading zeros", () => {
    for (const zeros of [0, 1, 2, 15]) {
      const digest = createHash("md5").update(`zeros ${zeros}`).digest();
      digest.fill(0, 0, zeros);
      expect(md5FromBase36(md5ToBase36(digest))).toEqual(digest);
      expect(md5ToBase36(digest)).not.toMatch(/^0./);
    }
  });
});

describe("a key that looks encrypted", () => {
  it("is long, base 36 and nothing else", () => {
    expect(looksSealed(`${"z".repeat(57)}.enc`)).toBe(true);
    expect(looksSealed(`${"Z".repeat(300)}.enc`)).toBe(true);
    expect(looksSealed(`${"z".repeat(56)}.enc`)).toBe(false);
    expect(looksSealed(`d/${"z".repeat(60)}.enc`)).toBe(false);
    expect(looksSealed(`${"z".repeat(60)}.0.enc`)).toBe(false);
    expect(looksSealed("z".repeat(64))).toBe(false);
    expect(looksSealed(`${"z".repeat(60)}.enc\n`)).toBe(false);
  });

  it("is never a plain name", () => {
    assertProperty(
      fc.property(fields, (known) => {
        expect(looksSealed(formatStoredName(known))).toBe(false);
      }),
    );
  });
});
