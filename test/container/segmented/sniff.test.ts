import { expect, test } from "vitest";
import { MAGIC, sniffContainer } from "../../../src/container/segmented.ts";

test.each([
  ["an empty object", Buffer.alloc(0), 0, 5, "classic"],
  ["half of the magic", MAGIC.subarray(0, 4), 4, 4, "classic"],
  ["another first byte", Buffer.concat([Buffer.of(0), MAGIC.subarray(1)]), 300, 100, "classic"],
  ["gzip", Buffer.from("1f8b08000000", "hex"), 300, 1000, "classic"],
  ["our magic", MAGIC, 300, 100, "segmented"],
  ["our magic in an object as long as its file", MAGIC, 300, 300, "ask-md5"],
])("%s", (_, start, length, size, container) => {
  expect(sniffContainer(start, length, size)).toBe(container);
});
