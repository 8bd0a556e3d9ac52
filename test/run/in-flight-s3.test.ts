/** How many files a run has in flight where a bucket is involved, as a proxy before the server sees it. */
import { describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import type { Effect } from "../s3-server/fault-proxy.ts";
import { whyNoServer } from "../s3-server/s3-server.ts";
import { useProxiedBucket } from "./proxied-bucket.ts";
import { backup, clean, configOf, restore, treeOf, verify } from "./world.ts";

const FILES = 250;
/** More than a setting allows at once. */
const FEW_FILES = 40;
const SLOW: Effect = { kind: "delay", ms: 50 };
const ALWAYS = Number.POSITIVE_INFINITY;
const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`files in flight${skip === undefined ? "" : ` (${skip})`}`, () => {
  const s3 = useProxiedBucket();
  const writeFiles = (files: number, content = "content") => {
    for (let i = 0; i < files; i++) s3.world.write(`folder ${i % 7}/file ${i}`, `${content} ${i}`);
  };

  const configWith = (settings: Partial<Config>) =>
    configOf(
      { src: s3.world.src, dest: s3.dest, restore: s3.world.restored },
      { container: "segmented", ...settings },
    );
  const slowDown = () => {
    for (const operation of ["PutObject", "GetObject"])
      s3.proxy.fail({ operation, effect: SLOW, times: ALWAYS });
  };

  it("become more without a setting while the server is slow to answer, when storing, verifying, restoring", async () => {
    const config = configWith({ backupProcesses: null, restoreProcesses: null });
    writeFiles(FILES);
    slowDown();
    expect(await clean(backup(config))).toEqual({ new: FILES });
    expect(s3.proxy.atOnce("PutObject").most).toBeGreaterThan(5);
    s3.proxy.reset();
    slowDown();
    expect(await clean(verify(config))).toEqual({ intact: FILES });
    expect(s3.proxy.atOnce("GetObject").most).toBeGreaterThan(8);
    s3.proxy.reset();
    slowDown();
    expect(await clean(restore(config))).toEqual({ restored: FILES });
    expect(s3.proxy.atOnce("GetObject").most).toBeGreaterThan(8);
    expect(treeOf(s3.world.restored)).toEqual(treeOf(s3.world.src));
  });

  it.each([
    ["more without a setting", null, FILES, 6, 64],
    ["no more than the setting says", 3, FEW_FILES, 3, 3],
  ])(
    "in a run's last phase are %s, when what was replaced goes",
    async (_, backupProcesses, files, least, most) => {
      const config = configWith({ backupProcesses });
      writeFiles(files);
      expect(await clean(backup(config))).toEqual({ new: files });
      writeFiles(files, "other content");
      s3.proxy.fail({ operation: "HeadObject", effect: SLOW, times: ALWAYS });
      expect(await clean(backup(config))).toEqual({ changed: files });
      expect(s3.proxy.atOnce("HeadObject").most).toBeGreaterThanOrEqual(least);
      expect(s3.proxy.atOnce("HeadObject").most).toBeLessThanOrEqual(most);
      expect(await clean(verify(config))).toEqual({ intact: files });
    },
  );

  it.each([1, 3])("are never more than the setting says: %i", async (most) => {
    const config = configWith({ backupProcesses: most, restoreProcesses: most });
    writeFiles(FEW_FILES);
    slowDown();
    expect(await clean(backup(config))).toEqual({ new: FEW_FILES });
    expect(await clean(restore(config))).toEqual({ restored: FEW_FILES });
    expect(s3.proxy.atOnce("PutObject").most).toBe(most);
    expect(s3.proxy.atOnce("GetObject").most).toBe(most);
  });

  it("become fewer when the server asks for fewer requests, and every file is stored", async () => {
    const most = 16;
    writeFiles(FILES);
    s3.proxy.fail({
      operation: "PutObject",
      after: 2 * most,
      times: 6,
      effect: { kind: "status", status: 503 },
    });
    const seen: number[] = [];
    const watch = () => {
      seen.push(s3.proxy.atOnce("PutObject").now);
      return true;
    };
    s3.proxy.fail({ operation: "PutObject", when: watch, effect: { kind: "delay", ms: 200 }, times: ALWAYS });
    const config = configWith({ backupProcesses: most });
    expect(await clean(backup(config))).toEqual({ new: FILES });
    expect(s3.proxy.count("PutObject").requests).toBe(FILES + 6);
    // Those in flight when it asked still come; those that begin after them are fewer, and after a while more again.
    expect(Math.max(...seen.slice(4 * most, 7 * most))).toBeLessThan(most);
    expect(await clean(verify(config))).toEqual({ intact: FILES });
  });
});
