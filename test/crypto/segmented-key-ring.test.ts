import { describe, expect, test } from "vitest";
import {
  formatKeySource,
  type PasswordSource,
  parseKeySource,
  passwordSource,
  withinCaps,
} from "../../src/crypto/key-source.ts";
import { SegmentedKeyRing } from "../../src/crypto/segmented-key-ring.ts";
import { ConfigError } from "../../src/errors.ts";

const SALT = Buffer.alloc(16, 1);
const CHEAP: PasswordSource = {
  kind: "password",
  kdf: "pbkdf2",
  iterations: 1,
  memoryKib: 0,
  lanes: 0,
  salt: SALT,
};
const ARGON: PasswordSource = { ...CHEAP, kdf: "argon2id", memoryKib: 64, lanes: 2 };

describe("key sources", () => {
  test("are written with today's costs, and come back", () => {
    for (const cipher of ["aes", "cha", "none"] as const) {
      const source = passwordSource(cipher, SALT);
      expect(withinCaps(source)).toBe(true);
      expect(parseKeySource(formatKeySource(source))).toEqual(source);
    }
    expect(passwordSource("aes", SALT)).toMatchObject({ kdf: "pbkdf2", iterations: 210_000 });
    expect(passwordSource("cha", SALT)).toMatchObject({ iterations: 3, memoryKib: 65_536, lanes: 4 });
    expect(parseKeySource(formatKeySource({ kind: "none" }))).toEqual({ kind: "none" });
    expect(() => passwordSource("aes", Buffer.alloc(15))).toThrow("length");
  });

  test.each([
    [{ ...CHEAP, iterations: 10_000_001 }],
    [{ ...CHEAP, iterations: 0 }],
    [{ ...CHEAP, lanes: 1 }],
    [{ ...ARGON, iterations: 17 }],
    [{ ...ARGON, iterations: 0 }],
    [{ ...ARGON, lanes: 17, memoryKib: 4096 }],
    [{ ...ARGON, lanes: 0 }],
    [{ ...ARGON, memoryKib: 15 }],
    [{ ...ARGON, memoryKib: 1_048_577 }],
  ])("beyond the caps they are refused before any work: %o", (source) => {
    expect(withinCaps(source)).toBe(false);
    expect(typeof parseKeySource(formatKeySource(source))).toBe("string");
    expect(() => new SegmentedKeyRing("x").keysFor(source, "aes")).toThrow("caps");
  });

  test("are read only as they are written: nothing unknown, and no byte more or less", () => {
    const none = formatKeySource({ kind: "none" });
    const argon = formatKeySource(ARGON);
    const other = (at: number, value: number) => Buffer.from(argon).fill(value, at, at + 1);
    for (const bytes of [
      Buffer.concat([none, Buffer.of(0)]),
      Buffer.concat([argon, Buffer.of(0)]),
      argon.subarray(0, -1),
      other(0, 2),
      other(3, 0),
      other(3, 3),
    ]) {
      expect(typeof parseKeySource(bytes)).toBe("string");
    }
  });

  test.each([
    [CHEAP],
    [{ ...CHEAP, iterations: 10_000_000 }],
    [{ ...ARGON, iterations: 16 }],
    [{ ...ARGON, iterations: 1, lanes: 1, memoryKib: 8 }],
    [{ ...ARGON, lanes: 16, memoryKib: 1_048_576 }],
  ])("up to the caps they are read: %o", (source) => {
    expect(withinCaps(source)).toBe(true);
    expect(parseKeySource(formatKeySource(source))).toEqual(source);
  });
});

describe("the key ring", () => {
  const check = (ring: SegmentedKeyRing, source = CHEAP, cipher: "aes" | "cha" = "aes") =>
    ring.keysFor(source, cipher).keyCheck(Buffer.from("header")).toString("hex");

  test("gives other keys for another password, salt, cost, KDF and cipher, and the same ones again", () => {
    const ring = new SegmentedKeyRing("pass");
    const checks = [
      check(ring),
      check(new SegmentedKeyRing("other")),
      check(ring, { ...CHEAP, salt: Buffer.alloc(16, 2) }),
      check(ring, { ...CHEAP, iterations: 2 }),
      check(ring, ARGON),
      check(ring, CHEAP, "cha"),
    ];
    expect(new Set(checks).size).toBe(checks.length);
    expect(check(ring)).toBe(checks[0]);
    expect(ring.keysFor(CHEAP, "aes")).toBe(ring.keysFor({ ...CHEAP }, "aes"));
  });

  test("hands what it derived to another that knows no password", () => {
    const ring = new SegmentedKeyRing("pass");
    const first = check(ring, ARGON);
    const other = new SegmentedKeyRing(undefined, structuredClone(ring.exportKeys()));
    expect(other.hasSecret).toBe(true);
    expect(check(other, ARGON)).toBe(first);
    expect(check(other, ARGON, "cha")).toBe(check(ring, ARGON, "cha"));
    expect(() => check(other)).toThrow(ConfigError);
  });

  test("has a secret as soon as it has a password, before any key is derived", () => {
    const ring = new SegmentedKeyRing("pass");
    expect(ring.hasSecret).toBe(true);
    expect(ring.knows(CHEAP)).toBe(false);
    check(ring);
    expect(ring.knows({ ...CHEAP })).toBe(true);
    expect(ring.knows({ ...CHEAP, iterations: 2 })).toBe(false);
  });

  test("derives only so many keys in a run", () => {
    const ring = new SegmentedKeyRing("pass", [], 2);
    check(ring);
    check(ring, ARGON);
    check(ring, CHEAP, "cha"); // the same derivation
    expect(() => check(ring, { ...CHEAP, iterations: 3 })).toThrow(
      expect.objectContaining({ code: "ETOOMANYSALTS" }),
    );
    check(ring);
  });

  test("needs no password for what has no key", () => {
    const ring = new SegmentedKeyRing(undefined);
    expect(ring.hasSecret).toBe(false);
    expect(ring.keysFor({ kind: "none" }, "none").keyCheck(SALT)).toHaveLength(32);
    expect(() => check(ring)).toThrow(expect.objectContaining({ code: "ENOPASSWORD" }));
  });
});
