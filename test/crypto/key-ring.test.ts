import { describe, expect, it } from "vitest";
import { KeyRing } from "../../src/crypto/key-ring.ts";
import { PASSWORD, SALT, VECTORS, vectorKeys } from "./vectors.ts";

describe("a key ring", () => {
  it("derives a key once, and gives the same one afterwards", () => {
    const ring = new KeyRing(PASSWORD);
    const key = ring.keyFor("aes", SALT);
    expect(key.export().toString("hex")).toBe(VECTORS.aes.key);
    expect(ring.keyFor("aes", Buffer.from(SALT))).toBe(key);
  });

  it("hands its keys on, so that another one derives nothing", () => {
    const ring = new KeyRing("not the password", structuredClone(new KeyRing("", vectorKeys()).exportKeys()));
    expect(ring.keyFor("aes", SALT).export().toString("hex")).toBe(VECTORS.aes.key);
    expect(ring.keyFor("cha", SALT).export().toString("hex")).toBe(VECTORS.cha.key);
    expect(ring.exportKeys()).toHaveLength(2);
  });

  it("keeps types and salts apart", () => {
    const other = Buffer.alloc(16, 7);
    const ring = new KeyRing(PASSWORD, [
      ...vectorKeys(),
      { type: "aes", saltHex: other.toString("hex"), key: Buffer.alloc(32, 1) },
    ]);
    expect(ring.keyFor("aes", other).export()).toEqual(Buffer.alloc(32, 1));
    expect(ring.keyFor("aes", SALT).export().toString("hex")).toBe(VECTORS.aes.key);
  });

  it("forgets the least recently used key when it is full", () => {
    const salts = [0, 1, 2].map((byte) => Buffer.alloc(16, byte));
    const derived = salts.map((salt, byte) => ({
      type: "aes" as const,
      saltHex: salt.toString("hex"),
      key: Buffer.alloc(32, byte),
    }));
    const ring = new KeyRing(PASSWORD, derived.slice(0, 2), 2);
    ring.keyFor("aes", salts[0] as Buffer);
    ring.keyFor("aes", SALT); // the third: salts[1] goes
    expect(ring.exportKeys().map(({ saltHex }) => saltHex)).toEqual([
      derived[0]?.saltHex,
      SALT.toString("hex"),
    ]);
  });

  it("takes salts of 16 bytes and keys of 32 only", () => {
    const ring = new KeyRing(PASSWORD);
    for (const length of [0, 4, 15, 17, 18])
      expect(() => ring.keyFor("aes", Buffer.alloc(length))).toThrow("salt");
    expect(() => new KeyRing(PASSWORD, [{ type: "aes", saltHex: "00", key: Buffer.alloc(16) }])).toThrow(
      "key",
    );
  });
});
