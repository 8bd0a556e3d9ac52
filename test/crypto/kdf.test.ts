import { describe, expect, it } from "vitest";
import { deriveKey, passwordBytes } from "../../src/crypto/kdf.ts";
import { ConfigError } from "../../src/errors.ts";
import { PASSWORD, SALT, TYPES, VECTORS } from "./vectors.ts";

describe("key derivation", () => {
  it.each(TYPES)("gives the layout's keys (%s)", (type) => {
    expect(deriveKey(type, PASSWORD, SALT).toString("hex")).toBe(VECTORS[type].key);
    expect(deriveKey(type, "p\u00e4ss", SALT).toString("hex")).toBe(VECTORS[type].umlautKey);
  });

  it("accepts an empty password", () => {
    for (const type of TYPES) expect(deriveKey(type, "", SALT)).toHaveLength(32);
  });

  it("takes the password as Latin-1 for aes and as UTF-8 for cha", () => {
    expect(passwordBytes("aes", "\u00ff").toString("hex")).toBe("ff");
    expect(passwordBytes("cha", "\u00ff€").toString("hex")).toBe("c3bfe282ac");
  });

  it("refuses for aes what Latin-1 cannot hold, says what to do, and keeps the password to itself", () => {
    for (const password of ["secret\u0100", "secret€", "secret🎉"]) {
      const attempt = () => deriveKey("aes", password, SALT);
      expect(attempt).toThrow(ConfigError);
      expect(attempt).toThrow(
        expect.objectContaining({ path: "encryption_password", remedy: expect.stringContaining("cha") }),
      );
      expect(attempt).toThrow(expect.not.objectContaining({ message: expect.stringContaining("secret") }));
    }
  });
});
