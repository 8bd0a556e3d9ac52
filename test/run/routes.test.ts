/**
 * Every route between folders and buckets, against a real S3 server, with what is peculiar to buckets: keys that no
 * folder can hold, objects in parts, copies made by the server, objects that are replaced while they are read.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Config, S3StorageConfig } from "../../src/config/config.ts";
import { parseStoredName } from "../../src/names/stored-name.ts";
import { type OpenStorage, openStorage } from "../../src/storage/open.ts";
import { FaultProxy } from "../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../s3-server/s3-server.ts";
import { backup, clean, configOf, md5, restore, T0, treeOf, verify, World } from "./world.ts";

const MIB = 2 ** 20;
const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`routes between folders and buckets${skip ? ` (${skip})` : ""}`, () => {
  let world: World;
  let proxy: FaultProxy;
  const buckets: S3StorageConfig[] = [];

  beforeAll(async () => {
    proxy = await FaultProxy.start((await s3Server()).endpoint);
  }, 120_000);
  afterAll(() => proxy?.stop());
  beforeEach(() => {
    world = new World();
  });
  afterEach(async () => {
    const unmet = proxy.unmet();
    proxy.reset();
    world.dispose();
    for (const bucket of buckets.splice(0)) await dropBucket(bucket);
    expect(unmet, "a planned fault did not strike").toEqual([]);
  });

  /** A bucket that exists, behind the proxy, holding these objects. */
  async function bucketWith(
    objects: Record<string, string | Buffer>,
    basePath = "",
  ): Promise<S3StorageConfig> {
    const bucket = await freshBucket({ endpointUrl: proxy.url, basePath });
    buckets.push(bucket);
    const storage = await openStorage(bucket, "destination");
    await storage.create();
    for (const [key, content] of Object.entries(objects)) await storage.write(key, Buffer.from(content));
    await storage.close();
    proxy.reset();
    return bucket;
  }

  async function contentsOf(bucket: S3StorageConfig): Promise<Record<string, string>> {
    const storage = await openStorage(bucket, "source");
    const contents: Record<string, string> = {};
    for await (const objects of storage.list()) {
      for (const { key } of objects) contents[key] = md5(await storage.readWhole(key));
    }
    await storage.close();
    return contents;
  }

  it("a bucket to restore to that is missing is one error, before anything is read; one that may not be asked for is none", async () => {
    for (let i = 0; i < 5; i++) world.write(`file ${i}`, "x");
    const to = await bucketWith({});
    const missing = await freshBucket({ endpointUrl: proxy.url });
    const config = world.config();
    await clean(backup(config));
    for (const dryRun of [true, false]) {
      const run = restore({ ...config, restore: missing }, { dryRun });
      await expect(run).rejects.toMatchObject({
        side: "restore",
        code: "ENOENT",
        path: `s3://${missing.bucket}`,
      });
    }
    expect(Object.keys(proxy.table())).toEqual(["HeadBucket"]);
    proxy.fail({ operation: "HeadBucket", effect: { kind: "status", status: 403 } });
    expect(await clean(restore({ ...config, restore: to }))).toEqual({ restored: 5 });
  });

  async function uploadsIn(bucket: S3StorageConfig): Promise<unknown[]> {
    const storage = await openStorage(bucket, "source");
    const uploads = await storage.listUploads();
    await storage.close();
    return uploads;
  }

  const md5sOf = (objects: Record<string, string | Buffer>) =>
    Object.fromEntries(Object.entries(objects).map(([key, content]) => [key, md5(content)]));

  /** Keys that break naive tools; a folder can hold none of them beside the others. */
  const ODD = {
    a: "a file and a folder",
    "a/b": "in the folder that is a file, too",
    "a-b": "sorts between the two",
    "a.b": "a dot where the fields begin",
    "a//b": "an empty component",
    "a/": "no marker of a folder, which is empty",
    "tab\tand\nnewline": "controls",
    "x.1.2.3.0.enc": "looks like a stored name",
    "ä/ö ü+%41&?.txt": "to be encoded",
    "\u{1f600}": "beyond the first plane",
    "\uffee": "before it in bytes, after it in UTF-16",
  };

  it("from a folder to a bucket and back, with encrypted names and below a base path", async () => {
    const dest = await bucketWith({}, "base path/ü");
    world.write("some/file.txt", "some content");
    world.write("empty", "");
    world.write("ä\nö.txt", "an odd name");
    const config = configOf({ src: world.src, dest, restore: world.restored }, { encryptFilenames: true });
    expect(await clean(backup(config))).toEqual({ new: 3 });
    for (const key of Object.keys(await contentsOf(dest))) expect(key).toMatch(/^[0-9a-z]{60,}\.enc$/);
    expect(await clean(verify(config))).toEqual({ intact: 3 });
    expect(await clean(backup(config))).toEqual({ unchanged: 3 });
    expect(await clean(restore(config))).toEqual({ restored: 3 });
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });

  it("from a bucket to a bucket and back into a bucket, odd keys and all", async () => {
    const src = await bucketWith(ODD, "from");
    const dest = await bucketWith({}, "to");
    const target = await bucketWith({}, "back");
    const config = configOf({ src, dest, restore: target }, { backupProcesses: 4, restoreProcesses: 4 });
    const count = Object.keys(ODD).length;
    expect(await clean(backup(config))).toEqual({ new: count });
    expect(await clean(verify(config))).toEqual({ intact: count });
    expect(await clean(backup(config))).toEqual({ unchanged: count });
    expect(await clean(restore(config))).toEqual({ restored: count });
    expect(await contentsOf(target)).toEqual(md5sOf(ODD));
    expect(await clean(restore(config))).toEqual({ identical: count });
    expect(await clean(restore(config, { checksum: true }))).toEqual({ identical: count });
  });

  it("from a bucket to a folder: what a folder cannot hold is named, all else is stored", async () => {
    const src = await bucketWith(ODD);
    const config = configOf({ src, dest: world.dest, restore: world.restored });
    const { outcomes, told } = await backup(config);
    expect(outcomes).toEqual({ new: Object.keys(ODD).length - 1, failed: 1 });
    expect(told.errors).toMatchObject([{ path: "a//b", side: "destination" }]);
    // `a.….enc` and `a/b.….enc` stand beside each other at the destination, but not in a folder they are restored to.
    const restored = await restore(config);
    expect(restored.outcomes).toEqual({ restored: Object.keys(ODD).length - 3, failed: 2 });
    expect(
      restored.told.errors.toSorted((a, b) => (a.path === "a/" ? -1 : b.path === "a/" ? 1 : 0)),
    ).toMatchObject([
      { code: "EREFUSED", path: "a/" },
      { code: "EREFUSED", path: expect.stringMatching(/^a(\/b)?$/) },
    ]);
    expect((await restore(config, { only: ["\u{1f600}", "x.1.2.3.0.enc"] })).outcomes).toEqual({
      identical: 2,
    });
  });

  it("folder markers, empty objects whose keys end in a slash, are left out and fail nothing", async () => {
    const src = await bucketWith({ "folder/file": "content" });
    const { PutObjectCommand, S3Client } = await import("@aws-sdk/client-s3");
    const { credentials, endpoint, region } = await s3Server();
    const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    await client.send(new PutObjectCommand({ Bucket: src.bucket, Key: "folder/", Body: Buffer.of() }));
    client.destroy();
    const config = configOf({ src, dest: world.dest });
    expect(await clean(backup(config))).toEqual({ new: 1 });
    expect(await clean(backup(config))).toEqual({ unchanged: 1 });
  });

  it("an object replaced between listing and reading is stored as it is now, under its own name", async () => {
    const src = await bucketWith({ steady: "steady", replaced: "as it was listed" });
    const dest = await bucketWith({});
    const config = configOf({ src, dest, restore: world.restored });
    const after = "as it is when it is read, longer";
    const replacing: OpenStorage = async (storage, side) => {
      const opened = await openStorage(storage, side);
      if (side !== "source") return opened;
      const list = opened.list.bind(opened);
      opened.list = async function* (signal) {
        yield* list(signal);
        await opened.write("replaced", Buffer.from(after));
      };
      return opened;
    };
    expect(await clean(backup(config, { openStorage: replacing }))).toEqual({ new: 2 });
    expect(await clean(verify(config))).toEqual({ intact: 2 });
    await clean(restore(config));
    expect(treeOf(world.restored).replaced).toContain(md5(after));
  });

  it("an object that is replaced whenever it is read fails alone, and its old version stays", async () => {
    const src = await bucketWith({ steady: "steady", restless: Buffer.alloc(11 * MIB, "1") });
    const dest = await bucketWith({});
    const config = configOf({ src, dest, restore: world.restored });
    await clean(backup(config));
    const before = await contentsOf(dest);
    const storage = await openStorage(src, "source");
    await storage.write("restless", Buffer.alloc(11 * MIB + 1, "2"));
    await storage.write("new", Buffer.from("new"));
    await storage.close();
    proxy.fail({
      operation: "GetObject",
      when: ({ key, bucket }) => key === "restless" && bucket === src.bucket,
      times: 3,
      effect: { kind: "status", status: 412, code: "PreconditionFailed" },
    });
    const { outcomes, told } = await backup(config);
    expect(outcomes).toEqual({ unchanged: 1, new: 1, failed: 1 });
    expect(told.errors).toMatchObject([{ path: "restless", code: "ECHANGED", side: "source" }]);
    expect(await contentsOf(dest)).toMatchObject(before);
    expect(await uploadsIn(dest)).toEqual([]);
    expect(await clean(backup(config))).toEqual({ unchanged: 2, changed: 1 });
  });

  it("large files travel in parts, both ways, and between buckets", async () => {
    const large = randomBytes(21 * MIB);
    const dest = await bucketWith({});
    const target = await bucketWith({});
    world.write("large", large);
    const config = configOf({ src: world.src, dest, restore: world.restored });
    expect(await clean(backup(config))).toEqual({ new: 1 });
    expect(proxy.count("UploadPart").requests).toBeGreaterThanOrEqual(3);
    expect(proxy.count("PutObject").requests).toBe(0);
    expect(await clean(verify(config))).toEqual({ intact: 1 });
    expect(await clean(restore(config))).toEqual({ restored: 1 });
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    proxy.reset();
    expect(await clean(restore({ ...config, restore: target }))).toEqual({ restored: 1 });
    expect(proxy.count("UploadPart").requests).toBeGreaterThanOrEqual(2);
    expect(await contentsOf(target)).toEqual({ large: md5(large) });
    expect(await uploadsIn(target)).toEqual([]);

    // And on from there: the source is now the bucket that was restored into.
    const second = await bucketWith({});
    expect(await clean(backup({ ...config, src: target, dest: second }))).toEqual({ new: 1 });
    expect(await clean(verify({ ...config, dest: second }))).toEqual({ intact: 1 });
  });

  it("a network that fails now and then fails no file", async () => {
    const dest = await bucketWith({});
    world.write("large", randomBytes(17 * MIB));
    world.write("small", "small");
    const config = configOf({ src: world.src, dest, restore: world.restored });
    proxy.fail({ operation: "UploadPart", effect: { kind: "status", status: 503 } });
    proxy.fail({ operation: "PutObject", effect: { kind: "reset" } });
    proxy.fail({ operation: "CompleteMultipartUpload", effect: { kind: "lose-answer" } });
    expect(await clean(backup(config))).toEqual({ new: 2 });
    proxy.fail({ operation: "GetObject", effect: { kind: "truncate", bytes: 1000 }, times: 2 });
    expect(await clean(restore(config))).toEqual({ restored: 2 });
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });

  it("moved, touched, deleted and revived files cost names, not bytes", async () => {
    const dest = await bucketWith({});
    const content = randomBytes(3 * MIB);
    for (const name of ["moved", "touched", "deleted", "unchanged"]) {
      world.write(name, Buffer.concat([content, Buffer.from(name)]));
    }
    const config = configOf({ src: world.src, dest, restore: world.restored });
    await clean(backup(config));
    proxy.reset();
    fs.mkdirSync(`${world.src}/to`);
    fs.renameSync(`${world.src}/moved`, `${world.src}/to/here`);
    fs.utimesSync(`${world.src}/touched`, T0 + 9, T0 + 9);
    fs.renameSync(`${world.src}/deleted`, world.at("aside"));
    expect(await clean(backup(config))).toEqual({ unchanged: 1, touched: 1, moved: 1, deleted: 2 });
    fs.renameSync(world.at("aside"), `${world.src}/deleted`);
    expect(await clean(backup(config))).toEqual({ unchanged: 3, revived: 1 });
    const sent = Object.values(proxy.table()).reduce((sum, { sentBody }) => sum + sentBody, 0);
    expect(sent).toBeLessThan(10_000);
    expect(proxy.count("PutObject").requests).toBe(0);
    expect(proxy.count("CopyObject").requests).toBe(5);
    await clean(restore(config));
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    expect(await clean(verify(config))).toEqual({ intact: 5 });
    expect(Object.keys(await contentsOf(dest)).map((key) => parseStoredName(key)?.path)).toContain("moved");
  });

  it("an unchanged run lists, and sends nothing else but questions", async () => {
    const dest = await bucketWith({});
    for (let i = 0; i < 20; i++) world.write(`file ${i}`, `content ${i}`);
    const config: Config = configOf({ src: world.src, dest });
    await clean(backup(config));
    proxy.reset();
    expect(await clean(backup(config))).toEqual({ unchanged: 20 });
    expect(Object.keys(proxy.table()).sort()).toEqual(["GetObject", "ListMultipartUploads", "ListObjectsV2"]);
    expect(proxy.count("GetObject").requests).toBeLessThanOrEqual(2); // does the password open what is there?
  });
});
