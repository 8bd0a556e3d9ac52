/** Both containers at one destination, and what only the segmented one does. */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { runVerify } from "../../src/run/look/verify.ts";
import { backup, clean, restore, treeOf, verify, World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const restored = async (config: Config) => {
  fs.rmSync(world.restored, { recursive: true, force: true });
  await clean(restore(config));
  return treeOf(world.restored);
};

describe.each([
  { encryptionType: "aes", encryptFilenames: false },
  { encryptionType: "cha", encryptFilenames: true },
] as const)("the segmented container with %o", (settings) => {
  const config = (some: Partial<Config> = {}) =>
    world.config({ container: "segmented", ...settings, ...some });

  it("stores, changes nothing, verifies and restores", async () => {
    world.write("empty", "");
    world.write("folder/small", "small");
    world.write("folder/large", Buffer.alloc(11 * 1024 * 1024, "large file. "));
    expect(await clean(backup(config()))).toEqual({ new: 3 });
    expect(await clean(backup(config()))).toEqual({ unchanged: 3 });
    expect(await clean(verify(config()))).toEqual({ intact: 3 });
    expect(await restored(config())).toEqual(treeOf(world.src));
  });

  it.each([
    { kind: "a small", bytes: 1000, isSealedAgain: true },
    { kind: "a larger", bytes: 200_000, isSealedAgain: false },
  ])(
    "keeps the content of $kind touched file: sealed again: $isSealedAgain",
    async ({ bytes, isSealedAgain }) => {
      const content = randomBytes(bytes);
      world.write("file", content);
      await clean(backup(config()));
      world.write("file", content, 60);
      const touching = await backup(config());
      expect(await clean(Promise.resolve(touching))).toEqual({ touched: 1 });
      // Of a copied body only the trailer is written.
      expect(touching.result.sentBytes > bytes).toBe(isSealedAgain);
      expect(world.stored()).toHaveLength(1);
      expect(await clean(verify(config()))).toEqual({ intact: 1 });
      expect(await clean(backup(config()))).toEqual({ unchanged: 1 });
    },
  );

  it("gives a moved file, small or large, its new name inside, and marks the old path deleted", async () => {
    world.write("a/small", "content");
    world.write("a/large", Buffer.alloc(11 * 1024 * 1024, "moved. "));
    await clean(backup(config()));
    fs.renameSync(world.at("src/a"), world.at("src/b"));
    expect(await clean(backup(config()))).toEqual({ moved: 2, deleted: 2 });
    expect(await clean(verify(config()))).toEqual({ intact: 4 });
    expect(await restored(config())).toEqual(treeOf(world.src));
  });

  it("revives a file that comes back, under its old time or a new one", async () => {
    world.write("old-time", "one");
    world.write("new-time", "two");
    world.write("stays", "three");
    await clean(backup(config()));
    world.remove("old-time");
    world.remove("new-time");
    expect(await clean(backup(config()))).toEqual({ unchanged: 1, deleted: 2 });
    world.write("old-time", "one");
    world.write("new-time", "two", 60);
    expect(await clean(backup(config()))).toEqual({ unchanged: 1, revived: 2 });
    expect(await clean(verify(config()))).toEqual({ intact: 3 });
    expect(await restored(config())).toEqual(treeOf(world.src));
  });

  it("tells a wrong password from damage", async () => {
    world.write("one", "content of one");
    world.write("two", "content of two");
    await clean(backup(config()));
    await expect(verify(config({ password: "wrong" }))).rejects.toMatchObject({ kind: "wrong-password" });
    await expect(backup(config({ password: "wrong" }))).rejects.toMatchObject({ kind: "wrong-password" });
    const [first] = world.stored();
    const file = path.join(world.dest, first as string);
    const bytes = fs.readFileSync(file);
    bytes[20] = (bytes[20] as number) ^ 1; // in the header: its key check fails as with another password
    fs.writeFileSync(file, bytes);
    const { outcomes, errors } = await verify(config());
    expect({ outcomes, errors }).toEqual({ outcomes: { intact: 1, failed: 1 }, errors: { damaged: 1 } });
  });

  it("takes the salt of what is there, so that another machine without one derives the same key", async () => {
    const { salt: _, ...saltless } = config();
    world.write("one", "content of one");
    await clean(backup(saltless));
    world.write("two", "content of two");
    await clean(backup(saltless));
    const salts = world
      .stored()
      .map((name) => fs.readFileSync(path.join(world.dest, name)).toString("hex", 24, 40));
    expect(new Set(salts).size).toBe(1);
  });

  it("cannot pass one file off as another: a renamed object is damage", async () => {
    if (config().encryptFilenames) return; // an encrypted name cannot be made to say anything else
    world.write("one", "content");
    await clean(backup(config()));
    const [name] = world.stored() as [string];
    fs.renameSync(path.join(world.dest, name), path.join(world.dest, name.replace(/^one/, "two")));
    const { errors } = await verify(config());
    expect(errors).toEqual({ damaged: 1 });
  });
});

it("keeps what was classic when new objects are segmented, and the other way round", async () => {
  const settings = { encryptionType: "aes" } as const;
  world.write("first", "written as classic");
  await clean(backup(world.config({ ...settings, container: "classic" })));
  world.write("second", "written as segmented");
  expect(await clean(backup(world.config({ ...settings, container: "segmented" })))).toEqual({
    unchanged: 1,
    new: 1,
  });
  world.write("third", "classic again");
  const config = world.config({ ...settings, container: "classic" });
  expect(await clean(backup(config))).toEqual({ unchanged: 2, new: 1 });
  expect(await clean(verify(config))).toEqual({ intact: 3 });
  expect(await restored(config)).toEqual(treeOf(world.src));
});

it("changes names from classic to segmented encryption one by one, as files change", async () => {
  const named = { encryptFilenames: true } as const;
  world.write("first", "one");
  await clean(backup(world.config({ ...named, container: "classic" })));
  world.write("second", "two");
  const config = world.config({ ...named, container: "segmented" });
  expect(await clean(backup(config))).toEqual({ unchanged: 1, new: 1 });
  expect(
    world
      .stored()
      .map((name) => name.startsWith("_"))
      .sort(),
  ).toEqual([false, true]);
  expect(await clean(verify(config))).toEqual({ intact: 2 });
  expect(await restored(config)).toEqual(treeOf(world.src));
});

it("stores a raw file that begins like a segmented object in the classic container, and reads it as what it is", async () => {
  world.write("inner", "content");
  await clean(backup(world.config({ container: "segmented" })));
  const [name] = world.stored() as [string];
  const object = fs.readFileSync(path.join(world.dest, name));
  fs.rmSync(world.dest, { recursive: true });
  world.remove("inner");
  world.write("object.enc", object);
  const raw = world.config({ container: "classic", encrypt: false, compress: false });
  await clean(backup(raw));
  expect(await clean(verify(raw))).toEqual({ intact: 1 });
  expect(await restored(raw)).toEqual(treeOf(world.src));
});

it("refuses an unencrypted object that somebody put beside encrypted ones", async () => {
  world.write("ours", "content");
  await clean(backup(world.config({ container: "segmented" })));
  const other = new World();
  other.write("planted", "evil");
  await clean(backup(other.config({ container: "segmented", encrypt: false })));
  const [name] = other.stored() as [string];
  fs.copyFileSync(path.join(other.dest, name), path.join(world.dest, name));
  other.dispose();
  const { errors, outcomes } = await verify(world.config({ container: "segmented" }));
  expect({ errors, outcomes }).toEqual({ errors: { damaged: 1 }, outcomes: { intact: 1, failed: 1 } });
});

it("says which setting an unencrypted backup contradicts, and takes it for no other password's", async () => {
  world.write("ours", "content");
  await clean(backup(world.config({ container: "segmented", encrypt: false })));
  const stored = world.stored();
  await expect(backup(world.config({ container: "segmented" }))).rejects.toMatchObject({
    kind: "config",
    path: "encrypt",
    remedy: expect.stringContaining('"encrypt": false'),
  });
  expect(world.stored()).toEqual(stored);
});

// Characters were counted, not bytes: such a version could be stored, and never be retired.
it("refuses a name that has no room for the stamp of a retired version, in whatever script", async () => {
  world.write("n".repeat(205), "");
  world.write("日".repeat(68), "");
  const { told } = await backup(world.config({ container: "segmented" }));
  expect(told.errors.map(({ code }) => code)).toEqual(["ENAMETOOLONG", "ENAMETOOLONG"]);
  expect(world.stored()).toEqual([]);
});

it("stores long names, live and marked deleted, encrypted and in folders", async () => {
  const config = world.config({ container: "segmented", encryptFilenames: true });
  const long = `${"n".repeat(255)}/${"m".repeat(255)}/${"日".repeat(85)}`;
  world.write(long, "deep");
  world.write("stays", "here");
  await clean(backup(config));
  expect(await restored(config)).toEqual(treeOf(world.src));
  world.remove(long.split("/")[0] as string);
  expect(await clean(backup(config))).toEqual({ unchanged: 1, deleted: 1 });
  const told = await runVerify(config, {
    reporter: { info() {}, file() {}, warning() {}, progress() {}, error() {} },
    signal: new AbortController().signal,
  });
  expect(told.errors.size).toBe(0);
});
