/** What an object shows of how it was made, against the settings. */
import { expect, it } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { contradictionOf, fitsSettings, type Made } from "../../../src/run/object/settings-contradiction.ts";
import { configOf } from "../world.ts";

const AES: Partial<Config> = { encrypt: true, encryptionType: "aes", compress: true };
const PLAIN: Partial<Config> = { encrypt: false, encryptionType: "aes", compress: true };
const settings = (some: Partial<Config>) => configOf({ dest: "/nonexistent" }, some);

it.each<[Made, Partial<Config>]>([
  [{ encryption: "aes", compress: true }, AES],
  [{ encryption: "aes", compress: undefined }, AES],
  [{ encryption: "none", compress: true }, PLAIN],
  [
    { encryption: "none", compress: undefined },
    { ...PLAIN, compress: false },
  ],
])("%o fits %o", (made, some) => {
  expect(fitsSettings(made, settings(some))).toBe(true);
});

it.each<[Made, Partial<Config>, string, string, string]>([
  [{ encryption: "none", compress: true }, AES, "encrypt", "not encrypted", '"encrypt": false'],
  [{ encryption: "aes", compress: true }, PLAIN, "encrypt", "encrypted", '"encrypt": true'],
  [{ encryption: "cha", compress: true }, PLAIN, "encrypt", "encrypted", '"encrypt": true'],
  [
    { encryption: "cha", compress: undefined },
    AES,
    "encryption_type",
    "encrypted with cha",
    '"encryption_type": "cha"',
  ],
  [
    { encryption: "aes", compress: true },
    { ...AES, compress: false },
    "compress",
    "compressed",
    '"compress": true',
  ],
  [{ encryption: "aes", compress: false }, AES, "compress", "not compressed", '"compress": false'],
  [{ encryption: "none", compress: false }, PLAIN, "compress", "not compressed", '"compress": false'],
])("%o contradicts %o: %s, it is %s", (made, some, setting, is, remedy) => {
  expect(fitsSettings(made, settings(some))).toBe(false);
  expect(contradictionOf(made, settings(some))).toEqual({ setting, made: is, remedy });
});
