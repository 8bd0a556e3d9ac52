import { ListObjectsV2Command, type ListObjectsV2CommandOutput, S3Client } from "@aws-sdk/client-s3";
import pLimit from "p-limit";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { S3StorageConfig } from "../../../src/config/config.ts";
import type { S3Tuning } from "../../../src/storage/s3/connection.ts";
import { S3Storage } from "../../../src/storage/s3/s3-storage.ts";
import { FaultProxy } from "../../s3-server/fault-proxy.ts";
import type { S3Call } from "../../s3-server/s3-operation.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../../s3-server/s3-server.ts";
import { list } from "../conformance.ts";

const skip = whyNoServer();
const BASE = "base é";
const PAGE_KEYS = 50;
/** Requests of one listing in flight. */
const AT_ONCE = 8;
const UGLY = [
  "a b",
  "a+b",
  "a%2Fb",
  "é",
  "\u{ffff}",
  "\u{1f600}",
  "\u{e000}",
  "~",
  "ä/ö",
  "\x01\x1f",
  "t\tn\n",
  "x&<>",
];

describe.skipIf(skip !== undefined)(
  `long listings of a bucket${skip === undefined ? "" : ` (${skip})`}`,
  () => {
    let proxy: FaultProxy;
    let config: S3StorageConfig;
    /** Below the base path, as one request after another lists them. */
    let keys: string[];
    const storages: S3Storage[] = [];
    const open = (tuning: S3Tuning = {}) => {
      const storage = new S3Storage(config, "source", { retryBaseMs: 1, pageKeys: PAGE_KEYS, ...tuning });
      storages.push(storage);
      return storage;
    };
    const requests = () => proxy.count("ListObjectsV2").requests;
    const listed = async () => (await list(open())).map(({ key }) => key);

    beforeAll(async () => {
      proxy = await FaultProxy.start((await s3Server()).endpoint);
      config = { ...(await freshBucket()), endpointUrl: proxy.url, basePath: BASE };
      const storage = new S3Storage(config, "destination");
      storages.push(storage);
      await storage.create();
      const names = UGLY.flatMap((name) => Array.from({ length: 90 }, (_, i) => `${name}/${i * 37}`));
      const numbered = Array.from({ length: 1200 }, (_, i) => `mail/${String(i).padStart(6, "0")}.eml`);
      const deep = Array.from(
        { length: 900 },
        (_, i) => `${"zz/deep/".repeat(30)}${(i * 7919).toString(36)}`,
      );
      const limit = pLimit(24);
      const all = [...names, ...numbered, ...deep];
      await Promise.all(all.map((key) => limit(() => storage.write(key, Buffer.from("x")))));
      const outside = new S3Storage({ ...config, basePath: "" }, "source");
      storages.push(outside);
      for (const key of ["base", "base ", "base é!", "base ê", "zz"])
        await outside.write(key, Buffer.from("x"));
      keys = await oneByOne(config);
      expect(keys.length).toBe(all.length);
      proxy.reset();
    }, 300_000);
    afterEach(() => {
      expect(proxy.unmet()).toEqual([]);
      proxy.reset();
    });
    afterAll(async () => {
      for (const storage of storages) await storage.close();
      await dropBucket(config);
      await proxy?.stop();
    }, 300_000);

    it("give what one request after another gives, for few requests more", async () => {
      expect(await listed()).toEqual(keys);
      const pages = Math.ceil(keys.length / PAGE_KEYS);
      expect(requests()).toBeGreaterThan(pages);
      expect(requests()).toBeLessThanOrEqual(1.1 * pages + 7);
    });

    it("with pages as large as S3 has them, too", async () => {
      expect((await list(open({ pageKeys: 1000 }))).map(({ key }) => key)).toEqual(keys);
      expect(requests()).toBeLessThanOrEqual(Math.ceil(keys.length / 1000) + 3);
    });

    it("survive answers that get lost or refused for the moment", async () => {
      const operation = "ListObjectsV2";
      proxy.fail({ operation, effect: { kind: "status", status: 503 }, after: 6, times: 5 });
      proxy.fail({ operation, effect: { kind: "reset" }, after: 15, times: 3 });
      expect(await listed()).toEqual(keys);
    });

    it("fail as a whole when any request does for good", async () => {
      const operation = "ListObjectsV2";
      proxy.fail({ operation, effect: { kind: "status", status: 403, code: "AccessDenied" }, after: 20 });
      await expect(listed()).rejects.toMatchObject({ code: "AccessDenied", side: "source" });
    });

    it("go on page by page where the server refuses to begin behind a key", async () => {
      const when = ({ query }: S3Call) => query.includes("start-after=");
      const effect = { kind: "status", status: 501, code: "NotImplemented" } as const;
      proxy.fail({ operation: "ListObjectsV2", when, effect });
      expect(await listed()).toEqual(keys);
      // Each place asks once at most; how many do before the first is refused is a matter of time.
      expect(requests()).toBeLessThanOrEqual(Math.ceil(keys.length / PAGE_KEYS) + AT_ONCE);
    });

    it("give all where the server finds nothing behind a key", async () => {
      const when = ({ query }: S3Call) => query.includes("start-after=");
      const body = `<ListBucketResult><Name>${config.bucket}</Name><IsTruncated>false</IsTruncated></ListBucketResult>`;
      const effect = { kind: "replace-answer", status: 200, body } as const;
      proxy.fail({ operation: "ListObjectsV2", when, effect });
      expect(await listed()).toEqual(keys);
    });

    it("stop with everything that is under way when the caller stops, or is told to", async () => {
      for await (const _ of open().list()) if (requests() > 12) break;
      const stop = new AbortController();
      const reading = async () => {
        for await (const _ of open().list(stop.signal)) if (requests() > 24) stop.abort(new Error("told to"));
      };
      await expect(reading()).rejects.toThrow("told to");
      await new Promise((resolve) => setTimeout(resolve, 100));
      // What was sent before may still have been on its way to the proxy.
      expect(requests()).toBeLessThan(keys.length / PAGE_KEYS);
    });
  },
);

/** Keys below the base path by the SDK alone, in the order of the server. */
async function oneByOne(config: S3StorageConfig): Promise<string[]> {
  const client = new S3Client({
    endpoint: config.endpointUrl ?? "",
    region: config.regionName ?? "us-east-1",
    forcePathStyle: true,
    ...(config.credentials && { credentials: config.credentials }),
  });
  const keys: string[] = [];
  let token: string | undefined;
  do {
    const page: ListObjectsV2CommandOutput = await client.send(
      new ListObjectsV2Command({
        Bucket: config.bucket,
        Prefix: `${BASE}/`,
        EncodingType: "url",
        ContinuationToken: token,
      }),
    );
    for (const { Key = "" } of page.Contents ?? []) {
      keys.push(decodeURIComponent(Key.replaceAll("+", " ")).slice(BASE.length + 1));
    }
    token = page.NextContinuationToken;
  } while (token !== undefined);
  client.destroy();
  return keys;
}
