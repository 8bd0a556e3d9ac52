import { createHmac, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { HmacKey, label } from "../../src/crypto/hmac.ts";
import { assertProperty } from "../property.ts";

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });

test("is HMAC-SHA256, in one piece or many, short or long", () => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc.nat(5000).map((length) => Buffer.alloc(length, length)),
  );
  assertProperty(
    fc.property(key, fc.array(part, { maxLength: 4 }), (secret, parts) => {
      const expected = createHmac("sha256", secret).update(Buffer.concat(parts)).digest();
      const one = new HmacKey(secret);
      expect(one.digest(...parts)).toEqual(expected);
      expect(one.digest(...parts)).toEqual(expected);
    }),
  );
});

test("gives RFC 4231's fourth example, cut to its key of 32 bytes by OpenSSL's own", () => {
  const secret = Buffer.from("0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20", "hex");
  const message = Buffer.alloc(50, 0xcd);
  expect(new HmacKey(secret).digest(message)).toEqual(createHmac("sha256", secret).update(message).digest());
});

test("expands as HKDF does: extract with a salt, then this, is RFC 5869", () => {
  const input = Buffer.from("input");
  const salt = Buffer.alloc(32, 3);
  const info = label("anything");
  const extracted = createHmac("sha256", salt).update(input).digest();
  const expected = Buffer.from(hkdfSync("sha256", input, salt, info, 32));
  expect(new HmacKey(extracted).expand(info)).toEqual(expected);
});

test("keys of another length are refused", () => {
  expect(() => new HmacKey(Buffer.alloc(31))).toThrow("length");
});

test("no label is the beginning of another", () => {
  const labels = ["block", "block id", "block key", "trailer", "trailer id", "name tag", "name key"].map(
    label,
  );
  for (const one of labels) {
    for (const other of labels) {
      if (one !== other) expect(other.subarray(0, one.length).equals(one)).toBe(false);
    }
  }
});
