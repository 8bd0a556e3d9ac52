/** Files that come back, or seem to. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { backup, clean, restore, treeOf, World } from "./world.ts";

const DAY = 86_400;
const START = Date.UTC(2025, 4, 1, 12) / 1000;
const on = (day: number) => ({ now: () => new Date((START + day * DAY) * 1000) });

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const WAYS: [string, Partial<Config>][] = [
  ["without history", { container: "segmented" }],
  ["retired by rename", { container: "segmented", versionsKeepDays: 2 }],
  ["retired by tombstone", { container: "segmented", versionsKeepDays: 2, retire: "tombstone" }],
  ["classic, retired by rename", { container: "classic", versionsKeepDays: 2 }],
  ["classic, retired by tombstone", { container: "classic", versionsKeepDays: 2, retire: "tombstone" }],
];

// Which version is taken does not depend on the container.
it.each(WAYS.slice(0, 3))(
  "a file that returns is stored as it is, whatever time and size say, %s",
  async (_, settings) => {
    const config = world.config(settings);
    const names = ["removed", "removed, to return", "replaced", "replaced, to return"];
    const contentOf = (name: string) => fs.readFileSync(path.join(world.restored, name), "utf8");
    world.write("stays", "here");
    for (const name of names) world.write(name, "version 1");
    await clean(backup(config, on(0)));
    for (const name of names) {
      if (name.startsWith("removed")) world.remove(name);
      else world.write(name, "a longer version");
    }
    await clean(backup(config, on(1)));
    for (const name of names) world.write(name, name.endsWith("to return") ? "version 1" : "version 3");
    const planned = await backup(config, { ...on(2), dryRun: true });
    const done = await backup(config, on(2));
    expect(planned.told.files.toSorted()).toEqual(done.told.files.toSorted());
    expect(planned.outcomes).toEqual(done.outcomes);
    await clean(restore(config));
    for (const name of names)
      expect(contentOf(name)).toBe(name.endsWith("to return") ? "version 1" : "version 3");
  },
);

it.each(WAYS.slice(1))(
  "a file of another time is as it was then also with the time that it had, %s",
  async (_, settings) => {
    const config = world.config(settings);
    // Small ones are sealed again in one of the containers, others copied.
    const contents = { small: "content", large: Buffer.alloc(70_000, "large") };
    const write = (age: number) => {
      for (const [name, content] of Object.entries(contents)) world.write(name, content, age);
      return treeOf(world.src);
    };
    const before = write(0);
    await clean(backup(config, on(0)));
    const after = write(60);
    expect(await clean(backup(config, on(1)))).toEqual({ touched: 2 });
    const restored = async (day: number) => {
      await clean(restore(config, { choice: { at: START + day * DAY } }));
      return treeOf(world.restored);
    };
    expect(await restored(0)).toEqual(before);
    expect(await restored(1)).toEqual(after);
  },
);

it.each(["rename", "tombstone"] as const)(
  "what it was before expires by a run, too, retired by %s",
  async (retire) => {
    const config = world.config({ container: "segmented", versionsKeepDays: 2, retire });
    for (const [day, content] of ["one", "another", "one"].entries()) {
      world.write("file", content);
      await clean(backup(config, on(day)));
    }
    expect(world.stored()).toHaveLength(retire === "rename" ? 3 : 4);
    expect((await backup(config, on(4))).told.files).toEqual(["expired file"]);
    expect((await backup(config, on(9))).told.files).toEqual(["expired file"]);
    expect(world.stored()).toHaveLength(1);
  },
);

it.each(["rename", "tombstone"] as const)(
  "what it was before does not expire in a run in which the guard holds back deletions, retired by %s",
  async (retire) => {
    const config = world.config({ container: "segmented", versionsKeepDays: 2, retire });
    const others = Array.from({ length: 12 }, (_, i) => `other ${i}`);
    for (const name of others) world.write(name, name);
    for (const [day, content] of ["one", "another"].entries()) {
      world.write("file", content);
      await clean(backup(config, on(day)));
    }
    const stored = world.stored();
    for (const name of others) world.remove(name);
    const { told } = await backup(config, on(9));
    expect([told.files, told.errors.map(({ kind }) => kind)]).toEqual([[], ["refused"]]);
    expect(world.stored()).toEqual(stored);
    for (const name of others) world.write(name, name);
    expect((await backup(config, on(9))).told.files).toEqual(["expired file"]);
  },
);

it.each(["rename", "tombstone"] as const)(
  "a deleted file that is not to be kept waits for the delay of purges, retired by %s",
  async (retire) => {
    const settings = { versionsKeepDays: "forever", deletedKeepDays: 0, purgeDelayDays: 30, retire } as const;
    const config = world.config({ container: "segmented", ...settings });
    world.write("stays", "here");
    world.write("file", "content");
    await clean(backup(config, on(0)));
    world.remove("file");
    expect(await clean(backup(config, on(1)))).toEqual({ unchanged: 1, deleted: 1 });
    await clean(restore(config, { choice: { deleted: true } }));
    expect(fs.readFileSync(path.join(world.restored, "file"), "utf8")).toBe("content");
  },
);

it.each(["rename", "tombstone"] as const)(
  "keeps its history where it returns when that would have been forgotten, retired by %s",
  async (retire) => {
    const config = world.config({
      retire,
      versionsKeepDays: "forever",
      deletedKeepDays: 2,
      purgeDelayDays: 0,
    });
    world.write("stays", "here");
    world.write("file", "version 1");
    await clean(backup(config, on(0)));
    world.write("file", "another version");
    await clean(backup(config, on(1)));
    world.remove("file");
    await clean(backup(config, on(2)));
    world.write("file", "back, and changed");
    expect(await clean(backup(config, on(9)))).toEqual({ unchanged: 1, new: 1 });
    for (const [day, content] of ["version 1", "another version"].entries()) {
      await clean(restore(config, { choice: { at: START + day * DAY } }));
      expect(fs.readFileSync(path.join(world.restored, "file"), "utf8")).toBe(content);
    }
    world.remove("file");
    await clean(backup(config, on(10)));
    await clean(backup(config, on(13)));
    expect(world.stored().map((name) => name.split(".")[0])).toEqual(["stays"]);
  },
);

it("is live also where a clock was a year ahead when a tombstone told of its end", async () => {
  const config = world.config({ container: "segmented", versionsKeepDays: 30, retire: "tombstone" });
  for (const [day, content] of [
    [0, "one"],
    [365, "another"],
    [2, "one"],
  ] as const) {
    world.write("file", content);
    await clean(backup(config, on(day)));
  }
  expect(await clean(backup(config, on(3)))).toEqual({ unchanged: 1 });
  expect(await clean(restore(config))).toEqual({ restored: 1 });
  expect(fs.readFileSync(path.join(world.restored, "file"), "utf8")).toBe("one");
});

it("does not come back for a name that could not be read once: its tombstone waits", async () => {
  const settings = { container: "segmented", encryptFilenames: true, retire: "tombstone" } as const;
  const config = world.config({ ...settings, versionsKeepDays: "forever" });
  world.write("deleted", "content");
  await clean(backup(config, on(0)));
  const [name = ""] = world.stored();
  world.write("stays", "here");
  world.remove("deleted");
  await clean(backup(config, on(1)));
  const [object, unread] = [name, name.replace(/..\.enc$/, "00.enc")].map((key) =>
    path.join(world.dest, key),
  );
  fs.renameSync(object as string, unread as string);
  expect((await backup(config, on(2))).told.errors).toMatchObject([{ code: "ENAME" }]);
  fs.renameSync(unread as string, object as string);
  await clean(restore(config));
  expect(Object.keys(treeOf(world.restored))).toEqual(["stays"]);
});
