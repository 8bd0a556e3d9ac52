import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { openStorage } from "../../src/storage/open.ts";
import { dropBucket, freshBucket, whyNoServer } from "../s3-server/s3-server.ts";
import { backup, clean, restore, T0, treeOf, verify, World, writeFile } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

/** Sources in folders of these names. */
function configOf(names: readonly string[], settings: Partial<Config> = {}): Config {
  const sources = names.map((name) => {
    fs.mkdirSync(world.at(`from/${name}`), { recursive: true });
    return { name, storage: { kind: "local", path: world.at(`from/${name}`) } as const, excludes: [] };
  });
  const { src: _, ...config } = world.config({ container: "segmented", metadata: true, ...settings });
  return { ...config, sources };
}

const write = (file: string, content = `content of ${file}`, age = 0) =>
  writeFile(world.at(`from/${file}`), content, T0 + age);

describe("several sources", () => {
  it("are stored below their names, whatever these are, and come back there", async () => {
    const names = ["a", "a.b", "a-b", "a b", "é", "A", "a.1.2"];
    const config = configOf(names);
    for (const name of names) {
      write(`${name}/file`);
      write(`${name}/folder/deep`, name.repeat(100));
    }
    expect(await clean(backup(config))).toEqual({ new: 14 });
    expect(await clean(backup(config))).toEqual({ unchanged: 14 });
    await clean(verify(config));
    await clean(restore(config));
    expect(treeOf(world.restored)).toEqual(treeOf(world.at("from")));
  });

  it("share what moves from one to the other", async () => {
    const config = configOf(["one", "two"]);
    write("one/file", "moves");
    write("two/other", "stays");
    await clean(backup(config));
    fs.renameSync(world.at("from/one/file"), world.at("from/two/file"));
    expect(await clean(backup(config))).toEqual({ unchanged: 1, moved: 1, deleted: 1 });
  });

  it("go on without one that is missing, of which nothing is marked as deleted", async () => {
    const config = configOf(["one", "two"]);
    write("one/file");
    write("one/folder/file");
    write("two/other");
    await clean(backup(config));
    const before = world.stored();
    fs.renameSync(world.at("from/one"), world.at("unmounted"));
    write("two/new");
    const { outcomes, told } = await backup(config, { allowMassDelete: true });
    expect(outcomes).toMatchObject({ unchanged: 1, new: 1 });
    expect(outcomes).not.toHaveProperty("deleted");
    expect(told.errors).toEqual([expect.objectContaining({ path: "one", side: "source", code: "ENOENT" })]);
    expect(world.stored()).toEqual(expect.arrayContaining(before.filter((key) => key.startsWith("one/"))));
    fs.renameSync(world.at("unmounted"), world.at("from/one"));
    expect(await clean(backup(config))).toEqual({ unchanged: 4 });
  });

  it("keep what is stored of one that is empty, or much smaller, however many files the others have", async () => {
    const config = configOf(["large", "empty", "small"], { deletedKeepDays: 0 });
    for (let i = 0; i < 60; i++) write(`large/${i}`);
    for (let i = 0; i < 12; i++) write(`small/${i}`);
    for (const file of ["empty/file", "empty/folder/file", "large/gone"]) write(file);
    await clean(backup(config));
    fs.rmSync(world.at("from/large/gone"));
    fs.rmSync(world.at("from/empty"), { recursive: true });
    fs.mkdirSync(world.at("from/empty"));
    for (let i = 0; i < 11; i++) fs.rmSync(world.at(`from/small/${i}`));
    const { outcomes, told } = await backup(config);
    expect(outcomes).toEqual({ unchanged: 61 });
    expect(told.errors).toMatchObject([
      { path: "empty", message: expect.stringContaining("is empty: 2 files"), code: "EMASSDELETE" },
      { path: "small", message: expect.stringContaining("11 of 12 files"), code: "EMASSDELETE" },
    ]);
    expect(await clean(backup(config, { allowMassDelete: true }))).toEqual({ unchanged: 61, deleted: 14 });
  });

  it("may lose all files to another one", async () => {
    const config = configOf(["one", "two"], { deletedKeepDays: 0 });
    for (let i = 0; i < 12; i++) write(`one/${i}`);
    write("two/other");
    await clean(backup(config));
    fs.renameSync(world.at("from/one"), world.at("from/two/of one"));
    fs.mkdirSync(world.at("from/one"));
    expect(await clean(backup(config))).toEqual({ unchanged: 1, moved: 12, deleted: 12 });
  });

  it("have rules of their own, and names in what is said of them", async () => {
    const exclusions = { exclude: ["/top.tmp"], include: [], caches: false, oneFileSystem: false };
    const config = configOf(["one", "two"], { exclusions });
    write("one/top.tmp");
    write("two/folder/top.tmp");
    write("two/.backupignore", "*.log\n");
    write("two/x.log");
    write("one/x.log");
    const { outcomes, told } = await backup(config);
    expect(outcomes).toEqual({ new: 3 });
    expect(told.files.sort()).toEqual(["new one/x.log", "new two/.backupignore", "new two/folder/top.tmp"]);
  });

  it("share a list of files, whose paths need be in one of them", async () => {
    const exclusions = { exclude: [], include: [], caches: false, oneFileSystem: false };
    const config = configOf(["one", "two"], { exclusions: { ...exclusions, only: ["a", "b", "c"] } });
    write("one/a");
    write("one/x");
    write("two/b/y");
    const { outcomes, told } = await backup(config);
    expect(outcomes).toEqual({ new: 2 });
    expect(told.warnings).toEqual(["c: skipped, listed in files_from, but not found"]);
  });
});

const skip = whyNoServer();
it.skipIf(skip !== undefined)("a folder and a bucket are two sources of one backup", async () => {
  const bucket = await freshBucket();
  try {
    const storage = await openStorage(bucket, "destination");
    await storage.create();
    await storage.write("folder/object", Buffer.from("of a bucket"));
    await storage.close();
    const config = configOf(["local"]);
    write("local/file");
    const both = {
      ...config,
      sources: [...(config.sources ?? []), { name: "bucket", storage: bucket, excludes: [] }],
    };
    expect(await clean(backup(both))).toEqual({ new: 2 });
    expect(await clean(backup(both))).toEqual({ unchanged: 2 });
    await clean(restore(config));
    const restored = path.join(world.restored, "bucket/folder/object");
    expect(fs.readFileSync(restored, "utf8")).toBe("of a bucket");
  } finally {
    await dropBucket(bucket);
  }
});

describe("a list of sources in the settings", () => {
  const load = async (src: unknown, env: NodeJS.ProcessEnv = {}) => {
    const file = world.at("config.json");
    const settings = { src, dest: { local_path: world.dest }, encrypt: false };
    fs.writeFileSync(file, JSON.stringify(settings), { mode: 0o600 });
    return (await loadConfig({ file, env, cwd: world.root, mode: "backup", tmpdir: world.root })).config;
  };

  it("has names and places, and leaves the destination out where it lies in one of them", async () => {
    const config = await load([
      { name: "all", local_path: world.root },
      { name: "bucket", s3_bucket: "photos", base_path: "2024" },
    ]);
    expect(config.src).toBeUndefined();
    expect(config.sources).toEqual([
      { name: "all", storage: { kind: "local", path: world.root }, excludes: ["dest/"] },
      {
        name: "bucket",
        storage: expect.objectContaining({ bucket: "photos", basePath: "2024" }),
        excludes: [],
      },
    ]);
  });

  it.each<[string, unknown, RegExp]>([
    ["no name", [{ local_path: "a" }], /src\[0\]\.name/],
    ["a name with a slash", [{ name: "a/b", local_path: "a" }], /one component/],
    [
      "a name twice",
      [
        { name: "a", local_path: "a" },
        { name: "a", local_path: "b" },
      ],
      /different names/,
    ],
    ["no source", [], /a source at least/],
    ["no place", [{ name: "a" }], /src\[0\] names no place/],
    ["an unknown setting", [{ name: "a", local_path: "a", local_pth: "b" }], /src\[0\]\.local_pth/],
  ])("cannot have %s", async (_, src, message) => {
    await expect(load(src)).rejects.toThrow(message);
  });

  it("cannot be changed in part by the environment, only replaced", async () => {
    const list = [{ name: "a", local_path: "a" }];
    await expect(load(list, { SRC_REGION_NAME: "x" })).rejects.toThrow(/cannot be laid over a list/);
    expect((await load(list, { SRC_LOCAL_PATH: world.src })).src).toMatchObject({ path: world.src });
  });
});
