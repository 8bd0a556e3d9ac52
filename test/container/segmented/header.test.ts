import { describe, expect, test } from "vitest";
import {
  type Header,
  hasMagic,
  makeHeader,
  parseHeader,
  unlockHeader,
} from "../../../src/container/segmented/header.ts";
import { SegmentedKeyRing } from "../../../src/crypto/segmented-key-ring.ts";
import { DestinationKeys } from "../../../src/crypto/segmented-keys.ts";
import { BLOCK_LOG, CIPHERS, keysOf, ring } from "./samples.ts";

const FILE_SALT = Buffer.alloc(16, 5);
const headerOf = (keys: DestinationKeys, blockLog = BLOCK_LOG): Header =>
  makeHeader(keys, blockLog, FILE_SALT);
const { bytes } = headerOf(keysOf("aes"));
/** Without a secret. */
const anyones = (cipher: "none" | "aes") => new DestinationKeys(Buffer.alloc(32), { kind: "none" }, cipher);
const refused = expect.objectContaining({ code: "EHEADER" });

describe("a header", () => {
  test.each(CIPHERS)("is read as it was made, whatever follows it (%s)", (cipher) => {
    for (const blockLog of [12, 26]) {
      const header = headerOf(keysOf(cipher), blockLog);
      expect(parseHeader(header.bytes)).toEqual(header);
      expect(parseHeader(Buffer.concat([header.bytes, Buffer.alloc(100)]))).toEqual(header);
    }
    const open = headerOf(anyones("none"));
    expect(open.bytes).toHaveLength(63);
    expect(parseHeader(open.bytes)).toEqual(open);
  });

  test("is refused wherever it is cut off, and with any other magic", () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(() => parseHeader(bytes.subarray(0, length)), `${length}`).toThrow(refused);
    }
    for (let at = 0; at < 8; at++) {
      const other = Buffer.from(bytes);
      other[at] = (other[at] as number) ^ 1;
      expect(() => parseHeader(other)).toThrow(refused);
      expect(hasMagic(other)).toBe(false);
    }
    expect(hasMagic(bytes.subarray(0, 8))).toBe(true);
    expect(hasMagic(bytes.subarray(0, 7))).toBe(false);
  });

  test("of a key source that is unknown says so, however little of it was read", () => {
    const withSource = (kind: number, length: number) => {
      const other = Buffer.from(bytes);
      other.writeUInt8(kind, 12);
      other.writeUInt16BE(length, 13);
      return () => parseHeader(other);
    };
    expect(withSource(2, 1000)).toThrow("unknown to this version");
    expect(withSource(1, 4096)).toThrow("cut off");
    expect(withSource(1, 4097)).toThrow("strange length");
  });

  test("is refused with a cipher under keys that anyone has, even where unencrypted objects are taken", () => {
    expect(() => parseHeader(headerOf(anyones("aes")).bytes)).toThrow(refused);
  });

  test("that needs no key is only taken without a password, or where the settings allow it", () => {
    const open = headerOf(anyones("none"));
    const unlock = (keys: SegmentedKeyRing, allowUnencrypted: boolean) => () =>
      unlockHeader(open, keys, { allowUnencrypted });
    expect(unlock(ring, false)).toThrow(refused);
    expect(unlock(new SegmentedKeyRing("a password, and no key yet"), false)).toThrow(refused);
    expect(unlock(ring, true)).not.toThrow();
    expect(unlock(new SegmentedKeyRing(undefined), false)).not.toThrow();
  });

  test("in the clear under a key is taken, and does not open once any byte is another", () => {
    const policy = { allowUnencrypted: false };
    const { bytes: clear } = headerOf(keysOf("none"));
    expect(() => unlockHeader(parseHeader(clear), ring, policy)).not.toThrow();
    for (const at of [24, 50, clear.length - 1]) {
      const other = Buffer.from(clear);
      other[at] = (other[at] as number) ^ 1;
      expect(() => unlockHeader(parseHeader(other), ring, policy)).toThrow(
        expect.objectContaining({ code: "EKEY" }),
      );
    }
  });
});
