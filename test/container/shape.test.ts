import { beforeAll, describe, expect, it } from "vitest";
import { couldBeEncrypted, isBlank, sealWhole } from "../../src/container/classic.ts";
import { prepareCrypto } from "../../src/crypto/aead.ts";
import { noise, text } from "../compression/samples.ts";
import { TYPES } from "../crypto/vectors.ts";
import { NOW, sealing, settingsOf } from "./settings.ts";

beforeAll(() => prepareCrypto("cha"));

describe("an object without anything in it", () => {
  it("is empty, or begins with one byte over and over", () => {
    expect(isBlank(Buffer.alloc(0))).toBe(true);
    expect(isBlank(Buffer.of(7))).toBe(true);
    expect(isBlank(Buffer.alloc(1000, 0xff))).toBe(true);
    // As far as the head of an encrypted one, which is random.
    expect(isBlank(Buffer.concat([Buffer.alloc(48), noise(100)]))).toBe(true);
  });

  it("is none where any byte of what would be its head is another", () => {
    for (let i = 0; i < 48; i++) {
      const stored = Buffer.alloc(100);
      stored[i] = 1;
      expect(isBlank(stored), `byte ${i}`).toBe(false);
    }
  });
});

describe("an object that does not open", () => {
  // Those of small files are shorter than the shortest that is compressed.
  it.each(TYPES)("could be encrypted where it is as long as a file that is not compressed (%s)", (type) => {
    for (const size of [0, 1, 5, 19, 1000]) {
      const stored = sealWhole(noise(size), settingsOf(type, false), sealing, NOW);
      expect(couldBeEncrypted(stored, size), `${size} bytes`).toBe(true);
      if (size < 5) expect(couldBeEncrypted(stored, size + 1), `${size} bytes for one more`).toBe(false);
    }
  });

  it.each(TYPES)("could be where anything that is compressed has room behind the head (%s)", (type) => {
    for (const plain of [Buffer.alloc(0), Buffer.of(7), text(3000), noise(3000)]) {
      const stored = sealWhole(plain, settingsOf(type, true), sealing, NOW);
      expect(couldBeEncrypted(stored, plain.length), `${plain.length} bytes`).toBe(true);
    }
    expect(couldBeEncrypted(noise(48 + 20), 3000)).toBe(true);
    expect(couldBeEncrypted(noise(48 + 19), 3000)).toBe(false);
  });

  it("could not where it is blank, whatever its length", () => {
    expect(couldBeEncrypted(Buffer.alloc(0), 0)).toBe(false);
    expect(couldBeEncrypted(Buffer.alloc(48 + 5), 5)).toBe(false);
    expect(couldBeEncrypted(Buffer.alloc(1000), 3000)).toBe(false);
  });
});
