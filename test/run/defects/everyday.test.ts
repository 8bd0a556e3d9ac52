/** What the older tool did too often, twice, or to itself. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.ts";
import { saltOfSealedName } from "../../../src/names/sealed-name.ts";
import { backup, clean, md5, restore, T0, treeOf, verify, World } from "../world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const inodeOf = (file: string) => {
  const name = world.stored().find((stored) => stored.startsWith(`${file}.`)) ?? "";
  return fs.statSync(path.join(world.dest, name)).ino;
};

describe("a key was derived for every file and every name", () => {
  it.each([false, true])(
    "without a salt in the settings all objects, of all runs, share one (encrypted names: %s)",
    async (encryptFilenames) => {
      const { salt: _, ...config } = world.config({ encryptFilenames });
      for (let i = 0; i < 10; i++) world.write(`file ${i}`, `content ${i}`);
      await clean(backup(config));
      for (let i = 10; i < 20; i++) world.write(`file ${i}`, `content ${i}`);
      expect(await clean(backup(config))).toEqual({ unchanged: 10, new: 10 });
      const salts = world.stored().flatMap((name) => {
        const content = fs.readFileSync(path.join(world.dest, name)).subarray(0, 16).toString("hex");
        const sealed = saltOfSealedName(name);
        return sealed === undefined ? [content] : [content, Buffer.from(sealed).toString("hex")];
      });
      expect(salts).toHaveLength(encryptFilenames ? 40 : 20);
      expect(new Set(salts).size).toBe(1);
    },
  );
});

describe("touched and moved files were sent again", () => {
  it("a touched file keeps its object, and is renamed", async () => {
    world.write("touched", "content");
    await clean(backup(world.config()));
    const before = inodeOf("touched");
    world.write("touched", "content", 99);
    expect(await clean(backup(world.config()))).toEqual({ touched: 1 });
    expect(inodeOf("touched")).toBe(before);
    await clean(restore(world.config()));
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });

  it("a moved file's object is shared, and what is left of the old path is marked like any deletion", async () => {
    for (let i = 0; i < 15; i++) world.write(`folder/${i}`, `content ${i}`);
    await clean(backup(world.config()));
    const before = inodeOf("folder/3");
    fs.renameSync(path.join(world.src, "folder"), path.join(world.src, "renamed"));
    // All files have gone from their paths, which is no loss: they are all there.
    expect(await clean(backup(world.config()))).toEqual({ moved: 15, deleted: 15 });
    expect(inodeOf("renamed/3")).toBe(before);
    await clean(restore(world.config()));
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    await clean(verify(world.config()));
  });

  it("a changed file of the same size is no touched one", async () => {
    world.write("file", "aaaa");
    await clean(backup(world.config()));
    world.write("file", "bbbb", 1);
    expect(await clean(backup(world.config()))).toEqual({ changed: 1 });
  });
});

it("a destination inside the source was backed up into itself, more at each run", async () => {
  world.write("file", "content");
  const file = world.at("config.json");
  const dest = path.join(world.src, "inside/backup");
  fs.writeFileSync(
    file,
    JSON.stringify({
      src: { local_path: world.src },
      dest: { local_path: dest },
      encryption_password: "a password for tests",
    }),
  );
  const load = () => loadConfig({ file, env: {}, cwd: world.root, mode: "backup", tmpdir: world.root });
  const first = await load();
  expect(first.warnings.join()).toContain("inside/backup/");
  expect(await clean(backup(first.config))).toEqual({ new: 1 });
  for (let run = 0; run < 2; run++) {
    expect(await clean(backup((await load()).config))).toEqual({ unchanged: 1 });
  }
});

describe("what is followed, rounded and seen", () => {
  it("a link to a file is stored as what it leads to, links to folders and to nothing are named and skipped", async () => {
    fs.writeFileSync(world.at("outside"), "outside");
    fs.mkdirSync(world.at("folder"));
    fs.symlinkSync(world.at("outside"), path.join(world.src, "to a file"));
    fs.symlinkSync(world.at("folder"), path.join(world.src, "to a folder"));
    fs.symlinkSync(world.at("nothing"), path.join(world.src, "to nothing"));
    const { outcomes, told } = await backup(world.config());
    expect(outcomes).toEqual({ new: 1 });
    expect(told.warnings.join()).toMatch(/to a folder.*to nothing/);
    await clean(restore(world.config()));
    expect(treeOf(world.restored)["to a file"]).toContain(md5("outside"));
  });

  it("a time just below the next second reads the same in the next run, and after a restore", async () => {
    const file = path.join(world.src, "file");
    fs.writeFileSync(file, "content");
    fs.utimesSync(file, T0, T0 + 0.9999999);
    expect(await clean(backup(world.config()))).toEqual({ new: 1 });
    expect(await clean(backup(world.config()))).toEqual({ unchanged: 1 });
    await clean(restore(world.config()));
    const back = { ...world.config(), src: { kind: "local", path: world.restored } as const };
    expect(await clean(backup(back))).toEqual({ unchanged: 1 });
  });
});
