/** What a bucket keeps beside the content of its objects: content type, user metadata. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { S3StorageConfig } from "../../src/config/config.ts";
import { openStorage } from "../../src/storage/open.ts";
import { FaultProxy } from "../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../s3-server/s3-server.ts";
import { backup, clean, restore, World } from "./world.ts";

const skip = whyNoServer();

describe.skipIf(skip !== undefined)(
  `headers of an S3 source${skip ? ` (${skip})` : ""}`,
  { timeout: 120_000 },
  () => {
    let world: World;
    const buckets: S3StorageConfig[] = [];
    beforeEach(() => {
      world = new World();
    });
    afterEach(async () => {
      world.dispose();
      for (const bucket of buckets.splice(0)) await dropBucket(bucket);
    });

    async function bucket(): Promise<S3StorageConfig> {
      const made = await freshBucket();
      buckets.push(made);
      const storage = await openStorage(made, "destination");
      await storage.create();
      await storage.close();
      return made;
    }

    async function put(src: S3StorageConfig, key: string, content: Buffer, headers: Record<string, string>) {
      const storage = await openStorage(src, "source");
      async function* body() {
        yield content;
      }
      await storage.upload(key, body(), { headers: new Map(Object.entries(headers)), sizeHint: 1 });
      await storage.close();
    }

    async function headersIn(place: S3StorageConfig, key: string) {
      const storage = await openStorage(place, "source");
      const { mtime: _, ...rest } = { ...(await storage.stat(key))?.headers };
      await storage.close();
      delete (rest as Record<string, string>)["x-amz-meta-mtime"];
      return rest;
    }

    it("come with the content of a small file, without a request of their own", async () => {
      // Each new file took a HEAD before its GET.
      const proxy = await FaultProxy.start((await s3Server()).endpoint);
      try {
        const src = await bucket();
        for (const key of ["a", "b", "empty"])
          await put(src, key, Buffer.from(key === "empty" ? "" : key), { "x-amz-meta-key": key });
        const config = world.config({
          src: { ...src, endpointUrl: proxy.url },
          container: "segmented",
          metadata: true,
        });
        expect(await clean(backup(config))).toEqual({ new: 3 });
        expect(proxy.count("HeadObject").requests).toBe(0);
        expect(proxy.count("GetObject").requests).toBe(3);
        const to = await bucket();
        await clean(restore({ ...config, restore: to }));
        for (const key of ["a", "b", "empty"])
          expect(await headersIn(to, key)).toEqual({ "x-amz-meta-key": key });
      } finally {
        await proxy.stop();
      }
    });

    it("come back in a bucket, of small and of large objects, and change without the content", async () => {
      const src = await bucket();
      const to = await bucket();
      const given = { "content-type": "text/html", "cache-control": "no-store", "x-amz-meta-colour": "red" };
      const large = Buffer.alloc(11 * 2 ** 20, "large");
      await put(src, "small", Buffer.from("small"), given);
      await put(src, "large", large, given);
      await put(src, "plain", Buffer.from("plain"), {});
      const config = world.config({ src, restore: to, container: "segmented", metadata: true });
      expect(await clean(backup(config))).toEqual({ new: 3 });
      await clean(restore(config));
      expect(await headersIn(to, "small")).toEqual(given);
      expect(await headersIn(to, "large")).toEqual(given);
      expect(await headersIn(to, "plain")).toEqual({});

      await new Promise((resolve) => setTimeout(resolve, 1100)); // buckets tell times in whole seconds
      const changed = { "content-type": "text/plain" };
      await put(src, "small", Buffer.from("small"), changed);
      await put(src, "large", large, changed);
      expect(await clean(backup(config))).toEqual({ touched: 2, unchanged: 1 });
      const other = await bucket();
      await clean(restore({ ...config, restore: other }));
      expect(await headersIn(other, "small")).toEqual(changed);
      expect(await headersIn(other, "large")).toEqual(changed);
    });

    it("are those of the new path where an object has moved", async () => {
      const src = await bucket();
      const to = await bucket();
      const [small, large] = [Buffer.from("small"), Buffer.alloc(6 * 2 ** 20, "large")];
      for (const [key, content] of Object.entries({ small, large })) {
        await put(src, key, content, { "content-type": "text/html", "x-amz-meta-colour": "red" });
      }
      const config = world.config({ src, restore: to, container: "segmented", metadata: true });
      expect(await clean(backup(config))).toEqual({ new: 2 });
      const storage = await openStorage(src, "source");
      await storage.remove(["small", "large"]);
      await storage.close();
      const changed = { "content-type": "text/plain" };
      await put(src, "new/small", small, changed);
      await put(src, "new/large", large, changed);
      expect(await clean(backup(config, { allowMassDelete: true }))).toEqual({ moved: 2, deleted: 2 });
      await clean(restore(config));
      expect(await headersIn(to, "new/small")).toEqual(changed);
      expect(await headersIn(to, "new/large")).toEqual(changed);
    });
  },
);
