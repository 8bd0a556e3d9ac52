import { createSecretKey } from "node:crypto";
import fc from "fast-check";
import sodium from "libsodium-wrappers-sumo";
import { beforeAll, describe, expect, it, vi } from "vitest";
import {
  checkMessageLength,
  MESSAGE_LIMIT,
  NONCE_BYTES,
  Opener,
  prepareCrypto,
  Sealer,
} from "../../src/crypto/aead.ts";
import { DamagedError } from "../../src/errors.ts";
import { assertProperty } from "../property.ts";
import { TYPES, VECTORS } from "./vectors.ts";

beforeAll(() => prepareCrypto("cha"));

describe.each(TYPES)("the cipher %s", (type) => {
  const key = createSecretKey(Buffer.from(VECTORS[type].key, "hex"));
  const { nonce } = VECTORS[type];

  it("gives the layout's vectors, the empty message included", () => {
    const sealer = new Sealer(type, key, nonce);
    expect(sealer.update(Buffer.from("hello")).toString("hex")).toBe(VECTORS[type].hello);
    expect(sealer.final().toString("hex")).toBe(VECTORS[type].helloTag);
    expect(new Sealer(type, key, nonce).final().toString("hex")).toBe(VECTORS[type].emptyTag);
  });

  it("opens what it sealed, whatever the pieces on either side", () => {
    assertProperty(
      fc.property(fc.array(fc.uint8Array({ maxLength: 100 })), fc.nat({ max: 50 }), (pieces, step) => {
        const sealer = new Sealer(type, key, nonce);
        const sealed = Buffer.concat(pieces.map((piece) => sealer.update(piece)));
        const opener = new Opener(type, key, nonce, sealer.final());
        const opened: Buffer[] = [];
        for (let at = 0; at < sealed.length; at += step + 1)
          opened.push(opener.update(sealed.subarray(at, at + step + 1)));
        opener.final();
        expect(Buffer.concat(opened)).toEqual(Buffer.concat(pieces));
      }),
    );
  });

  it("refuses a changed tag, ciphertext, nonce or key", () => {
    const hello = Buffer.from(VECTORS[type].hello, "hex");
    const tag = Buffer.from(VECTORS[type].helloTag, "hex");
    const flip = (bytes: Buffer) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
    const open = (k = key, n: Uint8Array = nonce, t: Uint8Array = tag, body: Uint8Array = hello) => {
      const opener = new Opener(type, k, n, t);
      opener.update(body);
      opener.final();
    };
    expect(open).not.toThrow();
    const refused = expect.objectContaining({ kind: "damaged", code: "EAUTH" });
    expect(() => open(createSecretKey(Buffer.alloc(32)))).toThrow(refused);
    expect(() => open(key, flip(nonce))).toThrow(refused);
    expect(() => open(key, nonce, flip(tag))).toThrow(refused);
    expect(() => open(key, nonce, tag, flip(hello))).toThrow(refused);
    expect(() => open(key, nonce, tag, hello.subarray(1))).toThrow(DamagedError);
  });

  it("takes nonces of its own length and whole tags only", () => {
    for (const length of [0, 8, 12, 15, 17, 23, 25]) {
      expect(() => new Sealer(type, key, Buffer.alloc(length))).toThrow("nonce");
      expect(() => new Opener(type, key, Buffer.alloc(length), Buffer.alloc(16))).toThrow("nonce");
    }
    expect(() => new Opener(type, key, Buffer.alloc(NONCE_BYTES[type]), Buffer.alloc(8))).toThrow();
  });

  it("refuses to go beyond the length its message can have", () => {
    const tooMuch = { length: MESSAGE_LIMIT[type] } as Uint8Array; // refused before a byte of it is looked at
    const refused = expect.objectContaining({ kind: "failed", code: "EFBIG", remedy: expect.any(String) });
    const sealer = new Sealer(type, key, nonce);
    sealer.update(Buffer.alloc(1));
    expect(() => sealer.update(tooMuch)).toThrow(refused);
    const opener = new Opener(type, key, nonce, Buffer.alloc(16));
    opener.update(Buffer.alloc(1));
    expect(() => opener.update(tooMuch)).toThrow(refused);
  });

  it("knows its limit to the byte", () => {
    const limit = type === "aes" ? 64 * 2 ** 30 - 32 : 256 * 2 ** 30 - 64;
    expect(() => checkMessageLength(type, limit)).not.toThrow();
    expect(() => checkMessageLength(type, limit + 1, "big.img")).toThrow(
      expect.objectContaining({ code: "EFBIG", path: "big.img" }),
    );
  });
});

describe("XChaCha20-Poly1305", () => {
  it("is libsodium's, but for the place of the tag", async () => {
    await sodium.ready;
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    assertProperty(
      fc.property(bytes(32), bytes(24), fc.uint8Array({ maxLength: 300 }), (key, nonce, plain) => {
        const sealer = new Sealer("cha", createSecretKey(key), nonce);
        const ours = Buffer.concat([sealer.update(plain), sealer.final()]);
        const theirs = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(plain, null, null, nonce, key);
        expect(ours.equals(theirs)).toBe(true);
      }),
    );
  });

  it("has to be prepared in each thread, aes not", async () => {
    vi.resetModules();
    const fresh = await import("../../src/crypto/aead.ts");
    await fresh.prepareCrypto("aes");
    const key = createSecretKey(Buffer.alloc(32));
    expect(() => new fresh.Sealer("aes", key, Buffer.alloc(16))).not.toThrow();
    expect(() => new fresh.Sealer("cha", key, Buffer.alloc(24))).toThrow("prepareCrypto");
    await fresh.prepareCrypto("cha");
    expect(() => new fresh.Sealer("cha", key, Buffer.alloc(24))).not.toThrow();
  });
});
