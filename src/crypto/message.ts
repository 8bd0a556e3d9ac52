/**
 * Sealing one message under a key that seals nothing else: the nonce is constant, the tag stands behind
 * (docs/format.md, section 7).
 */

import { createCipheriv, createDecipheriv, createSecretKey, timingSafeEqual } from "node:crypto";
import { HmacKey } from "./hmac.ts";

/** `none` only authenticates. */
export type Cipher = "none" | "aes" | "cha";

/** Bytes that sealing adds. */
export const MESSAGE_TAG_BYTES = 16;

const NONCE = Buffer.alloc(12);
const OPTIONS = { authTagLength: MESSAGE_TAG_BYTES };

/** The sealed message in two pieces: ciphertext, as long as the plaintext, and tag. */
export function sealMessage(
  cipher: Cipher,
  key: Buffer,
  associated: Uint8Array,
  plain: Uint8Array,
): [body: Uint8Array, tag: Buffer] {
  if (cipher === "none") return [plain, integrityTag(key, associated, plain)];
  const secret = createSecretKey(key);
  const sealer =
    cipher === "aes"
      ? createCipheriv("aes-256-gcm", secret, NONCE, OPTIONS)
      : createCipheriv("chacha20-poly1305", secret, NONCE, OPTIONS);
  sealer.setAAD(associated, { plaintextLength: plain.length });
  const body = sealer.update(plain);
  sealer.final();
  return [body, sealer.getAuthTag()];
}

/** The plaintext of a sealed message with its tag behind; undefined when it does not authenticate. */
export function openMessage(
  cipher: Cipher,
  key: Buffer,
  associated: Uint8Array,
  sealed: Uint8Array,
): Buffer | undefined {
  const end = sealed.length - MESSAGE_TAG_BYTES;
  if (end < 0) return undefined;
  const body = Buffer.from(sealed.buffer, sealed.byteOffset, end);
  const tag = sealed.subarray(end);
  if (cipher === "none") {
    return timingSafeEqual(integrityTag(key, associated, body), tag) ? body : undefined;
  }
  const secret = createSecretKey(key);
  const opener =
    cipher === "aes"
      ? createDecipheriv("aes-256-gcm", secret, NONCE, OPTIONS)
      : createDecipheriv("chacha20-poly1305", secret, NONCE, OPTIONS);
  opener.setAAD(associated, { plaintextLength: end });
  opener.setAuthTag(tag);
  const plain = opener.update(body);
  try {
    opener.final();
    return plain;
  } catch {
    return undefined;
  }
}

function integrityTag(key: Buffer, associated: Uint8Array, plain: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(associated.length);
  return new HmacKey(key).digest(length, associated, plain).subarray(0, MESSAGE_TAG_BYTES);
}
