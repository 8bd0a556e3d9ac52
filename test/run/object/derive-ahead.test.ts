import { describe, expect, it } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { passwordSource } from "../../../src/crypto/key-source.ts";
import { deriveAhead, NO_KEYS } from "../../../src/run/object/derive-ahead.ts";
import { openKeys } from "../../../src/run/object/keys.ts";
import { configOf } from "../world.ts";

const salt = new Uint8Array(16).fill(7);
const settings = (given: Partial<Config>) => configOf({ dest: "/nonexistent" }, given);

describe("keys that are derived ahead", () => {
  it.each([
    ["classic", "aes"],
    ["classic", "cha"],
    ["segmented", "aes"],
    ["segmented", "cha"],
  ] as const)("are those that a run would derive, container %s, %s", async (container, encryptionType) => {
    const config = settings({ container, encryptionType });
    const ahead = await deriveAhead(config);
    expect(ahead.classic.length + ahead.segmented.length).toBe(1);
    // Of another password: what it gives without deriving can only come from ahead.
    const given = await openKeys({ ...config, password: "another" }, ahead);
    const own = await openKeys(config);
    if (container === "classic") {
      const key = own.classic?.keyFor(encryptionType, salt).export();
      expect(given.classic?.keyFor(encryptionType, salt).export()).toEqual(key);
    } else {
      const source = passwordSource(encryptionType, salt);
      const check = (keys: typeof own) =>
        keys.segmented.keysFor(source, encryptionType).keyCheck(Buffer.from("x"));
      expect(check(given)).toEqual(check(own));
    }
  });

  it.each([
    ["there is no salt", { salt: undefined as never }],
    ["nothing is encrypted", { encrypt: false }],
    ["the cipher cannot express the password, which is for the run to say", { password: "€" }],
  ])("are none where %s", async (_, given) => {
    expect(await deriveAhead(settings(given))).toEqual(NO_KEYS);
  });
});
