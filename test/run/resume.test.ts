/**
 * Uploads that are cut off, by a kill, a signal or the network, and go on in the next run, which remembers nothing:
 * what was sent is not sent again but for at most 64 MiB.
 */
import { createCipheriv } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Config, S3StorageConfig } from "../../src/config/config.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { UnfinishedUpload } from "../../src/storage/storage.ts";
import { FaultProxy } from "../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../s3-server/s3-server.ts";
import { configure, type Ended, start } from "./command.ts";
import { LONG } from "./long.ts";
import { backup, clean, configOf, restore, treeOf, World } from "./world.ts";

const MIB = 2 ** 20;
const SIZE = 44 * MIB;
const PART = 8 * MIB;
const PARTS = 6;
/** Less than a quarter, so that a delta is made. */
const PATCH = 10 * MIB;
/** Parts in flight, and the one that fills. */
const TWICE = 4 * PART;
const skip = whyNoServer();

const content = (seed: string, length = SIZE) =>
  createCipheriv("aes-256-ctr", Buffer.alloc(32, seed), Buffer.alloc(16)).update(Buffer.alloc(length));

describe.skipIf(skip !== undefined)(`an upload that was cut off${skip ? ` (${skip})` : ""}`, () => {
  let world: World;
  let proxy: FaultProxy;
  let bucket: S3StorageConfig;

  beforeAll(async () => {
    proxy = await FaultProxy.start((await s3Server()).endpoint);
  }, 120_000);
  afterAll(() => proxy?.stop());
  beforeEach(async () => {
    world = new World();
    bucket = await freshBucket({ endpointUrl: proxy.url });
    world.write("a small file.txt", "from which the next run learns the salt");
    await clean(backup(config()));
    world.write("large.img", content("large"));
  });
  afterEach(async () => {
    const unmet = proxy.unmet();
    proxy.reset();
    await dropBucket(bucket);
    world.dispose();
    expect(unmet, "a planned fault did not strike").toEqual([]);
  });

  function config(settings: Partial<Config> = {}): Config {
    const { salt: _, ...rest } = configOf({ src: world.src, dest: bucket, restore: world.restored });
    return { ...rest, container: "segmented", ...settings };
  }

  /** Runs the command, and ends it by a signal as soon as `when` says so. */
  async function runUntil(when: () => boolean, signal: "SIGKILL" | "SIGTERM", settings = {}): Promise<Ended> {
    const { credentials } = bucket;
    const file = configure(
      world,
      {
        s3_bucket: bucket.bucket,
        endpoint_url: proxy.url,
        region_name: bucket.regionName,
        aws_access_key_id: credentials?.accessKeyId,
        aws_secret_access_key: credentials?.secretAccessKey,
      },
      { container: "segmented", ...settings },
    );
    proxy.reset();
    const { child, ended } = start(file);
    let over = false;
    void ended.then(() => {
      over = true;
    });
    while (!over && !when()) await sleep(5);
    child.kill(signal);
    return ended;
  }

  async function unfinished(): Promise<UnfinishedUpload[]> {
    const storage = await openStorage(bucket, "destination");
    try {
      return await storage.listUploads();
    } finally {
      await storage.close();
    }
  }

  const sentParts = () => proxy.count("UploadPart").sentBody;

  /** The next run: how many bytes of parts it sends. */
  async function finish(settings: Partial<Config> = {}): Promise<number> {
    proxy.reset();
    const { told, result } = await backup(config(settings));
    expect(told.errors).toEqual([]);
    expect(told.warnings).toEqual([]);
    expect(await unfinished()).toEqual([]);
    const sent = sentParts();
    if (sent > 0) expect(Math.abs(result.sentBytes - sent)).toBeLessThan(MIB);
    proxy.reset();
    await clean(restore(config(settings)));
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    return sent;
  }

  it.each(LONG ? [1, 3, 5, 6] : [3])(
    "by SIGKILL, while part number %i is on its way, goes on where it was",
    async (number) => {
      await runUntil(() => proxy.count("UploadPart").requests >= number, "SIGKILL");
      const before = sentParts();
      const after = await finish();
      expect(before + after).toBeLessThanOrEqual(SIZE + TWICE);
      expect(after).toBeLessThanOrEqual(SIZE - (number - 3) * PART + MIB);
      expect(proxy.count("CreateMultipartUpload").requests).toBe(0);
    },
  );

  it("by SIGKILL, before it could be completed, sends nothing again", async () => {
    proxy.reset();
    const stalled = () => proxy.count("CompleteMultipartUpload").requests > 0;
    const running = runUntil(stalled, "SIGKILL");
    proxy.fail({ operation: "CompleteMultipartUpload", effect: { kind: "stall" } });
    await running;
    expect(proxy.unmet()).toEqual([]);
    expect(await finish()).toBe(0);
  });

  it.skipIf(!LONG)("by SIGKILL, with encrypted names and the other cipher, goes on too", async () => {
    const names = { encryptFilenames: true, encryptionType: "cha" } as const;
    await dropBucket(bucket);
    world.remove("large.img");
    await clean(backup(config(names)));
    world.write("large.img", content("large"));
    const settings = { encrypt_filenames: true, encryption_type: "cha" };
    await runUntil(() => proxy.count("UploadPart").requests >= 5, "SIGKILL", settings);
    expect(await finish(names)).toBeLessThanOrEqual(SIZE - 2 * PART + MIB);
  });

  it("under a salt that nobody knows any more is left alone", async () => {
    await dropBucket(bucket);
    world.remove("a small file.txt");
    const settings = { encrypt_filenames: true, metadata: false }; // manifests would give the salt away
    await runUntil(() => proxy.count("UploadPart").requests >= 2, "SIGKILL", settings);
    const { told } = await backup(config({ encryptFilenames: true }));
    expect(told.errors).toEqual([]);
    expect(await unfinished()).toHaveLength(1);
  });

  it("by SIGTERM keeps what was sent", async () => {
    const { code } = await runUntil(() => proxy.count("UploadPart").requests >= 5, "SIGTERM");
    expect(code).toBe(143);
    expect(await unfinished()).toHaveLength(1);
    expect(await finish()).toBeLessThanOrEqual(SIZE - 2 * PART + MIB);
  });

  it("is given up, with all it sent, when the file is another by then", async () => {
    await runUntil(() => proxy.count("UploadPart").requests >= 5, "SIGKILL");
    world.write("large.img", content("other"), 5);
    expect(await finish()).toBeGreaterThan(SIZE);
  });

  it("sends again what is there with other bytes", async () => {
    await runUntil(() => proxy.count("UploadPart").requests >= 5, "SIGKILL");
    const [upload] = await unfinished();
    await sendPart(upload as UnfinishedUpload, 2, content("foreign", PART));
    const sent = await finish();
    expect(sent).toBeGreaterThanOrEqual(PART);
    expect(sent).toBeLessThanOrEqual(SIZE - PART + MIB);
  });

  it("is left alone where it has more parts than the file, and is gone afterwards", async () => {
    await runUntil(() => proxy.count("UploadPart").requests >= 2, "SIGKILL");
    const [upload] = await unfinished();
    await sendPart(upload as UnfinishedUpload, PARTS + 1, content("foreign", 1000));
    expect(await finish()).toBeGreaterThan(SIZE);
  });

  it("starts again where the upload is taken away meanwhile", async () => {
    await runUntil(() => proxy.count("UploadPart").requests >= 4, "SIGKILL");
    proxy.reset();
    const effect = { kind: "status", status: 404, code: "NoSuchUpload" } as const;
    proxy.fail({ operation: "UploadPart", effect });
    const { told } = await backup(config());
    expect(told.errors).toEqual([]);
    expect(proxy.unmet()).toEqual([]);
    expect(await finish()).toBe(0);
  });

  it("begins anew where another run took it away, in the classic container, too", async () => {
    const settings = { container: "classic", compress: false } as const;
    await dropBucket(bucket);
    world.write("large.img", content("large", 11 * MIB));
    const effect = { kind: "status", status: 404, code: "NoSuchUpload" } as const;
    proxy.fail({ operation: "CompleteMultipartUpload", effect });
    expect(await clean(backup(config(settings)))).toEqual({ new: 2 });
    await finish(settings);
  });

  it("of a delta is never continued, but begins anew", async () => {
    await clean(backup(config()));
    const changed = content("large");
    content("patch", PATCH).copy(changed, 20 * MIB);
    world.write("large.img", changed, 5);
    proxy.reset();
    const cut = runUntil(() => proxy.count("CompleteMultipartUpload").requests > 0, "SIGKILL");
    proxy.fail({ operation: "CompleteMultipartUpload", effect: { kind: "stall" } });
    await cut;
    expect(proxy.count("UploadPartCopy").requests).toBe(1);
    const sent = await finish();
    expect(sent).toBeGreaterThan(PATCH);
    expect(sent).toBeLessThan(PATCH + MIB);
  });

  it("of a delta does not mislead a full upload of the same version", async () => {
    await clean(backup(config()));
    const changed = content("large");
    content("patch", PATCH).copy(changed, 20 * MIB);
    world.write("large.img", changed, 5);
    const cut = runUntil(() => proxy.count("CompleteMultipartUpload").requests > 0, "SIGKILL");
    proxy.fail({ operation: "CompleteMultipartUpload", effect: { kind: "stall" } });
    await cut;
    expect(await finish({ delta: "off" })).toBeGreaterThan(SIZE);
  });

  async function sendPart(upload: UnfinishedUpload, number: number, body: Buffer): Promise<void> {
    const { S3Client, UploadPartCommand } = await import("@aws-sdk/client-s3");
    const client = new S3Client({
      endpoint: proxy.url,
      region: bucket.regionName ?? "us-east-1",
      forcePathStyle: true,
      ...(bucket.credentials && { credentials: bucket.credentials }),
    });
    const { key: Key, uploadId: UploadId } = upload;
    await client.send(
      new UploadPartCommand({ Bucket: bucket.bucket, Key, UploadId, PartNumber: number, Body: body }),
    );
    client.destroy();
  }
});
