/** A restore from a listing that turns out not to be sorted when part of it is restored already. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type OpenStorage, openStorage } from "../../../src/storage/open.ts";
import type { ListedObject, Storage } from "../../../src/storage/storage.ts";
import { backup, clean, restore, treeOf, World } from "../world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

/** Lists what sorts first behind all else. */
const unsorted: OpenStorage = async (storage, side, ...rest) => {
  const opened = await openStorage(storage, side, ...rest);
  if (side !== "destination") return opened;
  const sorted = opened.list.bind(opened);
  const list: Storage["list"] = async function* (...given) {
    const all: ListedObject[] = [];
    for await (const objects of sorted(...given)) all.push(...objects);
    yield all.slice(1);
    yield all.slice(0, 1);
  };
  return Object.assign(opened, { list });
};

it("has all of it once, with its metadata", async () => {
  const config = world.config({ container: "segmented", metadata: true });
  for (const file of ["a", "b/one", "b/two", "c"]) world.write(file, file);
  world.write("large", Buffer.alloc(100_000, "x"));
  fs.linkSync(path.join(world.src, "c"), path.join(world.src, "d"));
  fs.symlinkSync("a", path.join(world.src, "e"));
  fs.chmodSync(path.join(world.src, "b/two"), 0o640);
  await clean(backup(config));
  const { told } = await restore(config, { openStorage: unsorted });
  expect(told.errors).toEqual([]);
  expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  const restored = ["a", "b/one", "b/two", "c", "d", "large", "e"].map((file) => `restored ${file}`);
  expect(told.files.sort()).toEqual(restored.sort());
  const statOf = (file: string) => fs.statSync(path.join(world.restored, file));
  expect(statOf("b/two").mode & 0o777).toBe(0o640);
  expect(statOf("d").ino).toBe(statOf("c").ino);
});
