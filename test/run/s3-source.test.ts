/** A bucket as the source of whole runs, when the server, or something before it, misbehaves. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config, S3StorageConfig } from "../../src/config/config.ts";
import { S3Storage } from "../../src/storage/s3/s3-storage.ts";
import { type Effect, FaultProxy } from "../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../s3-server/s3-server.ts";
import { backup, clean, filesIn, md5, restore, verify, World } from "./world.ts";

const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`a run from a bucket${skip ? ` (${skip})` : ""}`, () => {
  let world: World;
  let proxy: FaultProxy;
  let src: S3StorageConfig;
  let source: S3Storage;
  let config: Config;
  beforeEach(async () => {
    world = new World();
    proxy = await FaultProxy.start((await s3Server()).endpoint);
    src = { ...(await freshBucket({ endpointUrl: proxy.url })), basePath: "base" };
    source = new S3Storage(src, "destination");
    await source.create();
    config = { ...world.config(), src };
  }, 120_000);
  afterEach(async () => {
    await source.close();
    await dropBucket(src);
    await proxy.stop();
    world.dispose();
  });

  /** What a server or cache answers that does not mind If-Match. */
  const answer = (body: Uint8Array, etag: string, headers: Record<string, string> = {}): Effect => ({
    kind: "status",
    status: "content-range" in headers ? 206 : 200,
    body,
    headers: { etag, "content-type": "binary/octet-stream", ...headers },
  });

  it("a body that broke off went on with the bytes of another object: it is read again", async () => {
    const content = Buffer.alloc(3 * 2 ** 20, "A");
    await source.write("file", content);
    proxy.fail({ operation: "GetObject", effect: { kind: "truncate", bytes: 2 ** 20 } });
    const other = Buffer.alloc(2 * 2 ** 20, "B");
    const rest = answer(other, '"other"', { "content-range": "bytes 1048576-3145727/3145728" });
    proxy.fail({ operation: "GetObject", effect: rest });
    expect(await clean(backup(config))).toEqual({ new: 1 });
    expect(proxy.unmet()).toEqual([]);
    await clean(restore(config));
    expect(fs.readFileSync(path.join(world.restored, "file")).equals(content)).toBe(true);
  });

  it.each([
    ["another ETag", '"other"'],
    ["the same ETag", undefined],
  ])(
    "an object of another length was stored under the listed size: it has changed (%s)",
    async (_, other) => {
      await source.write("file", Buffer.from("as it was listed"));
      const etag = other ?? `"${(await source.stat("file"))?.etag}"`;
      const effect = answer(Buffer.from("something else, and longer"), etag);
      proxy.fail({ operation: "GetObject", effect, times: 3 });
      const failed = await backup(config);
      expect(failed.told.errors).toMatchObject([{ side: "source", path: "file", code: "ECHANGED" }]);
      expect(await clean(backup(config))).toEqual({ new: 1 });
      proxy.fail({ operation: "GetObject", effect });
      await source.write("file 2", Buffer.from("another"));
      expect(await clean(backup(config))).toEqual({ new: 1, unchanged: 1 });
      expect(await clean(verify(config))).toEqual({ intact: 2 });
    },
  );

  it.each([
    ["small", 1000],
    ["large", 11 * 2 ** 20],
  ])("a %s object that was damaged on the way was stored so for good: it is read again", async (_, size) => {
    const content = Buffer.alloc(size, "a line of text\n");
    await source.write("file", content);
    const damaged = Buffer.from(content);
    damaged[size >> 1] = 0;
    const effect = answer(damaged, `"${md5(content)}"`);
    proxy.fail({ operation: "GetObject", effect });
    expect(await clean(backup(config))).toEqual({ new: 1 });
    expect(proxy.unmet()).toEqual([]);
    await clean(restore(config));
    expect(fs.readFileSync(path.join(world.restored, "file")).equals(content)).toBe(true);
  });

  it("objects whose ETags only look like md5s are read twice until one has shown that, and stored as they are", async () => {
    for (const key of ["a", "b", "c"]) {
      await source.write(key, Buffer.from(`listed ${key}`));
      const effect = answer(Buffer.from(`stored ${key}`), `"${md5(`listed ${key}`)}"`);
      proxy.fail({
        operation: "GetObject",
        when: (call) => call.key === `base/${key}`,
        effect,
        times: key === "a" ? 2 : 1,
      });
    }
    expect(await clean(backup(config))).toEqual({ new: 3 });
    expect(proxy.unmet()).toEqual([]);
    expect(proxy.count("GetObject").requests).toBe(4);
    await clean(restore(config));
    for (const key of ["a", "b", "c"])
      expect(fs.readFileSync(path.join(world.restored, key), "utf8")).toBe(`stored ${key}`);
  });

  it("a bucket that went in the midst of a run made all its files vanish: they are errors", async () => {
    for (const key of ["a", "b", "c"]) await source.write(key, Buffer.from(key));
    await clean(backup(config));
    for (const key of ["a", "b", "d"]) await source.write(key, Buffer.from(`new ${key}`));
    const gone: Effect = { kind: "status", status: 404, code: "NoSuchBucket" };
    for (const operation of ["GetObject", "HeadObject"]) proxy.fail({ operation, effect: gone, times: 99 });
    for (const metadata of [false, true]) {
      const { outcomes, told } = await backup({
        ...config,
        metadata,
        container: metadata ? "segmented" : "classic",
      });
      expect(outcomes).not.toHaveProperty("vanished while running");
      const named = told.errors.filter(({ code, side }) => code === "NoSuchBucket" && side === "source");
      expect(named.map((error) => error.path)).toEqual(expect.arrayContaining(["a", "b", "d"]));
    }
  });

  it("an object that went since it was listed has vanished", async () => {
    for (const key of ["a", "b"]) await source.write(key, Buffer.from(key));
    const gone = { kind: "status", status: 404, code: "NoSuchKey" } as const;
    const ofB = ({ key }: { key: string }) => key.endsWith("b");
    for (const operation of ["GetObject", "HeadObject"]) {
      proxy.fail({ operation, when: ofB, effect: gone, times: 99 });
    }
    expect(await clean(backup(config))).toEqual({ new: 1, "vanished while running": 1 });
  });

  it("a key that is not UTF-8 vanished in every run: it is an error, like other keys that cannot be asked for", async () => {
    await source.write("a", Buffer.from("a"));
    const contents = ["a", "zz%FFbad"].map(
      (key) => `<Contents><Key>base/${key}</Key><Size>1</Size></Contents>`,
    );
    const body = `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>${contents.join("")}</ListBucketResult>`;
    proxy.fail({ operation: "ListObjectsV2", effect: { kind: "status", status: 200, body } });
    const { outcomes, told } = await backup(config);
    expect(outcomes).toEqual({ new: 1, failed: 1 });
    expect(told.errors).toMatchObject([{ side: "source", code: "EKEY", path: "zz\udcffbad" }]);
    expect(filesIn(world.dest).length).toBe(1);
  });
});
