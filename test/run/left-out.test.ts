/** What a rule leaves out stays as it is stored, with its metadata: no run that does not look at it changes that. */
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { backup, clean, filesIn, restore, World } from "./world.ts";

const NONE = { exclude: [], include: [], caches: false, oneFileSystem: false };

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const configOf = (exclusions: Partial<Config["exclusions"]> = {}, settings: Partial<Config> = {}) =>
  world.config({
    container: "segmented",
    metadata: true,
    exclusions: { ...NONE, ...exclusions },
    ...settings,
  });

/** A file whose mode tells whether its metadata were applied. */
function write(file: string, mode: number, content = file): void {
  world.write(file, content);
  fs.chmodSync(path.join(world.src, file), mode);
}

function link(file: string, target: string): void {
  fs.mkdirSync(path.dirname(path.join(world.src, file)), { recursive: true });
  fs.symlinkSync(target, path.join(world.src, file));
}

/** What a clean restore brings back: a mode in octal, or the target of a link. */
async function restored(config: Config): Promise<Record<string, string>> {
  fs.rmSync(world.restored, { recursive: true, force: true });
  const { told } = await restore(config);
  expect([...told.errors, ...told.warnings]).toEqual([]);
  return Object.fromEntries(
    filesIn(world.restored).map((name) => {
      const file = path.join(world.restored, name);
      const stat = fs.lstatSync(file);
      return [name, stat.isSymbolicLink() ? fs.readlinkSync(file) : (stat.mode & 0o777).toString(8)];
    }),
  );
}

/** Which there are; one that is stored again is another. */
const manifests = () =>
  world
    .stored()
    .filter((key) => key.includes(".backup-meta."))
    .map((key) => `${fs.statSync(path.join(world.dest, key)).ino} ${key}`);

describe("metadata of what is excluded later", () => {
  it("stay when the folder's record changes, until they are to go", async () => {
    // The next record was without them: modes were lost, and links were not restored at all.
    write("a/x.log", 0o640);
    write("a/y", 0o644);
    link("a/l.log", "nowhere");
    const config = configOf();
    await clean(backup(config));
    write("a/.backupignore", 0o600, "*.log");
    for (const mode of [0o644, 0o604]) {
      fs.chmodSync(path.join(world.src, "a/y"), mode);
      await clean(backup(config));
      expect(await restored(config)).toEqual({
        "a/.backupignore": "600",
        "a/x.log": "640",
        "a/y": mode.toString(8),
        "a/l.log": "nowhere",
      });
    }
    const before = manifests();
    await clean(backup(config));
    expect(manifests()).toEqual(before);
    await clean(backup(config, { retireExcluded: true }));
    expect(await restored(config)).toEqual({ "a/.backupignore": "600", "a/y": "604" });
  });

  it.each([null, "forever"] as const)(
    "stay when their folder goes, while others go (history: %s)",
    async (days) => {
      const kept = { versionsKeepDays: days };
      write("a/x.log", 0o640);
      write("a/y", 0o644);
      write("b", 0o644);
      link("a/l.log", "nowhere");
      link("a/l", "nowhere");
      await clean(backup(configOf({}, kept)));
      world.remove("a");
      const config = configOf({ exclude: ["*.log"] }, kept);
      for (let run = 0; run < 2; run++) {
        await clean(backup(config));
        expect(await restored(config)).toEqual({ "a/x.log": "640", "a/l.log": "nowhere", b: "644" });
      }
      const before = manifests();
      await clean(backup(config));
      expect(manifests()).toEqual(before);
      await clean(backup(config, { retireExcluded: true }));
      expect(await restored(config)).toEqual({ b: "644" });
    },
  );

  it("stay where one manifest is enough for what is left of several", async () => {
    const links = Array.from({ length: 700 }, (_, i) => `many/l${i}`);
    for (const name of links) link(name, "t".repeat(4000));
    write("many/file", 0o640);
    await clean(backup(configOf()));
    const ofMany = () => world.stored().filter((key) => /^many\/\.backup-meta\..*\.0\.enc$/.test(key));
    const before = ofMany();
    expect(before.length).toBe(2);
    const config = configOf({ exclude: ["l*"] });
    await clean(backup(config));
    expect(ofMany().length).toBe(3);
    const { "many/file": mode, ...others } = await restored(config);
    expect([mode, Object.keys(others).length]).toEqual(["640", links.length]);
    await clean(backup(configOf()));
    expect(ofMany()).toEqual(before);
  });

  it("go with the others where none are recorded any more", async () => {
    write("a/x.log", 0o640);
    link("a/l.log", "nowhere");
    const classic = { container: "classic" as const };
    await clean(backup(configOf({}, classic)));
    await clean(backup(configOf({ exclude: ["*.log"] }, { ...classic, metadata: false })));
    expect(world.stored().filter((key) => key.endsWith(".0.enc")).length).toBe(1);
  });
});

describe("metadata of what a list leaves out", () => {
  it("are not touched by runs over the list, beside runs over all", async () => {
    write("top", 0o640);
    write("a/listed", 0o644);
    write("a/other", 0o604);
    link("a/l", "nowhere");
    await clean(backup(configOf()));
    const config = configOf({ only: ["a/listed"] });
    const all = { top: "640", "a/listed": "644", "a/other": "604", "a/l": "nowhere" };
    const before = manifests();
    await clean(backup(config));
    expect(manifests()).toEqual(before);
    fs.chmodSync(path.join(world.src, "a/listed"), 0o600);
    fs.chmodSync(path.join(world.src, "a/other"), 0o600);
    await clean(backup(config));
    expect(await restored(config)).toEqual({ ...all, "a/listed": "600" });
    await clean(backup(configOf()));
    expect(await restored(config)).toEqual({ ...all, "a/listed": "600", "a/other": "600" });
  });

  it("are recorded of folders on the way, and go with the only thing in them", async () => {
    write("a/b/c/file", 0o600);
    link("a/b/l", "nowhere");
    write("other", 0o644);
    fs.chmodSync(path.join(world.src, "a"), 0o700);
    const config = configOf({ only: ["a/b/l", "a/b/c/file"] });
    await clean(backup(config));
    expect(await restored(config)).toEqual({ "a/b/l": "nowhere", "a/b/c/file": "600" });
    expect(fs.statSync(path.join(world.restored, "a")).mode & 0o777).toBe(0o700);
    world.remove("a/b/l");
    await clean(backup(config));
    expect(await restored(config)).toEqual({ "a/b/c/file": "600" });
  });
});

it("what is considered inside of a folder that is left out goes when it is deleted, with its folder or alone", async () => {
  // The manifest stayed as it was, since a rule left out its folder: links came back.
  const own = ["a/b/l.z", "a/b/l", "a/c/l.z", "a/c/l"];
  for (const name of own) link(name, "nowhere");
  write("a/b/f", 0o640);
  fs.chmodSync(path.join(world.src, "a/b"), 0o700);
  write("b", 0o644);
  await clean(backup(configOf()));
  world.remove("a/b");
  for (const name of ["a/c/l.z", "a/c/l"]) world.remove(name);
  const stays = { "a/b/l": "nowhere", "a/b/f": "640", "a/c/l": "nowhere", b: "644" };
  const config = configOf({ exclude: ["/a/"], include: ["*.z"] });
  for (let run = 0; run < 2; run++) {
    await clean(backup(config));
    expect(await restored(config)).toEqual(stays);
    expect(fs.statSync(path.join(world.restored, "a/b")).mode & 0o777).toBe(0o700);
  }
  const before = manifests();
  await clean(backup(config));
  expect(manifests()).toEqual(before);
});

it.each([null, "forever"] as const)(
  "a manifest beside others, as runs side by side leave them, tells of what they do (history: %s)",
  async (days) => {
    // The one that was as the scan has it stayed alone.
    const config = configOf({}, { versionsKeepDays: days });
    const listed = configOf({ only: ["a/f"] }, { versionsKeepDays: days });
    write("a/f", 0o640);
    fs.utimesSync(path.join(world.src, "a"), 5, 5);
    await clean(backup(listed));
    const ofA = () => world.stored().filter((key) => /^a\/\.backup-meta\..*\.0\.enc$/.test(key));
    const [first] = ofA() as [string];
    const bytes = fs.readFileSync(path.join(world.dest, first));
    link("a/l", "nowhere");
    fs.utimesSync(path.join(world.src, "a"), 5, 5);
    await clean(backup(config));
    fs.writeFileSync(path.join(world.dest, first), bytes);
    expect(ofA().length).toBe(2);
    await clean(backup(listed));
    expect(ofA().length).toBe(1);
    expect(await restored(config)).toEqual({ "a/f": "640", "a/l": "nowhere" });
  },
);

it("a rule that matches the names of manifests is not about them", async () => {
  // Folders that were deleted came back, empty or with links.
  write("gone/file", 0o644);
  link("gone/l", "nowhere");
  write("b", 0o644);
  const config = configOf({ exclude: [".*"] });
  await clean(backup(config));
  world.remove("gone");
  await clean(backup(config));
  expect(await restored(config)).toEqual({ b: "644" });
  expect(manifests().filter((key) => key.endsWith(".0.enc")).length).toBe(1);
});

it.skipIf(!hasAttributes())(
  "attributes of a folder stay that lies in one which is only passed through",
  async () => {
    write("a/b/file", 0o644);
    execFileSync("setfattr", ["-n", "user.kept", "-v", "yes", path.join(world.src, "a/b")]);
    const config = configOf({ exclude: ["/a/"], include: ["/a/b/"] });
    await clean(backup(config));
    expect(await restored(config)).toEqual({ "a/b/file": "644" });
    const got = execFileSync("getfattr", [
      "--only-values",
      "-n",
      "user.kept",
      path.join(world.restored, "a/b"),
    ]);
    expect(got.toString()).toBe("yes");
  },
);

function hasAttributes(): boolean {
  const probe = path.join(os.tmpdir(), `backup-probe-${process.pid}`);
  fs.writeFileSync(probe, "");
  try {
    return spawnSync("setfattr", ["-n", "user.x", "-v", "y", probe]).status === 0;
  } finally {
    fs.rmSync(probe);
  }
}
