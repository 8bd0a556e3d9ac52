import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { label } from "../../src/crypto/hmac.ts";
import { CIPHER_IDS, DestinationKeys, FileKeys } from "../../src/crypto/segmented-keys.ts";

const KEY = Buffer.alloc(32, 1);
const hex = (bytes: Buffer) => bytes.toString("hex");
const keysOf = (passwordKey: Buffer, cipher: "none" | "aes" | "cha" = "aes") =>
  new DestinationKeys(passwordKey, { kind: "none" }, cipher);

test("a block's id depends on everything that goes into its AEAD, and on the file", () => {
  const keys = new FileKeys(KEY, "aes");
  const stored = Buffer.from("stored bytes");
  const ids = [
    keys.blockId(1, 12, 0, stored),
    keys.blockId(0x81, 12, 0, stored),
    keys.blockId(1, 13, 0, stored),
    keys.blockId(1, 12, 1, stored),
    keys.blockId(1, 12, 0, Buffer.from("stored bytez")),
    keys.blockId(1, 12, 0, Buffer.alloc(0)),
    new FileKeys(Buffer.alloc(32, 2), "aes").blockId(1, 12, 0, stored),
  ].map(hex);
  expect(new Set(ids).size).toBe(ids.length);
  expect(hex(keys.blockId(1, 12, 0, stored))).toBe(ids[0]);
});

test("no two uses of a key give the same, whatever they are given", () => {
  const file = new FileKeys(KEY, "aes");
  const id = Buffer.alloc(16, 7);
  const destination = keysOf(KEY);
  const values = [
    file.blockKey(id),
    file.plainMac(id),
    file.trailerId(id, Buffer.alloc(0)),
    file.trailerKey(id),
    destination.fileSalt(id),
    destination.keyCheck(id),
    destination.nameTag,
  ].map((value) => hex(value.subarray(0, 4)));
  expect(new Set(values).size).toBe(values.length);
});

test("another cipher, password key or file salt gives other keys", () => {
  const tags = [keysOf(KEY), keysOf(KEY, "cha"), keysOf(KEY, "none"), keysOf(Buffer.alloc(32, 2))].map(
    (keys) => hex(keys.nameTag),
  );
  expect(new Set(tags).size).toBe(4);
  const macs = [1, 2].map((salt) => hex(keysOf(KEY).fileKeys(Buffer.alloc(16, salt)).plainMac(KEY)));
  expect(macs[0]).not.toBe(macs[1]);
});

test("follows docs/format.md, section 6, to the byte", () => {
  const mac = (key: Buffer, ...parts: Buffer[]) =>
    createHmac("sha256", key).update(Buffer.concat(parts)).digest();
  const one = Buffer.of(1);
  const destination = mac(KEY, label("destination"), Buffer.of(CIPHER_IDS.cha), one);
  const keys = keysOf(KEY, "cha");
  expect(keys.fileSalt(Buffer.from("path"))).toEqual(
    mac(destination, Buffer.from("backup-seg1 file salt\0path")).subarray(0, 16),
  );
  expect(keys.keyCheck(KEY)).toEqual(mac(destination, label("key check"), KEY));
  const salt = Buffer.alloc(16, 3);
  const fileKey = mac(destination, label("file key"), salt, one);
  expect(keys.fileKeys(salt).blockKey(salt)).toEqual(mac(fileKey, label("block key"), salt, one));
});
