import { crc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { RollingSum } from "../../../src/container/segmented/rolling.ts";
import { weakSum } from "../../../src/container/segmented.ts";
import { assertProperty } from "../../property.ts";
import { noise } from "./samples.ts";

test("a window that slides has the CRC-32 of what is in it, at every position", () => {
  const data = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  assertProperty(
    fc.property(data, fc.integer({ min: 1, max: 300 }), (bytes, wanted) => {
      const length = Math.min(wanted, bytes.length);
      const rolling = new RollingSum(length);
      let register = rolling.begin(bytes, 0);
      for (let at = 0; at + length <= bytes.length; at++) {
        expect(rolling.sum(register)).toBe(crc32(bytes.subarray(at, at + length)));
        register = rolling.step(register, bytes[at] as number, bytes[at + length] ?? 0);
      }
    }),
  );
});

test("it finds a block of 256 KiB that moved by a few bytes", () => {
  const block = noise(256 * 1024);
  const moved = Buffer.concat([Buffer.from("inserted"), block]);
  const rolling = new RollingSum(block.length);
  let register = rolling.begin(moved, 0);
  for (let at = 0; at < 8; at++) {
    expect(rolling.sum(register)).not.toBe(weakSum(block));
    register = rolling.step(register, moved[at] as number, moved[at + block.length] as number);
  }
  expect(rolling.sum(register)).toBe(weakSum(block));
});
