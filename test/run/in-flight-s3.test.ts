/** How many files a run has in flight where a bucket is involved, as a proxy before the server sees it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Config, S3StorageConfig } from "../../src/config/config.ts";
import { type Effect, FaultProxy } from "../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../s3-server/s3-server.ts";
import { backup, clean, configOf, restore, treeOf, verify, World } from "./world.ts";

const FILES = 250;
const SLOW: Effect = { kind: "delay", ms: 50 };
const ALWAYS = Number.POSITIVE_INFINITY;
const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`files in flight${skip === undefined ? "" : ` (${skip})`}`, () => {
  let proxy: FaultProxy;
  let bucket: S3StorageConfig;
  let world: World;
  beforeAll(async () => {
    proxy = await FaultProxy.start((await s3Server()).endpoint);
  }, 120_000);
  afterAll(() => proxy?.stop());
  beforeEach(async () => {
    bucket = await freshBucket();
    world = new World();
    for (let i = 0; i < FILES; i++) world.write(`folder ${i % 7}/file ${i}`, `content ${i}`);
  });
  afterEach(async () => {
    proxy.reset();
    world.dispose();
    await dropBucket(bucket);
  });

  const configWith = (settings: Partial<Config>) =>
    configOf(
      { src: world.src, dest: { ...bucket, endpointUrl: proxy.url }, restore: world.restored },
      { container: "segmented", ...settings },
    );
  const slowDown = () => {
    for (const operation of ["PutObject", "GetObject"])
      proxy.fail({ operation, effect: SLOW, times: ALWAYS });
  };

  it("become more without a setting while the server is slow to answer, when storing, verifying, restoring", async () => {
    const config = configWith({ backupProcesses: null, restoreProcesses: null });
    slowDown();
    expect(await clean(backup(config))).toEqual({ new: FILES });
    expect(proxy.atOnce("PutObject").most).toBeGreaterThan(5);
    proxy.reset();
    slowDown();
    expect(await clean(verify(config))).toEqual({ intact: FILES });
    expect(proxy.atOnce("GetObject").most).toBeGreaterThan(8);
    proxy.reset();
    slowDown();
    expect(await clean(restore(config))).toEqual({ restored: FILES });
    expect(proxy.atOnce("GetObject").most).toBeGreaterThan(8);
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });

  it.each([
    ["more without a setting", null, 6, 64],
    ["no more than the setting says", 3, 3, 3],
  ])("in a run's last phase are %s, when what was replaced goes", async (_, backupProcesses, least, most) => {
    const config = configWith({ backupProcesses });
    expect(await clean(backup(config))).toEqual({ new: FILES });
    for (let i = 0; i < FILES; i++) world.write(`folder ${i % 7}/file ${i}`, `other content ${i}`);
    proxy.fail({ operation: "HeadObject", effect: SLOW, times: ALWAYS });
    expect(await clean(backup(config))).toEqual({ changed: FILES });
    expect(proxy.atOnce("HeadObject").most).toBeGreaterThanOrEqual(least);
    expect(proxy.atOnce("HeadObject").most).toBeLessThanOrEqual(most);
    expect(await clean(verify(config))).toEqual({ intact: FILES });
  });

  it.each([1, 3])("are never more than the setting says: %i", async (most) => {
    const config = configWith({ backupProcesses: most, restoreProcesses: most });
    expect(await clean(backup(config))).toEqual({ new: FILES });
    expect(await clean(restore(config))).toEqual({ restored: FILES });
    expect(proxy.atOnce("PutObject").most).toBe(most);
    expect(proxy.atOnce("GetObject").most).toBe(most);
  });

  it("become fewer when the server asks for fewer requests, and every file is stored", async () => {
    const most = 16;
    proxy.fail({
      operation: "PutObject",
      after: 2 * most,
      times: 6,
      effect: { kind: "status", status: 503 },
    });
    const seen: number[] = [];
    const watch = () => {
      seen.push(proxy.atOnce("PutObject").now);
      return true;
    };
    proxy.fail({ operation: "PutObject", when: watch, effect: { kind: "delay", ms: 200 }, times: ALWAYS });
    const config = configWith({ backupProcesses: most });
    expect(await clean(backup(config))).toEqual({ new: FILES });
    expect(proxy.count("PutObject").requests).toBe(FILES + 6);
    // Those in flight when it asked still come; those that begin after them are fewer, and after a while more again.
    expect(Math.max(...seen.slice(4 * most, 7 * most))).toBeLessThan(most);
    expect(await clean(verify(config))).toEqual({ intact: FILES });
  });
});
