import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { diagnose, sealWhole } from "../../src/container/classic.ts";
import { prepareCrypto } from "../../src/crypto/aead.ts";
import { KeyRing } from "../../src/crypto/key-ring.ts";
import { LIVE } from "../../src/names/stamp.ts";
import { noise, text } from "../compression/samples.ts";
import { SALT, TYPES } from "../crypto/vectors.ts";
import { COMBINATIONS, expectedOf, flipped, keyRing, NOW, sealing, settingsOf } from "./settings.ts";

beforeAll(() => prepareCrypto("cha"));

const versionOf = (plain: Buffer) => ({
  ...expectedOf(plain),
  key: "",
  mtime: 0,
  stamp: LIVE,
  sealed: false,
});

/** A ring with another password; its keys for the salt are ready, so that nothing is derived. */
const wrongRing = new KeyRing(
  "wrong",
  TYPES.map((type) => ({ type, saltHex: SALT.toString("hex"), key: Buffer.alloc(32, 3) })),
);

const PLAINS = {
  nothing: Buffer.alloc(0),
  "one byte": Buffer.of(7),
  text: text(3000),
  noise: noise(3000),
  "a gzip file": gzipSync(text(3000)),
};

describe.each(COMBINATIONS)("an object (encryption $encryption, compress $compress)", (settings) => {
  const { encryption, compress } = settings;

  it("opens with the settings that made it, whatever is in it", () => {
    for (const [what, plain] of Object.entries(PLAINS)) {
      const stored = sealWhole(plain, settings, sealing, NOW);
      expect(diagnose(stored, versionOf(plain), keyRing), what).toEqual({
        kind: "opens",
        encryption,
        compress,
      });
    }
  });

  it("opens with a wrong password only where there is none", () => {
    for (const [what, plain] of Object.entries(PLAINS)) {
      const stored = sealWhole(plain, settings, sealing, NOW);
      const opens = { kind: "opens", encryption, compress };
      const outcome = encryption === "none" ? opens : { kind: "closed" };
      expect(diagnose(stored, versionOf(plain), wrongRing), what).toEqual(outcome);
      expect(diagnose(stored, versionOf(plain), undefined), what).toEqual(outcome);
    }
  });

  it("damaged in its content or tag, still shows that the password is right", () => {
    const plain = text(3000);
    const stored = sealWhole(plain, settings, sealing, NOW);
    const damaged = { kind: "damaged", encryption, compress };
    const inTag = encryption === "none" ? undefined : (stored.length - sealBody(stored, encryption) - 1) * 8;
    if (inTag !== undefined)
      expect(diagnose(flipped(stored, inTag), versionOf(plain), keyRing)).toEqual(damaged);
    const found = diagnose(flipped(stored, stored.length * 8 - 300), versionOf(plain), keyRing);
    expect(found).toMatchObject({ kind: "damaged", encryption });
    if (compress) expect(found).toEqual(damaged);
    expect(diagnose(stored.subarray(0, stored.length - 5), versionOf(plain), keyRing)).toMatchObject({
      kind: "damaged",
      encryption,
    });
  });

  it("under the name of other content is damaged, not closed", () => {
    const stored = sealWhole(text(3000), settings, sealing, NOW);
    expect(diagnose(stored, versionOf(text(3000, 2)), keyRing)).toMatchObject({
      kind: "damaged",
      encryption,
    });
  });
});

describe("an object of noise", () => {
  it("is closed to any ring, and so is an empty one that should not be", () => {
    for (let i = 0; i < 50; i++) {
      const stored = Buffer.concat([SALT, noise(200, `object ${i}`)]);
      expect(diagnose(stored, versionOf(text(10)), keyRing)).toEqual({ kind: "closed" });
    }
    expect(diagnose(Buffer.alloc(0), versionOf(text(10)), keyRing)).toEqual({ kind: "closed" });
  });

  it("is damaged where its tag is right", () => {
    const stored = sealWhole(noise(500), settingsOf("cha", false), sealing, NOW);
    expect(diagnose(stored, versionOf(noise(500, "other")), keyRing)).toEqual({
      kind: "damaged",
      encryption: "cha",
    });
  });
});

/** Bytes behind the head. */
function sealBody(stored: Buffer, encryption: "aes" | "cha"): number {
  return stored.length - (encryption === "aes" ? 48 : 56);
}
