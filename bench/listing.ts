/**
 * A long listing by one request after another, and by several at once (src/storage/s3/list-ahead.ts): how many requests,
 * and how long, for keys of different kinds.
 *
 *     node bench/listing.ts [--keys 30000] [FOLDER...]   # a server that answers after a while; also names in these folders
 *     node bench/listing.ts --bucket [--keys 30000]      # the tests' S3 server, behind a proxy that adds 50 ms
 */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { parseArgs } from "node:util";
import pLimit from "p-limit";
import type { Page, PageStart } from "../src/storage/s3/key-range.ts";
import { listAhead } from "../src/storage/s3/list-ahead.ts";
import { S3Storage } from "../src/storage/s3/s3-storage.ts";
import { FaultProxy } from "../test/s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, releaseServer, s3Server } from "../test/s3-server/s3-server.ts";

const PAGE_KEYS = 1000;
const ANSWER_MS = 25;
const ADDED_MS = 50;
const REQUESTS = 8;

interface Measured {
  readonly requests: number;
  readonly ms: number;
}

const { values, positionals } = parseArgs({
  options: { bucket: { type: "boolean" }, keys: { type: "string", default: "30000" } },
  allowPositionals: true,
});
const count = Number(values.keys);
const digest = (i: number) => createHash("md5").update(String(i)).digest("hex");
const kind = (of: (i: number) => string) => Array.from({ length: count }, (_, i) => of(i));
const kinds: Record<string, string[]> = {
  numbered: kind((i) => `photos/IMG_${String(i + 137).padStart(6, "0")}.jpg`),
  stored: kind(
    (i) => `mail/${String(i + (i >> 8)).padStart(6, "0")}.${(i * 977).toString(36)}.${digest(i)}.0`,
  ),
  random: kind(digest),
  "in 317 folders": kind((i) => `user${i % 317}/mail/${1_600_000_000 + i * 977}`),
};
for (const folder of positionals) kinds[folder] = filesIn(folder);

console.log("| keys | pages | requests | ratio of time |\n| --- | --: | --: | --: |");
if (values.bucket) await measureBucket();
else for (const [name, keys] of Object.entries(kinds)) await measureModel(name, keys);

function report(name: string, alone: Measured, ahead: Measured): void {
  console.log(`| ${name} | ${alone.requests} | ${ahead.requests} | ${(ahead.ms / alone.ms).toFixed(2)} |`);
}

async function measureModel(name: string, unsorted: readonly string[]): Promise<void> {
  const keys = unsorted.map((key) => Buffer.from(key)).sort(Buffer.compare);
  const run = async (requests: number) => {
    let asked = 0;
    const fetch = async (start: PageStart): Promise<Page<string>> => {
      asked++;
      await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
      const at = "token" in start ? Number(start.token) : positionBehind(keys, start.after);
      const page = keys.slice(at, at + PAGE_KEYS).map(String);
      const end = at + page.length;
      return { keys: page, items: page, ...(end < keys.length && { next: String(end) }) };
    };
    const ms = await timed(keys.length, listAhead(fetch, { requests, prefixLength: 0 }));
    return { requests: asked, ms };
  };
  report(name, await run(1), await run(REQUESTS));
}

async function measureBucket(): Promise<void> {
  const proxy = await FaultProxy.start((await s3Server()).endpoint);
  const bucket = await freshBucket();
  try {
    for (const [name, keys] of Object.entries(kinds)) {
      const config = { ...bucket, endpointUrl: proxy.url, basePath: name };
      await fill(new S3Storage(config, "destination"), keys);
      proxy.reset();
      proxy.fail({
        operation: "ListObjectsV2",
        effect: { kind: "delay", ms: ADDED_MS },
        times: Number.POSITIVE_INFINITY,
      });
      const run = async (listRequests: number) => {
        const storage = new S3Storage(config, "source", { listRequests });
        const before = proxy.count("ListObjectsV2").requests;
        const ms = await timed(keys.length, storage.list());
        await storage.close();
        return { requests: proxy.count("ListObjectsV2").requests - before, ms };
      };
      report(name, await run(1), await run(REQUESTS));
    }
  } finally {
    await dropBucket(bucket);
    await proxy.stop();
    await releaseServer();
  }
}

async function fill(storage: S3Storage, keys: readonly string[]): Promise<void> {
  await storage.create();
  const limit = pLimit(32);
  await Promise.all(keys.map((key) => limit(() => storage.write(key, Buffer.from("x")))));
  await storage.close();
}

/** Milliseconds; throws when it is not so many. */
async function timed(expected: number, pages: AsyncIterable<readonly unknown[]>): Promise<number> {
  const began = performance.now();
  let found = 0;
  for await (const page of pages) found += page.length;
  if (found !== expected) throw new Error(`found ${found} of ${expected} keys`);
  return performance.now() - began;
}

function positionBehind(keys: readonly Buffer[], after: string | undefined): number {
  if (after === undefined) return 0;
  const bytes = Buffer.from(after);
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Buffer.compare(keys[middle] as Buffer, bytes) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `${parentPath.slice(folder.length + 1)}/${name}`);
}
