import { createCipheriv, createHmac } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openMessage, sealMessage } from "../../src/crypto/message.ts";
import { assertProperty } from "../property.ts";

const KEY = Buffer.alloc(32, 9);
const AD = Buffer.from("associated");

test("comes back, and nothing else opens: another key, other associated data, another byte", () => {
  assertProperty(
    fc.property(
      fc.constantFrom("aes", "cha", "none"),
      fc.uint8Array({ maxLength: 300 }),
      fc.nat(),
      (cipher, plain, at) => {
        const sealed = Buffer.concat(sealMessage(cipher, KEY, AD, plain));
        expect(sealed.length).toBe(plain.length + 16);
        expect(openMessage(cipher, KEY, AD, sealed)).toEqual(Buffer.from(plain));
        expect(openMessage(cipher, Buffer.alloc(32, 8), AD, sealed)).toBeUndefined();
        expect(openMessage(cipher, KEY, Buffer.from("other"), sealed)).toBeUndefined();
        const damaged = Buffer.from(sealed);
        damaged[at % sealed.length] = (damaged[at % sealed.length] as number) ^ 4;
        expect(openMessage(cipher, KEY, AD, damaged)).toBeUndefined();
        expect(openMessage(cipher, KEY, AD, sealed.subarray(1))).toBeUndefined();
      },
    ),
  );
});

test.each([0, 1, 15])("%i bytes are no message", (length) => {
  for (const cipher of ["aes", "cha", "none"] as const) {
    expect(openMessage(cipher, KEY, AD, Buffer.alloc(length))).toBeUndefined();
  }
});

test.each([
  ["aes", "aes-256-gcm"],
  ["cha", "chacha20-poly1305"],
] as const)("%s is %s under a nonce of zeros, the tag behind", (cipher, algorithm) => {
  const plain = Buffer.from("hello");
  const reference = createCipheriv(algorithm as "aes-256-gcm", KEY, Buffer.alloc(12), { authTagLength: 16 });
  reference.setAAD(AD, { plaintextLength: 5 });
  const body = Buffer.concat([reference.update(plain), reference.final()]);
  expect(Buffer.concat(sealMessage(cipher, KEY, AD, plain))).toEqual(
    Buffer.concat([body, reference.getAuthTag()]),
  );
});

test("none is the plaintext and an HMAC over the associated data with their length", () => {
  const plain = Buffer.from("hello");
  const tag = createHmac("sha256", KEY).update("\0\0\0\x0aassociatedhello").digest().subarray(0, 16);
  expect(Buffer.concat(sealMessage("none", KEY, AD, plain))).toEqual(Buffer.concat([plain, tag]));
});
