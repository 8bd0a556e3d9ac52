import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Config, S3StorageConfig } from "../../src/config/config.ts";
import { restoreInPlace } from "../../src/run/restore/restore-in-place.ts";
import { openTarget } from "../../src/run/target/open-target.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { backup, clean, configOf, Recorder, restore, treeOf, verify, World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

/** A backup of what lay where the backup itself lies now, and of something beside it. */
async function displaced() {
  const config = world.config({ container: "segmented", metadata: true });
  world.write("beside", "beside");
  world.write("dest/file", "file");
  world.write("dest/one name", "the same");
  world.write("dest/other name", "the same");
  fs.rmSync(path.join(world.src, "dest/other name"));
  fs.linkSync(path.join(world.src, "dest/one name"), path.join(world.src, "dest/other name"));
  fs.symlinkSync("file", path.join(world.src, "dest/link"));
  fs.mkdirSync(path.join(world.src, "dest/empty"));
  fs.chmodSync(path.join(world.src, "dest"), 0o755);
  await clean(backup(config));
  fs.chmodSync(world.dest, 0o700);
  return config;
}

const state = () => ({ tree: treeOf(world.dest), mode: fs.statSync(world.dest).mode });

it("a restore around the backup writes nothing into it, and all else, as a dry run says before", async () => {
  const config = await displaced();
  const before = state();
  const around = { ...config, restore: { kind: "local", path: world.root } } as const;
  for (const dryRun of [true, false]) {
    const { outcomes, told } = await restore(around, { dryRun });
    expect(state()).toEqual(before);
    const files = ["dest/file", "dest/link", "dest/one name", "dest/other name"];
    const folders = dryRun ? [] : ["dest", "dest/empty"];
    expect(told.errors.map((error) => `${error.code} ${error.path}`).sort()).toEqual(
      [...files, ...folders].map((file) => `EREFUSED ${file}`).sort(),
    );
    expect(told.errors[0]?.message).toContain("the path leads into the destination, which holds the backup");
    expect(outcomes).toEqual({ restored: 1, failed: 3 });
    expect(fs.existsSync(world.at("beside"))).toBe(!dryRun);
  }
  await clean(verify(config));
});

it("a backup leaves itself out wherever it is mounted in the source, and a restore in place removes nothing of it", async () => {
  // As the settings have it where the source holds the destination under another name.
  const config = {
    ...world.config(),
    dest: { kind: "local", path: path.join(world.src, "backup") },
  } as const;
  world.write("file", "content");
  await clean(backup(config));
  const before = treeOf(world.src);
  const { outcomes, told } = await backup(config);
  expect(outcomes).toEqual({ unchanged: 1 });
  expect(told.warnings).toEqual(["backup/: skipped, the destination lies there"]);
  expect(told.errors).toEqual([]);
  const restoring = new Recorder();
  const { signal } = new AbortController();
  await restoreInPlace(config, { reporter: restoring, signal, delete: true, allowMassDelete: true });
  expect(restoring.errors).toEqual([]);
  expect(treeOf(world.src)).toEqual(before);
});

it("a bucket that holds the backup gets nothing into its folder", async () => {
  const bucket = (basePath: string) => ({ kind: "s3", bucket: "bucket", basePath }) as S3StorageConfig;
  const examined = async (dest: Config["dest"], file: string) => {
    const config = { ...configOf({ dest: "unused" }), dest, restore: bucket("a") };
    const storage = { keyProblem: () => undefined, stat: async () => undefined };
    const target = await openTarget(config, async () => storage as unknown as Storage);
    return target.examine(file);
  };
  const refused = { code: "EREFUSED", path: "b/c/file" };
  await expect(examined(bucket("a/b/c"), "b/c/file")).rejects.toMatchObject(refused);
  for (const file of ["b/c", "b/cd/file", "a/b/c/file"])
    expect(await examined(bucket("a/b/c"), file), file).toBeUndefined();
  for (const dest of [bucket(""), bucket("b"), { ...bucket("a/b/c"), bucket: "another" }])
    expect(await examined(dest, "b/c/file")).toBeUndefined();
});
