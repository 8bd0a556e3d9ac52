import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { PutObjectCommandInput } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config, S3StorageConfig, StorageConfig } from "../../src/config/config.ts";
import { type OpenStorage, openStorage } from "../../src/storage/open.ts";
import { S3Storage } from "../../src/storage/s3/s3-storage.ts";
import type { ListedObject } from "../../src/storage/storage.ts";
import { type Fault, FaultProxy } from "../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../s3-server/s3-server.ts";
import { backup, clean, filesIn, restore, verify, World } from "./world.ts";

const skip = whyNoServer();
const MIB = 2 ** 20;
const DENIED = { kind: "status", status: 403, code: "AccessDenied" } as const;

describe.skipIf(skip !== undefined)(`from bucket to bucket${skip ? ` (${skip})` : ""}`, () => {
  let world: World;
  let proxy: FaultProxy;
  let from: S3StorageConfig;
  let to: S3StorageConfig;
  let source: S3Storage;
  beforeEach(async () => {
    world = new World();
    proxy = await FaultProxy.start((await s3Server()).endpoint);
    from = { ...(await freshBucket({ endpointUrl: proxy.url })), basePath: "a b/ü" };
    to = await freshBucket({ endpointUrl: proxy.url });
    source = new S3Storage(from, "destination");
    await source.create();
  }, 120_000);
  afterEach(async () => {
    await source.close();
    for (const bucket of [from, to]) await dropBucket(bucket);
    await proxy.stop();
    world.dispose();
  });

  const config = (settings: Partial<Config> = {}): Config => {
    const { src: _, ...rest } = world.config({ encrypt: false, compress: false, ...settings });
    return { ...rest, src: from, dest: to };
  };
  /** Bytes of bodies that came from the server, but for listings and other answers in XML. */
  const contentRead = () => proxy.count("GetObject").receivedBody;

  /** Something happens to the source once it has been listed. */
  function afterListing(happen: () => Promise<void>): OpenStorage {
    return async (storage, side) => {
      const opened = await openStorage(storage, side);
      if (side !== "source") return opened;
      const list = opened.list.bind(opened);
      opened.list = async function* (signal) {
        const batches: ListedObject[][] = [];
        for await (const batch of list(signal)) batches.push(batch);
        await happen();
        yield* batches;
      };
      return opened;
    };
  }

  async function sendPut(key: string, input: Partial<PutObjectCommandInput>): Promise<void> {
    const { PutObjectCommand, S3Client } = await import("@aws-sdk/client-s3");
    const { credentials, endpoint, region } = await s3Server();
    const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    const Key = `${from.basePath}/${key}`;
    await client.send(new PutObjectCommand({ Bucket: from.bucket, Key, Body: randomBytes(100), ...input }));
    client.destroy();
  }

  /** Of all objects of the destination, what is kept beside their content. */
  async function headersOfCopies(): Promise<unknown[]> {
    const storage = await openStorage(to, "destination");
    const found: unknown[] = [];
    for await (const objects of storage.list()) {
      for (const { key } of objects) found.push((await storage.stat(key))?.headers);
    }
    await storage.close();
    return found;
  }

  async function put(key: string, content: Uint8Array): Promise<void> {
    await source.write(key, content);
  }

  async function putInParts(key: string, content: Uint8Array): Promise<void> {
    const writer = await source.createWriter(key, { sizeHint: content.length });
    await writer.write(content);
    await writer.finish();
  }

  it("of objects that are stored as they are nothing is read, but the smallest to see whether ETags are md5s", async () => {
    const files = { small: randomBytes(1000), empty: Buffer.alloc(0), "é/a+b %": randomBytes(3 * MIB) };
    for (const [key, content] of Object.entries(files)) await put(key, content);
    proxy.reset();
    expect(await clean(backup(config()))).toEqual({ new: 3 });
    expect(contentRead()).toBe(1000);
    expect(proxy.count("GetObject").requests).toBe(1);
    expect(proxy.count("PutObject").requests).toBe(0);
    expect(proxy.count("CopyObject").requests).toBe(3);
    expect(await clean(backup(config()))).toEqual({ unchanged: 3 });
    expect(await clean(verify(config()))).toEqual({ intact: 3 });
    expect(await clean(restore(config()))).toEqual({ restored: 3 });
    expect(filesIn(world.restored)).toEqual(Object.keys(files).sort());
  });

  it("an unchanged run costs listings, and a look at the settings", async () => {
    for (let i = 0; i < 30; i++) await put(`file ${i}`, randomBytes(100));
    for (const container of ["classic", "segmented"] as const) {
      const settings = config({ container, encrypt: true, compress: true });
      await clean(backup(settings));
      proxy.reset();
      expect(await clean(backup(settings))).toEqual({ unchanged: 30 });
      const { ListObjectsV2, ListMultipartUploads, GetObject, ...others } = proxy.table();
      expect(Object.keys(others)).toEqual([]);
      expect(proxy.count("ListObjectsV2").requests).toBe(2);
      expect(proxy.count("ListMultipartUploads").requests).toBe(1);
      expect(proxy.count("GetObject").requests).toBe(1);
      await dropBucket(to);
      to = await freshBucket({ endpointUrl: proxy.url });
    }
  });

  it("a changed object replaces the old version, with and without a history", async () => {
    await put("small", randomBytes(10));
    for (const [i, versionsKeepDays] of [null, 30].entries()) {
      await put("file", randomBytes(100_000 + i));
      await clean(backup(config({ versionsKeepDays })));
      await put("file", randomBytes(200_000 + i));
      proxy.reset();
      expect(await clean(backup(config({ versionsKeepDays })))).toEqual({ changed: 1, unchanged: 1 });
      expect(contentRead()).toBeLessThan(1000); // the settings and the ETags are tried on the small one
    }
    expect(await clean(verify(config({ versionsKeepDays: 30 })))).toEqual({ intact: 4 });
  });

  it.each([null, 30])(
    "what was moved or touched is not read (versions_keep_days %s)",
    async (versionsKeepDays) => {
      const settings = config({ versionsKeepDays });
      const [moved, touched] = [randomBytes(100_000), randomBytes(200_000)];
      await put("small", randomBytes(10));
      await put("moved", moved);
      await put("touched", touched);
      await clean(backup(settings));
      await sleep(1001); // LastModified has whole seconds
      await source.remove(["moved"]);
      await put("to/here", moved);
      await put("touched", touched);
      proxy.reset();
      const dry = await backup(settings, { dryRun: true });
      expect(dry.outcomes).toEqual({ unchanged: 1, moved: 1, touched: 1, deleted: 1 });
      expect(await clean(backup(settings))).toEqual({ unchanged: 1, moved: 1, touched: 1, deleted: 1 });
      expect(contentRead()).toBeLessThan(20_000);
      expect(proxy.count("PutObject").requests).toBe(0);
      await clean(verify(settings));
      await clean(restore(settings));
      expect(filesIn(world.restored)).toEqual(["small", "to/here", "touched"]);
    },
  );

  it("a bucket whose ETags are no md5s is read, and told of", async () => {
    for (let i = 0; i < 3; i++) await put(`file ${i}`, randomBytes(1000));
    const other: OpenStorage = async (storage, side) => {
      const opened = await openStorage(storage, side);
      opened.read = async function* () {
        yield Buffer.from("something else");
      };
      return opened;
    };
    const { told } = await backup(config(), { openStorage: other });
    expect(told.infos).toContainEqual(expect.stringMatching(/cannot be relied on to tell md5s/));
    expect(proxy.count("CopyObject").requests).toBe(0);
    expect(await clean(verify(config()))).toEqual({ intact: 3 });
  });

  it("of several sources each is asked for itself, and a folder is read", async () => {
    const { src: _, ...rest } = config();
    const half = (name: string, storage: StorageConfig) => ({ name, storage, excludes: [] });
    for (const key of ["one/file", "two/file"]) await put(key, randomBytes(1000));
    world.write("file", "content");
    const below = (folder: string) => ({ ...from, basePath: `${from.basePath}/${folder}` });
    const folder = { kind: "local", path: world.src } as const;
    const sources = [half("a", below("one")), half("b", folder), half("c", below("two"))];
    proxy.reset();
    expect(await clean(backup({ ...rest, sources }))).toEqual({ new: 3 });
    expect(proxy.count("GetObject").requests).toBe(2);
    expect(proxy.count("CopyObject").requests).toBe(2);
    expect(proxy.count("PutObject").requests).toBe(1);
    expect(await clean(verify({ ...rest, sources }))).toEqual({ intact: 3 });
  });

  it.each<[string, Partial<Config>]>([
    ["compressed", { compress: true }],
    ["encrypted", { encrypt: true }],
    ["of the segmented container", { container: "segmented", compression: "none" }],
  ])("objects that are to be %s are read", async (_, settings) => {
    await put("file", randomBytes(1000));
    await clean(backup(config(settings)));
    expect(contentRead()).toBeGreaterThanOrEqual(1000);
    expect(proxy.count("CopyObject").requests).toBe(0);
    expect(await clean(verify(config(settings)))).toEqual({ intact: 1 });
  });

  it("an object that came in parts is read: its ETag is not its md5", async () => {
    await putInParts("parts", randomBytes(9 * MIB));
    await clean(backup(config()));
    expect(contentRead()).toBeGreaterThanOrEqual(9 * MIB);
    expect(await clean(verify(config()))).toEqual({ intact: 1 });
  });

  it("a key that no read could name is an error, as on any route, and says nothing of the bucket's ETags", async () => {
    await sendPut("..", { Body: "tiny" });
    await put("file", randomBytes(1000));
    const { errors, outcomes, told } = await backup(config());
    expect([errors, outcomes]).toEqual([{ failed: 1 }, { new: 1, failed: 1 }]);
    expect(told.errors).toMatchObject([{ path: "..", code: "EKEY" }]);
    expect(told.infos.join()).not.toMatch(/md5s/);
    expect(proxy.count("CopyObject").requests).toBe(1);
  });

  it("what lies with another service is read", async () => {
    await put("file", randomBytes(1000));
    const elsewhere = { ...to, endpointUrl: (await s3Server()).endpoint };
    await clean(backup({ ...config(), dest: elsewhere }));
    expect(contentRead()).toBeGreaterThanOrEqual(1000);
    expect(await clean(verify({ ...config(), dest: elsewhere }))).toEqual({ intact: 1 });
  });

  it("what lies with another account is read", async () => {
    const theirs = await freshBucket({
      endpointUrl: proxy.url,
      credentials: (await s3Server()).otherCredentials,
    });
    const storage = new S3Storage(theirs, "destination");
    await storage.create();
    await storage.write("file", randomBytes(1000));
    await storage.close();
    try {
      expect(await clean(backup({ ...config(), src: theirs }))).toEqual({ new: 1 });
      expect(proxy.count("CopyObject").requests).toBe(0);
      expect(contentRead()).toBeGreaterThanOrEqual(1000);
    } finally {
      await dropBucket(theirs);
    }
  });

  it("a server that does not copy between buckets is asked once, and then read from", async () => {
    for (let i = 0; i < 5; i++) await put(`file ${i}`, randomBytes(1000));
    const effect = { kind: "status", status: 501, code: "NotImplemented" } as const;
    proxy.fail({ operation: "CopyObject", times: 1000, effect });
    expect(await clean(backup(config()))).toEqual({ new: 5 });
    expect(contentRead()).toBeGreaterThanOrEqual(5000);
    expect(proxy.count("CopyObject").requests).toBe(1); // there is one worker
    expect(await clean(verify(config()))).toEqual({ intact: 5 });
  });

  it("one that forbids it, too", async () => {
    for (let i = 0; i < 5; i++) await put(`file ${i}`, randomBytes(1000));
    proxy.fail({ operation: "CopyObject", times: 1000, effect: DENIED });
    expect(await clean(backup(config()))).toEqual({ new: 5 });
    expect(proxy.count("CopyObject").requests).toBe(1);
    expect(await clean(verify(config()))).toEqual({ intact: 5 });
  });

  it("each file costs a look at the original, a copy, and a look at it", async () => {
    for (let i = 0; i < 5; i++) await put(`file ${i}`, randomBytes(1000));
    proxy.reset();
    expect(await clean(backup(config()))).toEqual({ new: 5 });
    expect(proxy.count("HeadObject").requests).toBe(10);
    expect(proxy.count("CopyObject").requests).toBe(5);
  });

  it("a copy is like what is written from here: nothing that the source says beside the content is kept", async () => {
    await sendPut("file", { ContentType: "text/plain", Metadata: { color: "red" }, Tagging: "a=b" });
    await clean(backup(config()));
    expect(proxy.count("CopyObject").requests).toBe(1);
    expect(await headersOfCopies()).toEqual([undefined]);
  });

  it("an object that is replaced while it is copied is stored as it is then", async () => {
    await put("file", randomBytes(1000));
    const status = { kind: "status", status: 412, code: "PreconditionFailed" } as const;
    proxy.fail({ operation: "CopyObject", effect: status });
    expect(await clean(backup(config()))).toEqual({ new: 1 });
    expect(proxy.count("CopyObject").requests).toBe(2);
    expect(await clean(verify(config()))).toEqual({ intact: 1 });
  });

  it("an object that was replaced since it was listed is copied as it is now", async () => {
    await put("small", randomBytes(10));
    await put("replaced", randomBytes(1000));
    const after = randomBytes(2000);
    await clean(backup(config(), { openStorage: afterListing(() => put("replaced", after)) }));
    expect(contentRead()).toBeLessThan(1000); // of answers that refuse
    expect(proxy.count("CopyObject").requests).toBe(2);
    await clean(restore(config()));
    expect(fs.readFileSync(path.join(world.restored, "replaced"))).toEqual(after);
  });

  it("an object that has gone since it was listed is told of, and the others are copied", async () => {
    for (const key of ["a", "b"]) await put(key, randomBytes(1000));
    await put("small", randomBytes(10));
    const remove = async () => void (await source.remove(["a"]));
    const { told, outcomes } = await backup(config(), { openStorage: afterListing(remove) });
    expect(told.errors).toEqual([]);
    expect(outcomes).toEqual({ new: 2, "vanished while running": 1 });
    expect(proxy.count("CopyObject").requests).toBe(2);
    expect(contentRead()).toBeLessThan(1000);
  });

  it("one that goes just then keeps no other from being copied", async () => {
    for (const key of ["a", "b", "c"]) await put(key, randomBytes(1000));
    const status = { kind: "status", status: 404, code: "NoSuchKey" } as const;
    proxy.fail({ operation: "CopyObject", effect: status });
    expect(await clean(backup(config()))).toEqual({ new: 3 });
    expect(proxy.count("CopyObject").requests).toBe(3);
  });

  describe("a copy that is not like the original", () => {
    const odd = `<CopyObjectResult><ETag>"${"0".repeat(32)}"</ETag></CopyObjectResult>`;
    beforeEach(async () => {
      for (const key of ["a", "b"]) await put(key, randomBytes(1000));
      proxy.reset();
    });

    it.each<[string, Fault]>([
      [
        "by the answer",
        { operation: "CopyObject", effect: { kind: "replace-answer", status: 200, body: odd } },
      ],
      [
        "by its size",
        {
          operation: "HeadObject",
          when: ({ bucket }) => bucket === to.bucket,
          effect: { kind: "status", status: 200, body: "", headers: { etag: `"${"0".repeat(32)}"` } },
        },
      ],
    ])("%s is removed, and the objects are read from then on", async (_, fault) => {
      proxy.fail(fault);
      expect(await clean(backup(config()))).toEqual({ new: 2 });
      expect(proxy.unmet()).toEqual([]);
      const operations = proxy.calls.map(({ operation }) => operation);
      expect(operations.filter((name) => name === "CopyObject").length).toBe(1);
      expect(operations.indexOf("DeleteObject")).toBeGreaterThan(operations.indexOf("CopyObject"));
      expect(operations.indexOf("PutObject")).toBeGreaterThan(operations.indexOf("DeleteObject"));
      expect(await clean(verify(config()))).toEqual({ intact: 2 });
    });

    // Another run may have listed it by then, and removed the version before.
    it("cannot be told where the look at it fails: what the server has answered counts", async () => {
      const when = ({ bucket }: { bucket: string }) => bucket === to.bucket;
      proxy.fail({ operation: "HeadObject", when, effect: DENIED });
      expect(await clean(backup(config()))).toEqual({ new: 2 });
      expect(proxy.unmet()).toEqual([]);
      expect(proxy.count("DeleteObject").requests).toBe(0);
      expect(await clean(verify(config()))).toEqual({ intact: 2 });
    });

    it("and cannot be removed fails its file, by name", async () => {
      proxy.fail({ operation: "CopyObject", effect: { kind: "replace-answer", status: 200, body: odd } });
      proxy.fail({ operation: "DeleteObject", effect: DENIED });
      const { outcomes, told } = await backup(config());
      expect(outcomes).toEqual({ new: 1, failed: 1 });
      expect(told.errors).toMatchObject([
        { side: "destination", code: "EKEPT", path: "a", remedy: expect.stringMatching(/ a\..*\.enc /) },
      ]);
    });
  });
});
