/** Storages that rename by copying, as buckets do, and do not remove: for a moment, or ever. */
import { afterEach, beforeEach, expect, it } from "vitest";
import { StorageError } from "../../src/errors.ts";
import { type OpenStorage, openStorage } from "../../src/storage/open.ts";
import { backup, clean, restore, treeOf, World } from "./world.ts";

const DAY = 86_400;
const START = Date.UTC(2025, 4, 1, 12) / 1000;
const dateOf = (day: number) => new Date((START + day * DAY) * 1000);

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

/** The destination keeps whatever is to be removed. */
const keeping: OpenStorage = async (storage, side) => {
  const opened = await openStorage(storage, side);
  if (side !== "destination") return opened;
  const refusal = (key: string) =>
    new StorageError(side, "cannot be removed (AccessDenied)", { path: key, code: "AccessDenied" });
  opened.rename = async (from, to) => {
    await opened.publish([await opened.copy(from, to, { separate: true })]);
    throw refusal(from);
  };
  opened.remove = async (keys) => keys.map((key) => ({ key, error: refusal(key) }));
  return opened;
};

it("a version that was retired and could not be removed is not retired once more", async () => {
  const config = world.config({ container: "segmented", versionsKeepDays: "forever" });
  world.write("changed", "one");
  world.write("gone", "soon");
  world.write("stays", "here");
  await clean(backup(config, { now: () => dateOf(0) }));
  world.write("changed", "another", 1);
  world.remove("gone");
  let stored: string[] = [];
  for (const day of [1, 2, 3]) {
    const { told } = await backup(config, { now: () => dateOf(day), openStorage: keeping });
    expect(told.errors.map(({ path }) => path).sort()).toEqual(["changed", "gone"]);
    expect(told.files.filter((line) => line.startsWith("deleted"))).toEqual([]);
    if (day === 1) stored = world.stored();
  }
  expect(stored).toHaveLength(6);
  expect(world.stored()).toEqual(stored);
  const planned = await backup(config, { now: () => dateOf(4), dryRun: true });
  const done = await backup(config, { now: () => dateOf(4) });
  expect(done.told.errors).toEqual([]);
  expect(done.told.files).toEqual(["deleted gone"]);
  expect(planned.told.files).toEqual(done.told.files);
  expect(world.stored()).toHaveLength(4);
  await clean(restore(config));
  expect(Object.keys(treeOf(world.restored))).toEqual(["changed", "stays"]);
  const past = { ...config, restore: { kind: "local", path: world.at("past") } } as const;
  await clean(restore(past, { choice: { at: START + DAY - 1 } }));
  expect(Object.keys(treeOf(world.at("past")))).toEqual(["changed", "gone", "stays"]);
});
