/** What the older tool did wrong on restore and verify, and with what lay open. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config, S3StorageConfig } from "../../../src/config/config.ts";
import { openStorage } from "../../../src/storage/open.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../../s3-server/s3-server.ts";
import { backup, clean, filesIn, md5, restore, T0, treeOf, verify, World, writeFile } from "../world.ts";
import { withUnlistable } from "./unreadable.ts";

const MIB = 2 ** 20;
let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

/** Turns one bit of the object of a path over. */
function damage(file: string): void {
  const object = world.stored().find((name) => name.startsWith(`${file}.`)) ?? "";
  const bytes = fs.readFileSync(path.join(world.dest, object));
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  fs.writeFileSync(path.join(world.dest, object), bytes);
}

it("verify ended well, or at the first damaged object: now it names every one, and its result says so", async () => {
  for (let i = 0; i < 8; i++) world.write(`file ${i}`, `content ${i}`);
  await clean(backup(world.config()));
  damage("file 2");
  damage("file 5");
  const [gone = ""] = world.stored().filter((name) => name.startsWith("file 7."));
  fs.truncateSync(path.join(world.dest, gone), 10);
  const { outcomes, errors, told } = await verify(world.config());
  expect(outcomes).toEqual({ intact: 5, failed: 3 });
  expect(errors).toEqual({ damaged: 3 });
  expect(told.errors.map((error) => error.path).sort()).toEqual(["file 2", "file 5", "file 7"]);
});

it("an object whose name says another size or md5 is damaged, not merely odd", async () => {
  world.write("a", "content a");
  world.write("b", "content b");
  world.write("c", "content c");
  await clean(backup(world.config()));
  const [a = "", b = ""] = world.stored();
  fs.renameSync(path.join(world.dest, a), path.join(world.dest, "aside"));
  fs.renameSync(path.join(world.dest, b), path.join(world.dest, a));
  fs.renameSync(path.join(world.dest, "aside"), path.join(world.dest, b));
  expect((await verify(world.config())).errors).toEqual({ damaged: 2 });
  expect((await restore(world.config())).outcomes).toEqual({ restored: 1, failed: 2 });
  expect(filesIn(world.restored)).toEqual(["c"]);
});

describe("a destination that is not there was created, and reported to be in order", () => {
  it.each([
    ["verify", verify],
    ["restore", restore],
  ] as const)("%s refuses it, creates nothing, and needs no source", async (_, run) => {
    const { src: _source, ...config } = world.config();
    await expect(run(config)).rejects.toMatchObject({ side: "destination", code: "ENOENT" });
    expect(fs.existsSync(world.dest)).toBe(false);
    world.write("file", "content");
    await clean(backup(world.config()));
    await clean(run(config));
  });
});

describe("a destination with nothing in it, as of a disk that is not mounted, passed for one in good order", () => {
  it.each([
    ["verify", verify],
    ["verify of a moment", (config: Config) => verify(config, { at: T0 })],
    ["restore", restore],
    ["restore, as a dry run", (config: Config) => restore(config, { dryRun: true })],
  ] as const)("%s refuses it, and what is not ours does not count", async (_, run) => {
    const { src: _source, ...config } = world.config();
    fs.mkdirSync(world.dest);
    const refused = { errors: { refused: 1 }, told: { errors: [{ code: "EEMPTY", path: world.dest }] } };
    expect(await run(config)).toMatchObject(refused);
    fs.writeFileSync(path.join(world.dest, "not ours"), "x");
    expect(await run(config)).toMatchObject(refused);
    world.write("file", "content");
    await clean(backup(world.config()));
    await clean(run(config));
  });
});

describe("restore wrote over what was there, through links, with mode 0600 and the time of day", () => {
  beforeEach(async () => {
    world.write("folder/file", "content");
    world.write("top", "top");
    await clean(backup(world.config()));
    fs.mkdirSync(world.restored);
  });

  it("a link to a folder on the way is refused; what it leads to stays as it is", async () => {
    fs.mkdirSync(world.at("elsewhere"));
    fs.symlinkSync(world.at("elsewhere"), path.join(world.restored, "folder"));
    const { outcomes, told } = await restore(world.config());
    expect(outcomes).toEqual({ restored: 1, failed: 1 });
    expect(told.errors).toMatchObject([{ path: "folder/file", code: "EREFUSED" }]);
    expect(filesIn(world.at("elsewhere"))).toEqual([]);
  });

  it("a link in the place of a file is replaced; what it leads to stays as it is", async () => {
    fs.writeFileSync(world.at("elsewhere"), "elsewhere");
    fs.symlinkSync(world.at("elsewhere"), path.join(world.restored, "top"));
    expect(await clean(restore(world.config()))).toEqual({ restored: 2 });
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    expect(fs.lstatSync(path.join(world.restored, "top")).isFile()).toBe(true);
    expect(fs.readFileSync(world.at("elsewhere"), "utf8")).toBe("elsewhere");
  });

  it.each([
    ["never", "old", T0 - 5, { restored: 1, kept: 1 }, "mine"],
    ["if-newer", "old", T0 + 5, { restored: 1, kept: 1 }, "mine"],
    ["if-newer", "old", T0 - 5, { restored: 2 }, "top"],
    ["always", "old", T0 + 5, { restored: 2 }, "top"],
  ] as const)(
    "with --overwrite %s a file that differs (%s) of time %i: %o",
    async (overwrite, _, time, outcomes, left) => {
      writeFile(path.join(world.restored, "top"), "mine", time);
      expect(await clean(restore(world.config(), { overwrite }))).toEqual(outcomes);
      expect(fs.readFileSync(path.join(world.restored, "top"), "utf8")).toBe(left);
    },
  );

  it("a file of the same size and time is looked into with --checksum alone", async () => {
    writeFile(path.join(world.restored, "top"), "pot", T0);
    expect(await clean(restore(world.config()))).toEqual({ restored: 1, identical: 1 });
    expect(await clean(restore(world.config(), { checksum: true }))).toEqual({ restored: 1, identical: 1 });
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });

  it("files come back with their time and the mode that new files have here", async () => {
    const umask = process.umask();
    await clean(restore(world.config()));
    const stat = fs.statSync(path.join(world.restored, "top"));
    expect(stat.mode & 0o777).toBe(0o666 & ~umask);
    expect(stat.mtimeMs).toBe(T0 * 1000);
  });

  it("--restore-only that matches nothing is an error that names it", async () => {
    const { outcomes, told } = await restore(world.config(), { only: ["top", "no such file", "fold*r/**"] });
    expect(outcomes).toEqual({ restored: 2 });
    expect(told.errors).toMatchObject([{ path: "no such file", code: "ENOMATCH" }]);
  });
});

it("the default restore folder is made private, and refused when it is not ours or a link", async () => {
  world.write("file", "content");
  const config = { ...world.config(), restoreIsDefault: true };
  await clean(backup(config));
  fs.mkdirSync(world.restored, { mode: 0o777 });
  await clean(restore(config));
  expect(fs.statSync(world.restored).mode & 0o777).toBe(0o700);
  fs.rmSync(world.restored, { recursive: true });
  fs.mkdirSync(world.at("elsewhere"));
  fs.symlinkSync(world.at("elsewhere"), world.restored);
  await expect(restore(config)).rejects.toMatchObject({ kind: "refused" });
  expect(filesIn(world.at("elsewhere"))).toEqual([]);
});

it("plaintext was left in the temporary folder: now nothing passes through it, whatever fails", async () => {
  const temporary = world.at("tmp");
  fs.mkdirSync(temporary);
  const { TMPDIR } = process.env;
  process.env.TMPDIR = temporary;
  const seen = new Set<string>();
  const watcher = fs.watch(temporary, (_, name) => {
    if (name !== null) seen.add(name);
  });
  try {
    world.write("large", Buffer.alloc(12 * MIB, "large"));
    const config = world.config({ compress: false });
    await clean(backup(config));
    damage("large");
    expect((await verify(config)).errors).toEqual({ damaged: 1 });
    expect((await restore(config)).errors).toEqual({ damaged: 1 });
    expect(filesIn(world.restored)).toEqual([]);
    expect(filesIn(world.dest)).toHaveLength(1);
  } finally {
    watcher.close();
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
  expect([...seen].filter((name) => !name.startsWith("backup-spill-"))).toEqual([]);
});

const skip = whyNoServer();

describe.skipIf(skip !== undefined)(
  `names from a bucket that a stranger can write to${skip ? ` (${skip})` : ""}`,
  () => {
    let bucket: S3StorageConfig;
    beforeEach(async () => {
      bucket = await freshBucket();
    }, 120_000);
    afterEach(() => dropBucket(bucket));

    it("keys with `..` were written outside of the restore folder: now they are refused, one by one", async () => {
      world.write("good", "content");
      const config = { ...world.config(), dest: bucket };
      await clean(backup(config));
      const { CopyObjectCommand, DeleteObjectCommand, ListObjectsV2Command, S3Client } = await import(
        "@aws-sdk/client-s3"
      );
      const { credentials, endpoint, region } = await s3Server();
      const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket.bucket }));
      const [{ Key = "" } = {}] = Contents;
      const fields = Key.slice("good".length);
      const evil = ["d/../../escaped", "/absolute", "a//b", "./dot"];
      for (const name of evil) {
        const CopySource = `${bucket.bucket}/${Key}`;
        await client.send(new CopyObjectCommand({ Bucket: bucket.bucket, Key: name + fields, CopySource }));
      }
      const { outcomes, told } = await restore(config);
      const listed = (await client.send(new ListObjectsV2Command({ Bucket: bucket.bucket }))).Contents ?? [];
      expect(outcomes.restored).toBe(1);
      expect(told.errors).toHaveLength(listed.length - 1);
      expect(listed.length).toBeGreaterThan(3);
      expect(treeOf(world.restored)).toEqual(treeOf(world.src));
      expect(
        filesIn(world.root).filter((name) => name.includes("escaped") || name.includes("absolute")),
      ).toEqual([]);
      expect(fs.existsSync("/absolute")).toBe(false);
      for (const { Key: key } of listed)
        await client.send(new DeleteObjectCommand({ Bucket: bucket.bucket, Key: key }));
      client.destroy();
    });

    it("a file `e` beside a folder `e/` fails alone on the way into a folder", async () => {
      const storage = await openStorage({ ...bucket, basePath: "src" }, "destination");
      await storage.create();
      for (const key of ["e", "e/f", "g"]) await storage.write(key, Buffer.from(key));
      await storage.close();
      const config = {
        ...world.config(),
        src: { ...bucket, basePath: "src" },
        dest: { ...bucket, basePath: "dest" },
      };
      expect(await clean(backup(config))).toEqual({ new: 3 });
      const { outcomes } = await restore(config);
      expect(outcomes).toEqual({ restored: 2, failed: 1 });
      expect(treeOf(world.restored).g).toContain(md5("g"));
    });
  },
);

it("under encrypted names an error named the object, which tells nobody which file it was", async () => {
  const config = world.config({ encryptFilenames: true });
  const failing = { workerScript: new URL("./failing-worker.ts", import.meta.url) };
  world.write("folder/file", "content");
  const failed = { told: { errors: [{ path: "folder/file", code: "EIO" }] } };
  expect(await backup(config, failing)).toMatchObject(failed);
  await clean(backup(config));
  expect(await restore(config, failing)).toMatchObject(failed);
  expect(await verify(config, failing)).toMatchObject(failed);
});

describe("a folder of the destination that the disk does not give any more kept all others from being restored", () => {
  const config = () => world.config({ versionsKeepDays: 30 });
  const failed = { told: { errors: [{ side: "destination", code: "EACCES" }] } };
  const within = <T>(work: () => Promise<T>) => withUnlistable(path.join(world.dest, "lost"), work);
  beforeEach(async () => {
    world.write("lost/a", "a");
    world.write("other/b", "b");
    world.write("top", "top");
    await clean(backup(config()));
  });

  it("restore and verify do what they can, and say what is missing", async () => {
    expect(await within(() => restore(config()))).toMatchObject({ ...failed, outcomes: { restored: 2 } });
    expect(filesIn(world.restored)).toEqual(["other/b", "top"]);
    expect(await within(() => verify(config()))).toMatchObject({ ...failed, outcomes: { intact: 2 } });
    const now = { at: Date.now() / 1000 + 10 };
    expect(await within(() => verify(config(), now))).toMatchObject({ ...failed, outcomes: { intact: 2 } });
  });

  it("a backup still wants to see all that is there", async () => {
    await expect(within(() => backup(config()))).rejects.toMatchObject({ code: "EACCES" });
  });
});
