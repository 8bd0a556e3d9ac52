import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { prepareCrypto } from "../../src/crypto/aead.ts";
import { KeyRing } from "../../src/crypto/key-ring.ts";
import { decodeBytes, encodeBytes } from "../../src/names/base36.ts";
import { openName, parseSealedName, saltOfSealedName, sealName } from "../../src/names/sealed-name.ts";
import { LIVE } from "../../src/names/stamp.ts";
import { looksSealed } from "../../src/names/stored-name.ts";
import { PASSWORD, SALT, TYPES, VECTORS, vectorKeys } from "../crypto/vectors.ts";
import { assertProperty } from "../property.ts";
import { anyPath } from "./arbitraries.ts";

const PLAIN = "docs/a.txt.qgljwg.5.5ir3t0ozoelrnauhrwyu1xfgy.0";
const keyRing = new KeyRing(PASSWORD, vectorKeys());

beforeAll(() => prepareCrypto("cha"));

describe.each(TYPES)("an encrypted name (%s)", (type) => {
  const sealing = { type, keyRing, salt: SALT };

  it("is that of the layout's vector", () => {
    const key = sealName(PLAIN, { ...sealing, nonce: VECTORS[type].nonce });
    expect(key).toBe(VECTORS[type].name);
    expect(openName(key, keyRing, type)).toBe(PLAIN);
    expect(parseSealedName(key, keyRing, type)).toEqual({
      key,
      path: "docs/a.txt",
      mtime: 1600000000,
      size: 5,
      md5: "5ir3t0ozoelrnauhrwyu1xfgy",
      stamp: LIVE,
      sealed: true,
    });
  });

  it("is another one each time", () => {
    expect(sealName(PLAIN, sealing)).not.toBe(sealName(PLAIN, sealing));
  });

  it("gives back any path, whatever its bytes", () => {
    assertProperty(
      fc.property(anyPath(), (text) => {
        const plain = `${text}.1.2.3.0`;
        const key = sealName(plain, sealing);
        expect(looksSealed(key)).toBe(true);
        expect(openName(key, keyRing, type)).toBe(plain);
      }),
    );
  });

  it("does not open with any one bit changed", () => {
    const bytes = decodeBytes(VECTORS[type].name.slice(0, -4)) as Buffer;
    for (let bit = SALT.length * 8; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(openName(`${encodeBytes(changed)}.enc`, keyRing, type)).toBeUndefined();
    }
  });

  it("does not open cut short, with the other type, or when it is none", () => {
    const body = VECTORS[type].name.slice(0, -4);
    expect(openName(`${body.slice(0, -1)}.enc`, keyRing, type)).toBeUndefined();
    expect(openName(`${body.slice(0, 60)}.enc`, keyRing, type)).toBeUndefined();
    expect(openName(body, keyRing, type)).toBeUndefined();
    expect(openName(`${PLAIN}.enc`, keyRing, type)).toBeUndefined();
    expect(openName(VECTORS[type].name, keyRing, type === "aes" ? "cha" : "aes")).toBeUndefined();
  });

  it("shows the salt that it carries, and a plain name shows none", () => {
    expect(saltOfSealedName(VECTORS[type].name)).toEqual(SALT);
    expect(saltOfSealedName(`${PLAIN}.enc`)).toBeUndefined();
  });

  it("that holds no stored name is no version", () => {
    expect(
      parseSealedName(sealName("no stored name, but long enough", sealing), keyRing, type),
    ).toBeUndefined();
  });
});

describe("the length of an encrypted name", () => {
  // Classic layout, section 3: one-digit size, six-digit mtime; its md5 had 24 digits. The salt is the largest number.
  const salt = Buffer.alloc(16, 0xff);
  const nameOf = (path: number, stamp: string, type: (typeof TYPES)[number]) =>
    sealName(`${"p".repeat(path)}.qgljwg.5.${"5".repeat(24)}.${stamp}`, { type, keyRing, salt });

  it("fits a local file name of 255 bytes up to the layout's path lengths", () => {
    const longest = { aes: [78, 74], cha: [70, 66] } as const;
    for (const type of TYPES) {
      const [live, marked] = longest[type];
      expect(nameOf(live, "0", type).length).toBeLessThanOrEqual(255);
      expect(nameOf(live + 1, "0", type).length).toBeGreaterThan(255);
      expect(nameOf(marked, "c1tgl", type).length).toBeLessThanOrEqual(255);
      expect(nameOf(marked + 1, "c1tgl", type).length).toBeGreaterThan(255);
    }
  });
});
