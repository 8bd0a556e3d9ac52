import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { S3StorageConfig } from "../../../src/config/config.ts";
import type { Side } from "../../../src/errors.ts";
import { S3Storage } from "../../../src/storage/s3/s3-storage.ts";
import { FaultProxy } from "../../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../../s3-server/s3-server.ts";
import { list } from "../conformance.ts";

const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`S3 buckets${skip === undefined ? "" : ` (${skip})`}`, () => {
  const made: S3StorageConfig[] = [];
  const storages: S3Storage[] = [];
  let proxy: FaultProxy;
  const fresh = async (overrides: Partial<S3StorageConfig> = {}) => {
    const config = await freshBucket(overrides);
    made.push(config);
    return config;
  };
  const open = (config: S3StorageConfig, side: Side = "destination") => {
    const storage = new S3Storage(config, side, { attempts: 2, retryBaseMs: 1 });
    storages.push(storage);
    return storage;
  };
  beforeAll(async () => {
    proxy = await FaultProxy.start((await s3Server()).endpoint);
  }, 120_000);
  afterAll(async () => {
    await Promise.all(storages.map((storage) => storage.close()));
    await Promise.all(made.map(dropBucket));
    await proxy?.stop();
  }, 60_000);

  it("are made for a destination, in us-east-1", async () => {
    const storage = open(await fresh());
    await storage.create();
    expect(await list(storage)).toEqual([]);
  });

  it("are made in another region too, with servers that know it and with those that do not", async () => {
    const config = await fresh({ regionName: "eu-central-1", endpointUrl: proxy.url });
    const storage = open(config);
    await storage.create();
    expect(await list(storage)).toEqual([]);
    // Ceph refuses the region's name first.
    expect(proxy.count("CreateBucket").requests).toBe(2);
    expect(proxy.count("CreateBucket").sentBody).toBeGreaterThan(0);
  });

  it.each<Side>(["source", "restore"])("are not made for a %s", async (side) => {
    const storage = open(await fresh(), side);
    await expect(storage.create()).rejects.toMatchObject({ code: "ENOENT", side });
    await expect(list(storage)).rejects.toMatchObject({ code: "ENOENT", side });
  });

  it("that belong to someone else are neither made nor used, and the error says what to check", async () => {
    const config = await fresh();
    await open(config).create();
    const other = open({ ...config, credentials: (await s3Server()).otherCredentials });
    const expected = { code: "AccessDenied", remedy: expect.stringContaining("policy") };
    await expect(other.create()).rejects.toMatchObject(expected);
    await expect(list(other)).rejects.toMatchObject(expected);
    await expect(other.write("k", Buffer.from("x"))).rejects.toMatchObject({ ...expected, path: "k" });
    await expect(other.readWhole("k")).rejects.toMatchObject(expected);
    await expect(other.stat("k")).rejects.toMatchObject(expected);
    expect(await other.remove(["k"])).toMatchObject([{ key: "k", error: expected }]);
  });

  it("are never made after a 403", async () => {
    const storage = open(await fresh({ endpointUrl: proxy.url }));
    proxy.reset();
    proxy.fail({ operation: "HeadBucket", effect: { kind: "status", status: 403 } });
    await expect(storage.create()).rejects.toMatchObject({ code: "AccessDenied" });
    expect(proxy.count("CreateBucket").requests).toBe(0);
  });

  it("with wrong credentials say which setting to check", async () => {
    const { credentials } = await s3Server();
    const config = await fresh();
    const unknown = open({ ...config, credentials: { ...credentials, accessKeyId: "NOBODY00000000000000" } });
    await expect(list(unknown)).rejects.toMatchObject({
      remedy: expect.stringContaining("aws_access_key_id"),
    });
    const wrong = open({ ...config, credentials: { ...credentials, secretAccessKey: "wrong" } });
    await expect(list(wrong)).rejects.toMatchObject({
      remedy: expect.stringContaining("aws_secret_access_key"),
    });
  });

  it("that cannot be reached say so after their attempts", async () => {
    const storage = open(await fresh({ endpointUrl: "http://127.0.0.1:9" }));
    made.pop();
    await expect(list(storage)).rejects.toMatchObject({
      code: "ECONNREFUSED",
      remedy: expect.stringContaining("endpoint_url"),
    });
  });

  it("list more than one page, sorted, fetching no page twice, and remove them in thousands", async () => {
    const storage = open(await fresh({ endpointUrl: proxy.url, basePath: "deep/er" }));
    await storage.create();
    proxy.reset();
    const keys = Array.from({ length: 2100 }, (_, i) => `f${i % 7}/n${i}`).sort();
    for (let i = 0; i < keys.length; i += 100) {
      await Promise.all(keys.slice(i, i + 100).map((key) => storage.write(key, Buffer.alloc(0))));
    }
    const batches: number[] = [];
    const seen: string[] = [];
    for await (const batch of storage.list()) {
      batches.push(batch.length);
      seen.push(...batch.map(({ key }) => key));
    }
    expect(batches).toEqual([1000, 1000, 100]);
    expect(seen).toEqual(keys);
    expect(proxy.count("ListObjectsV2").requests).toBe(3);
    expect(await storage.remove([...keys, "absent"])).toEqual([]);
    expect(proxy.count("DeleteObjects").requests).toBe(3);
    expect(await list(storage)).toEqual([]);
  }, 60_000);

  it("show neither folder markers nor what lies beside the base path", async () => {
    const config = await fresh();
    const whole = open(config);
    await whole.create();
    for (const key of ["base/", "base/x", "base2/y", "base/folder/", "base"])
      await whole.write(key, Buffer.alloc(0));
    await whole.write("base/real/", Buffer.from("has content"));
    const storage = open({ ...config, basePath: "base" });
    expect((await list(storage)).map(({ key }) => key)).toEqual(["real/", "x"]);
  });

  it("keep the storage class on every way in, unless another is asked for", async () => {
    const config = await fresh({ storageClass: "STANDARD_IA" });
    const storage = open(config);
    await storage.create();
    await storage.write("put", Buffer.from("x"));
    await storage.copy("put", "copied");
    await storage.upload("uploaded", [Buffer.from("x")] as unknown as AsyncIterable<Uint8Array>, {
      sizeHint: 1,
    });
    const writer = await storage.createWriter("parts", { sizeHint: 9 * 2 ** 20 });
    await writer.write(Buffer.alloc(9 * 2 ** 20));
    await writer.finish();
    const { S3Client, HeadObjectCommand } = await import("@aws-sdk/client-s3");
    const { endpoint, region, credentials } = await s3Server();
    const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    const classOf = async (Key: string) =>
      (await client.send(new HeadObjectCommand({ Bucket: config.bucket, Key }))).StorageClass ?? "STANDARD";
    for (const key of ["put", "copied", "uploaded", "parts"])
      expect(await classOf(key), key).toBe("STANDARD_IA");
    const other = { storageClass: "STANDARD" };
    await storage.write("put", Buffer.from("x"), other);
    await storage.copy("put", "copied", other);
    await storage.rename("uploaded", "renamed", other);
    const large = await storage.createWriter("parts", { sizeHint: 9 * 2 ** 20, ...other });
    await large.write(Buffer.alloc(9 * 2 ** 20));
    await large.finish();
    for (const key of ["put", "copied", "renamed", "parts"]) expect(await classOf(key), key).toBe("STANDARD");
    client.destroy();
  });

  it("pin a read to the version that was listed", async () => {
    const storage = open(await fresh());
    await storage.create();
    await storage.write("k", Buffer.from("one"));
    const [listed] = await list(storage);
    const etag = listed?.etag ?? "";
    expect(etag).toMatch(/^[0-9a-f]{32}$/);
    expect((await storage.readWhole("k", { etag })).toString()).toBe("one");
    await storage.write("k", Buffer.from("two"));
    const expected = { code: "ECHANGED", path: "k" };
    await expect(storage.readWhole("k", { etag })).rejects.toMatchObject(expected);
    await expect(storage.readWhole("k", { etag, range: { start: 0, end: 0 } })).rejects.toMatchObject(
      expected,
    );
  });

  it("find and abort uploads that a dead process left", async () => {
    const storage = open(await fresh({ basePath: "b" }));
    await storage.create();
    const writer = await storage.createWriter("left + behind%41\n", { sizeHint: 20 * 2 ** 20 });
    await writer.write(Buffer.alloc(17 * 2 ** 20));
    let uploads = await storage.listUploads();
    for (let i = 0; i < 50 && uploads.length === 0; i++) uploads = await storage.listUploads();
    expect(uploads).toMatchObject([{ key: "left + behind%41\n" }]);
    expect(Math.abs((uploads[0]?.initiated ?? 0) - Date.now())).toBeLessThan(3_600_000);
    for (const upload of uploads) await storage.abortUpload(upload);
    for (const upload of uploads) await storage.abortUpload(upload); // gone is as good as aborted
    await writer.abort();
    expect(await storage.listUploads()).toEqual([]);
  });
});
