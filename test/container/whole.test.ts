import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { xzCompress, xzDecompress } from "../../src/compression/xz.ts";
import { maxStoredSize, openWhole, sealWhole, WHOLE_LIMIT } from "../../src/container/classic.ts";
import { prepareCrypto } from "../../src/crypto/aead.ts";
import { KeyRing } from "../../src/crypto/key-ring.ts";
import { noise, text } from "../compression/samples.ts";
import { SALT, TYPES, VECTORS } from "../crypto/vectors.ts";
import { assertProperty } from "../property.ts";
import {
  COMBINATIONS,
  expectedOf,
  fixedSealing,
  flipped,
  keyRing,
  NOW,
  sealing,
  settingsOf,
} from "./settings.ts";

vi.setConfig({ testTimeout: 60_000 }); // real work, on machines that may be busy

beforeAll(() => prepareCrypto("cha"));

const damaged = (code: string) =>
  expect.objectContaining({ name: "DamagedError", kind: "damaged", path: "dir/file", code });

describe("golden vectors of whole objects", () => {
  const hello = Buffer.from("hello");
  const salt = SALT.toString("hex");

  it.each(TYPES)("uncompressed, they are those of the layout (%s)", (type) => {
    const { nonce, hello: body, helloTag, emptyTag } = VECTORS[type];
    const seal = (plain: Buffer) =>
      sealWhole(plain, settingsOf(type, false), fixedSealing(type), NOW).toString("hex");
    expect(seal(hello)).toBe(salt + nonce.toString("hex") + helloTag + body);
    expect(seal(Buffer.alloc(0))).toBe(salt + nonce.toString("hex") + emptyTag);
  });

  it("the empty file is the empty xz stream", () => {
    const stored = sealWhole(Buffer.alloc(0), settingsOf("none", true), undefined, NOW);
    expect(stored.toString("hex")).toBe("fd377a585a000004e6d6b446000000001cdf44211fb6f37d010000000004595a");
  });

  it("what does not compress is stored in a gzip member with the time of the run", () => {
    const stored = sealWhole(hello, settingsOf("none", true), undefined, NOW);
    expect(stored.toString("hex")).toBe("1f8b08004036006b00ff000500faff68656c6c6f030086a6103605000000");
  });

  it("compressed and encrypted, they stay as they are", () => {
    const sums = COMBINATIONS.map((settings) => {
      const stored = sealWhole(text(2000), settings, fixedSealing(settings.encryption), NOW);
      return `${settings.encryption} ${settings.compress} ${stored.length} ${createHash("sha256").update(stored).digest("hex").slice(0, 16)}`;
    });
    expect(sums).toMatchInlineSnapshot(`
      [
        "none true 532 32c4cc41f56f1286",
        "none false 2000 3ffba7417bd436f8",
        "aes true 580 c87927581ecb6284",
        "aes false 2048 3266019bf79d5b48",
        "cha true 588 3432eb327c222c81",
        "cha false 2056 0e975706cdfd4887",
      ]
    `);
  });
});

describe.each(COMBINATIONS)("a whole object (encryption $encryption, compress $compress)", (settings) => {
  it("opens to what was sealed, at the edges", () => {
    for (const plain of [Buffer.alloc(0), Buffer.of(0), noise(100), text(100_000), Buffer.alloc(100_000)]) {
      const stored = sealWhole(plain, settings, sealing, NOW);
      expect(stored.length).toBeLessThanOrEqual(maxStoredSize(plain.length, settings));
      expect(openWhole(stored, expectedOf(plain), settings, keyRing).equals(plain)).toBe(true);
    }
  });

  it("opens to anything that was sealed", () => {
    assertProperty(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        const plain = Buffer.from(bytes);
        const stored = sealWhole(plain, settings, sealing, NOW);
        expect(openWhole(stored, expectedOf(plain), settings, keyRing).equals(plain)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it("cut off anywhere, is damaged", () => {
    const plain = text(300);
    const stored = sealWhole(plain, settings, sealing, NOW);
    for (let length = 0; length < stored.length; length++) {
      expect(
        () => openWhole(stored.subarray(0, length), expectedOf(plain), settings, keyRing),
        `${length}`,
      ).toThrow(expect.objectContaining({ kind: "damaged", path: "dir/file" }));
    }
  });

  it("with any one bit changed, never opens to anything else than it should", () => {
    for (const plain of [text(200), noise(40)]) {
      const stored = sealWhole(plain, settings, sealing, NOW);
      const from = settings.encryption === "none" ? 0 : SALT.length * 8; // another salt costs a derivation
      for (let bit = from; bit < stored.length * 8; bit++) {
        const open = () => openWhole(flipped(stored, bit), expectedOf(plain), settings, keyRing);
        if (settings.encryption !== "none") expect(open, `${bit}`).toThrow(damaged("EAUTH"));
        else {
          try {
            expect(open().equals(plain), `${bit}`).toBe(true); // a gzip header's time, for one
          } catch (error) {
            expect(error, `${bit}`).toMatchObject({ kind: "damaged", path: "dir/file" });
          }
        }
      }
    }
  });

  it("under another name is damaged: size or md5 differ", () => {
    const plain = text(300);
    const stored = sealWhole(plain, settings, sealing, NOW);
    const right = expectedOf(plain);
    for (const size of [0, 299, 301]) {
      expect(() => openWhole(stored, { ...right, size }, settings, keyRing)).toThrow(damaged("ESIZE"));
    }
    expect(() => openWhole(stored, { ...right, md5: "1" }, settings, keyRing)).toThrow(damaged("EMD5"));
  });
});

describe("sealing whole", () => {
  it("takes 10 MiB with xz and not a byte more", () => {
    const plain = Buffer.alloc(WHOLE_LIMIT);
    const stored = sealWhole(plain, settingsOf("none", true), undefined, NOW);
    expect(stored.subarray(0, 6).toString("hex")).toBe("fd377a585a00");
    expect(openWhole(stored, expectedOf(plain), settingsOf("none", true), undefined).equals(plain)).toBe(
      true,
    );
    expect(() => sealWhole(Buffer.alloc(WHOLE_LIMIT + 1), settingsOf("none", true), undefined, NOW)).toThrow(
      "large",
    );
  });

  it("stores noise as it is, a gzip header around it", () => {
    const plain = noise(200_000);
    const stored = sealWhole(plain, settingsOf("none", true), undefined, NOW);
    expect(stored.length).toBe(plain.length + 20 + 4 * 5);
    expect(gunzipSync(stored).equals(plain)).toBe(true);
  });

  it("uses the level it is told", () => {
    const plain = text(50_000);
    for (const lzmaLevel of [0, 6, 9]) {
      const stored = sealWhole(plain, { ...settingsOf("none", true), lzmaLevel }, undefined, NOW);
      expect(stored.equals(xzCompress(plain, lzmaLevel))).toBe(true);
      expect(xzDecompress(stored, plain.length).equals(plain)).toBe(true);
    }
  });

  it("never repeats a nonce", () => {
    const seal = () => sealWhole(Buffer.alloc(0), settingsOf("aes", false), sealing, NOW).toString("hex");
    expect(seal()).not.toBe(seal());
  });

  it("without a key ring encrypts nothing", () => {
    expect(() => sealWhole(Buffer.alloc(0), settingsOf("aes", true), undefined, NOW)).toThrow("key ring");
    expect(() =>
      openWhole(Buffer.alloc(48), expectedOf(Buffer.alloc(0)), settingsOf("aes", true), undefined),
    ).toThrow("key ring");
  });
});

describe("opening whole", () => {
  it("says that the password may be wrong", () => {
    const stored = sealWhole(text(100), settingsOf("aes", true), sealing, NOW);
    const wrong = new KeyRing("wrong", [
      { type: "aes", saltHex: SALT.toString("hex"), key: Buffer.alloc(32) },
    ]);
    expect(() => openWhole(stored, expectedOf(text(100)), settingsOf("aes", true), wrong)).toThrow(
      damaged("EAUTH"),
    );
  });

  it("tells an object that has not even a head", () => {
    for (const type of TYPES) {
      expect(() =>
        openWhole(Buffer.alloc(47), expectedOf(Buffer.alloc(0)), settingsOf(type, true), keyRing),
      ).toThrow(damaged("ETRUNCATED"));
    }
  });

  it("tells authentic content that is not compressed", () => {
    const stored = sealWhole(text(100), settingsOf("aes", false), sealing, NOW);
    expect(() => openWhole(stored, expectedOf(text(100)), settingsOf("aes", true), keyRing)).toThrow(
      damaged("EDECOMPRESS"),
    );
  });

  it("stops a bomb at the size of its name", () => {
    const bomb = xzCompress(Buffer.alloc(WHOLE_LIMIT), 0);
    const small = { ...expectedOf(Buffer.alloc(0)), size: 1000 };
    expect(() => openWhole(bomb, small, settingsOf("none", true), undefined)).toThrow(damaged("ESIZE"));
  });
});
