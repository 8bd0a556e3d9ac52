import { describe, expect, it } from "vitest";
import { passwordSource } from "../../../src/crypto/key-source.ts";
import { SegmentedKeyRing } from "../../../src/crypto/segmented-key-ring.ts";
import { SaltTrials } from "../../../src/run/object/salt-trials.ts";

const source = (byte: number) => passwordSource("aes", new Uint8Array(16).fill(byte));
const ring = (known: readonly number[] = []) =>
  new SegmentedKeyRing(
    "password",
    known.map((byte) => ({ source: source(byte), key: new Uint8Array(32) })),
  );

describe("salts that nothing vouches for", () => {
  it("cost nothing where the key is known, and are granted without end", () => {
    const trials = new SaltTrials(ring([1]), { derivations: 0 });
    for (let i = 0; i < 100; i++) expect(trials.grants(source(1))).toBe(true);
    expect(trials.grants(source(2))).toBe(false);
  });

  it("are granted four at once, then only to what is seen ever more often", () => {
    const trials = new SaltTrials(ring(), { derivations: 100 });
    const seen = (byte: number, times: number) =>
      Array.from({ length: times }, () => trials.grants(source(byte)));
    expect([1, 2, 3, 4].map((byte) => trials.grants(source(byte)))).toEqual([true, true, true, true]);
    for (let byte = 10; byte < 100; byte++) expect(trials.grants(source(byte))).toBe(false);
    expect(seen(5, 2)).toEqual([false, true]);
    expect(seen(6, 3)).toEqual([false, false, true]);
    expect(seen(7, 4)).toEqual([false, false, false, true]);
  });

  it("share a budget, which ends", () => {
    const budget = { derivations: 3 };
    const [one, two] = [new SaltTrials(ring(), budget), new SaltTrials(ring(), budget)];
    expect([one, two, one, two].map((trials, i) => trials.grants(source(i)))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});
