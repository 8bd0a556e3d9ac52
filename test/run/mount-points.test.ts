/** What lies on other file systems is left out with `one_file_system`; where they are mounted is kept. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { withFs } from "../with-fs.ts";
import { backup, clean, restore, treeOf, World } from "./world.ts";

const T = 1_600_000_000;
let world: World;
let config: Config;
beforeEach(() => {
  world = new World();
  const exclusions = { exclude: [], include: [], caches: false, oneFileSystem: true };
  config = world.config({ container: "segmented", metadata: true, exclusions });
  world.write("file", "on the same file system");
  world.write("mounted/inside", "on another");
  fs.chmodSync(path.join(world.src, "mounted"), 0o555);
});
afterEach(() => world.dispose());

/** As if another file system were mounted at a folder. */
function withMounted<T>(folder: string, run: () => Promise<T>): Promise<T> {
  const { lstatSync } = fs;
  const elsewhere = (at: string | Buffer, options?: fs.StatSyncOptions) => {
    const stat = lstatSync(at, options);
    if (stat === undefined || path.resolve(String(at)) !== folder) return stat;
    return Object.assign(stat, { dev: typeof stat.dev === "bigint" ? stat.dev + 1n : stat.dev + 1 });
  };
  return withFs({ lstatSync: elsewhere }, run);
}

const at = (place: string) => path.join(place, "mounted");

describe("a mount point of another file system", () => {
  it("is recorded as an empty folder, whatever happens in what is mounted there", async () => {
    const run = () => withMounted(at(world.src), () => clean(backup(config)));
    expect(await run()).toEqual({ new: 1 });
    const stored = world.stored();
    fs.utimesSync(at(world.src), T, T);
    expect(await run()).toEqual({ unchanged: 1 });
    expect(world.stored()).toEqual(stored);
    await clean(restore(config));
    expect(Object.keys(treeOf(world.restored))).toEqual(["file", "mounted/"]);
    expect(fs.lstatSync(at(world.restored)).mode & 0o777).toBe(0o555);
  });

  it("is left as it is by a restore where something is mounted", async () => {
    await withMounted(at(world.src), () => clean(backup(config)));
    fs.mkdirSync(at(world.restored), { recursive: true, mode: 0o700 });
    fs.utimesSync(at(world.restored), T, T);
    await withMounted(at(world.restored), () => clean(restore(config)));
    const { mode, mtimeMs } = fs.lstatSync(at(world.restored));
    expect([mode & 0o777, mtimeMs]).toEqual([0o700, T * 1000]);
  });

  it("is nothing at all where no metadata are recorded", async () => {
    const plain = { ...config, metadata: false };
    await withMounted(at(world.src), () => clean(backup(plain)));
    await clean(restore(plain));
    expect(fs.readdirSync(world.restored)).toEqual(["file"]);
  });
});
