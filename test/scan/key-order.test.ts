import fc from "fast-check";
import { expect, it } from "vitest";
import { escapePath } from "../../src/names/manifest-name.ts";
import { comparePaths, sortPaths } from "../../src/names/path-text.ts";
import { KeyOrder, keyOf, type Sibling } from "../../src/scan/key-order.ts";
import { anyPath, entryOf } from "../plan/worlds.ts";
import { assertProperty } from "../property.ts";

const anyName = fc
  .tuple(fc.constantFrom("", "", "", ".backup-meta"), anyPath)
  .map(([reserved, name]) => reserved + name.replaceAll("/", "_"));
const anyEntry = fc.record({
  name: anyName,
  isFolder: fc.boolean(),
  mtime: fc.constantFrom(0, 1, 36, 1_600_000_000),
});

it("what comes in the order of names leaves in that of keys, and waits for no longer than it has to", () => {
  const ofOne = fc.uniqueArray(anyEntry, { maxLength: 40, selector: ({ name }) => name });
  assertProperty(
    fc.property(ofOne, fc.constantFrom("", "in/"), (entries, prefix) => {
      const order = new KeyOrder();
      const given: Sibling[] = [];
      for (const { name, isFolder, mtime } of entries.sort((a, b) => comparePaths(a.name, b.name))) {
        given.push(...order.takeBefore(prefix + name));
        order.add(isFolder ? `${prefix}${name}/` : entryOf(escapePath(prefix + name), mtime));
      }
      given.push(...order.takeAll());
      const keys = given.map(keyOf);
      expect(keys).toHaveLength(entries.length);
      expect(keys).toEqual(sortPaths([...keys]));
    }),
    { numRuns: 500 },
  );
  const order = new KeyOrder();
  order.add(entryOf("a"));
  expect(order.takeBefore("a-b")).toEqual([]);
  order.add(entryOf("a-b"));
  expect(order.takeBefore("a.1").map(keyOf)).toEqual(["a-b.1.1."]);
  expect(order.takeBefore("a.b").map(keyOf)).toEqual(["a.1.1."]);
  expect(order.takeAll()).toEqual([]);
});
