import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { diagnose, StreamSealer, sealWhole } from "../../src/container/classic.ts";
import { prepareCrypto } from "../../src/crypto/aead.ts";
import { KeyRing } from "../../src/crypto/key-ring.ts";
import { LIVE } from "../../src/names/stamp.ts";
import { collect, noise, streamOf, text } from "../compression/samples.ts";
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

  it("of a large file shows how it was made by its beginning, which is all that is read of it", async () => {
    // What is noise, and not compressed, shows nothing.
    for (const [plain, tells] of [[text(30_000), true] as const, [noise(30_000), compress] as const]) {
      const sealer = new StreamSealer({ settings, sealing, now: NOW, path: "dir/file" });
      const body = await collect(sealer.seal(streamOf(plain), plain.length));
      const sample = Buffer.concat([sealer.head(), body]).subarray(0, 2000);
      const shown = compress || encryption === "none" ? { compress } : {};
      const shows = { kind: "damaged", encryption, ...shown };
      const closed = { kind: "closed" };
      // Salts of noise would cost a derivation each.
      const ring = encryption === "none" ? undefined : keyRing;
      expect(diagnose(sample, versionOf(plain), ring)).toEqual(tells ? shows : closed);
      if (encryption !== "none") expect(diagnose(sample, versionOf(plain), wrongRing)).toEqual(closed);
    }
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

  it("is closed though it begins as a gzip member does, but for its method and flags", () => {
    const version = versionOf(text(10));
    const begun = (...start: number[]) =>
      diagnose(Buffer.from([...start, ...noise(500)]), version, undefined);
    const compressed = { kind: "damaged", encryption: "none", compress: true };
    expect(begun(0x1f, 0x8b, 8, 0)).toEqual(compressed);
    expect(begun(0x1f, 0x8b, 8, 0x1f)).toEqual(compressed);
    for (const flag of [0x20, 0x40, 0x80]) expect(begun(0x1f, 0x8b, 8, flag)).toEqual({ kind: "closed" });
    for (const method of [0, 7, 9]) expect(begun(0x1f, 0x8b, method, 0)).toEqual({ kind: "closed" });
    expect(begun(0x1f, 0x8a, 8, 0)).toEqual({ kind: "closed" });
    expect(diagnose(Buffer.of(0x1f, 0x8b, 8), version, undefined)).toEqual({ kind: "closed" });
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
