import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config, S3StorageConfig } from "../../src/config/config.ts";
import { S3Storage } from "../../src/storage/s3/s3-storage.ts";
import { FaultProxy } from "../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../s3-server/s3-server.ts";
import { backup, clean, filesIn, restore, verify, World } from "./world.ts";

const skip = whyNoServer();
const MIB = 2 ** 20;

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

  async function put(key: string, content: Uint8Array): Promise<void> {
    await source.write(key, content);
  }

  async function putInParts(key: string, content: Uint8Array): Promise<void> {
    const writer = await source.createWriter(key, { sizeHint: content.length });
    await writer.write(content);
    await writer.finish();
  }

  it("nothing is read of objects that are stored as they are", async () => {
    const files = { small: randomBytes(1000), empty: Buffer.alloc(0), "é/a+b %": randomBytes(3 * MIB) };
    for (const [key, content] of Object.entries(files)) await put(key, content);
    proxy.reset();
    expect(await clean(backup(config()))).toEqual({ new: 3 });
    expect(contentRead()).toBe(0);
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
    for (const versionsKeepDays of [null, 30]) {
      await put("file", randomBytes(100 + (versionsKeepDays ?? 0)));
      await clean(backup(config({ versionsKeepDays })));
      await put("file", randomBytes(200 + (versionsKeepDays ?? 0)));
      proxy.reset();
      expect(await clean(backup(config({ versionsKeepDays })))).toEqual({ changed: 1 });
      expect(contentRead()).toBeLessThan(200); // the settings are tried on an old object
    }
    expect(await clean(verify(config({ versionsKeepDays: 30 })))).toEqual({ intact: 3 });
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

  it("what lies with another account or service is read", async () => {
    await put("file", randomBytes(1000));
    const elsewhere = { ...to, endpointUrl: (await s3Server()).endpoint };
    await clean(backup({ ...config(), dest: elsewhere }));
    expect(contentRead()).toBeGreaterThanOrEqual(1000);
    expect(await clean(verify({ ...config(), dest: elsewhere }))).toEqual({ intact: 1 });
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
});
