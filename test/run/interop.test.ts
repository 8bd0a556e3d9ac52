/**
 * Backups that the older tool wrote (test/fixtures/classic/README.md), with the configuration it wrote them with:
 * everything restores, everything verifies, and the next backup carries on as if it had written them itself.
 */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config, S3StorageConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { openStorage } from "../../src/storage/open.ts";
import { dropBucket, freshBucket, whyNoServer } from "../s3-server/s3-server.ts";
import { backup, clean, filesIn, restore, treeOf, verify, World } from "./world.ts";

const ROOT = path.join(import.meta.dirname, "../fixtures/classic");

interface StoredFile {
  readonly path: string;
  readonly mtime: number;
  readonly md5: string;
  readonly deleted: number;
  readonly stored: string;
}

const fixtures = fs
  .readdirSync(ROOT, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

/** The fixture's own configuration, between folders of this test. */
async function configOf(name: string, mode: "restore" | "backup" | "verify"): Promise<Config> {
  const { config } = await loadConfig({
    file: path.join(ROOT, name, "config.json"),
    env: {},
    cwd: world.root,
    mode,
    tmpdir: world.root,
  });
  return {
    ...config,
    src: { kind: "local", path: world.restored },
    dest: { kind: "local", path: world.dest },
    restore: { kind: "local", path: world.restored },
  };
}

function expectedFiles(name: string): readonly StoredFile[] {
  const { files } = JSON.parse(fs.readFileSync(path.join(ROOT, name, "expected.json"), "utf8"));
  return files;
}

/** What `treeOf` shows of these files. */
function expectedTree(files: readonly StoredFile[]): Record<string, string> {
  return Object.fromEntries(files.map((file) => [file.path, `${file.md5} ${file.mtime}`]));
}

describe.each(fixtures.filter((name) => name !== "conflict-versions"))(
  "the older tool's backup %s",
  (name) => {
    const files = expectedFiles(name);
    const live = files.filter(({ deleted }) => deleted === 0);

    it("restores byte for byte with times, verifies, and carries on with nothing to upload", async () => {
      fs.cpSync(path.join(ROOT, name, "dest"), world.dest, { recursive: true });
      expect(await clean(restore(await configOf(name, "restore")))).toEqual({ restored: live.length });
      expect(treeOf(world.restored)).toEqual(expectedTree(live));
      expect(await clean(verify(await configOf(name, "verify")))).toEqual({ intact: files.length });

      const config = await configOf(name, "backup");
      expect(await clean(backup(config))).toEqual({ unchanged: live.length });
      expect(world.stored()).toEqual(filesIn(path.join(ROOT, name, "dest")));

      fs.writeFileSync(path.join(world.restored, "added after the change of tools"), "new");
      const before = world.stored();
      expect(await clean(backup(config))).toEqual({ unchanged: live.length, new: 1 });
      expect(world.stored()).toEqual(expect.arrayContaining(before));
      expect(await clean(verify(config))).toEqual({ intact: files.length + 1 });
    });

    if (live.length === files.length) return;

    it("brings back files marked deleted, when asked to", async () => {
      fs.cpSync(path.join(ROOT, name, "dest"), world.dest, { recursive: true });
      const config = await configOf(name, "restore");
      expect(await clean(restore(config, { choice: { deleted: true } }))).toEqual({ restored: files.length });
      expect(treeOf(world.restored)).toEqual(expectedTree(files));
      // And a backup of them all revives those, at the cost of their names alone.
      const gone = files.length - live.length;
      expect(await clean(backup(await configOf(name, "backup")))).toEqual({
        unchanged: live.length,
        revived: gone,
      });
    });
  },
);

describe("the older tool's backup conflict-versions", () => {
  it("shows one version of each path, a live one where there is one, and is tidied up by the next run", async () => {
    const files = expectedFiles("conflict-versions");
    const livePaths = new Set(files.filter(({ deleted }) => deleted === 0).map((file) => file.path));
    fs.cpSync(path.join(ROOT, "conflict-versions", "dest"), world.dest, { recursive: true });
    expect(await clean(restore(await configOf("conflict-versions", "restore")))).toEqual({
      restored: livePaths.size,
    });
    const restored = treeOf(world.restored);
    expect(new Set(Object.keys(restored))).toEqual(livePaths);
    for (const [file, content] of Object.entries(restored)) {
      const candidates = files.filter((other) => other.path === file && other.deleted === 0);
      expect(candidates.map(({ md5, mtime }) => `${md5} ${mtime}`)).toContain(content);
    }
    const config = await configOf("conflict-versions", "backup");
    await clean(verify(config));
    expect(await clean(backup(config))).toEqual({ unchanged: livePaths.size });
    const paths = new Set(files.map((file) => file.path));
    expect(world.stored()).toHaveLength(paths.size);
  });
});

const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`the older tool's backup in a bucket${skip ? ` (${skip})` : ""}`, () => {
  let bucket: S3StorageConfig;
  beforeEach(async () => {
    bucket = await freshBucket({ basePath: "old/backup" });
  }, 120_000);
  afterEach(() => dropBucket(bucket));

  it.each(["aes-salt", "with-deleted-names"])("%s restores, verifies and carries on", async (name) => {
    const files = expectedFiles(name);
    const live = files.filter(({ deleted }) => deleted === 0);
    const storage = await openStorage(bucket, "destination");
    await storage.create();
    for (const { stored } of files) {
      await storage.write(stored, fs.readFileSync(path.join(ROOT, name, "dest", stored)));
    }
    await storage.close();
    const config = { ...(await configOf(name, "backup")), dest: bucket };
    expect(await clean(restore(config))).toEqual({ restored: live.length });
    expect(treeOf(world.restored)).toEqual(expectedTree(live));
    expect(await clean(verify(config))).toEqual({ intact: files.length });
    expect(await clean(backup(config))).toEqual({ unchanged: live.length });
  });
});
