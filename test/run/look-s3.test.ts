/** Looking at a bucket: times and sizes come with its listing, so nothing is asked of single objects. */
import { afterEach, describe, expect, it } from "vitest";
import type { Config, S3StorageConfig } from "../../src/config/config.ts";
import { runDiff } from "../../src/run/look/diff.ts";
import { runList } from "../../src/run/look/list.ts";
import { runStats } from "../../src/run/look/stats.ts";
import { CallStats } from "../../src/storage/call-stats.ts";
import { openStorage } from "../../src/storage/open.ts";
import { dropBucket, freshBucket, whyNoServer } from "../s3-server/s3-server.ts";
import { storedName } from "./stored-by-hand.ts";
import { clean, configOf, Recorder, T0, verify } from "./world.ts";

const START = Date.UTC(2025, 4, 1, 12) / 1000;
const now = () => Math.floor(Date.now() / 1000);
const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`looking at a bucket${skip ? ` (${skip})` : ""}`, () => {
  const buckets: S3StorageConfig[] = [];
  afterEach(async () => {
    for (const bucket of buckets.splice(0)) await dropBucket(bucket);
  });

  async function bucketWith(names: Record<string, string>): Promise<Config> {
    const bucket = await freshBucket({ basePath: "some/where" });
    buckets.push(bucket);
    const storage = await openStorage(bucket, "destination");
    await storage.create();
    for (const [key, content] of Object.entries(names)) await storage.write(key, Buffer.from(content));
    await storage.close();
    return configOf({ dest: bucket }, { encrypt: false, compress: false, versionsKeepDays: "forever" });
  }

  it("shows the past and what it takes, from the listing alone", async () => {
    const config = await bucketWith({
      [storedName("a/file", T0, "old", "stamp", START, START + 100)]: "old",
      [storedName("a/file", T0 + 1, "older", "stamp", START + 100, START + 200)]: "older",
      [storedName("a/file", T0 + 2, "now", "live")]: "now",
      [storedName("b", T0, "gone", "stamp", START + 50, START + 150)]: "gone",
      [storedName("\u{1f600}", T0, "smile", "live")]: "smile",
    });
    const told = new Recorder();
    const calls = new CallStats();
    const given = { reporter: told, signal: new AbortController().signal, selects: () => true, calls };
    const list = async (at: number) => {
      const shown: string[] = [];
      await runList(config, { ...given, choice: { at }, allVersions: false }, (one) => {
        shown.push(`${one.path} ${one.mtime - T0}`);
      });
      return shown.sort();
    };
    expect(await list(START + 50)).toEqual(["a/file 0", "b 0"]);
    expect(await list(START + 150)).toEqual(["a/file 1"]);
    expect(await list(START + 300)).toEqual([]);
    expect(await list(now() + 60)).toEqual(["a/file 2", "\u{1f600} 0"]);
    const differences: string[] = [];
    await runDiff(config, { ...given, from: START + 50 }, ({ kind, path }) =>
      differences.push(`${kind} ${path}`),
    );
    expect(differences.sort()).toEqual(["added \u{1f600}", "changed a/file", "removed b"]);
    const { stats } = await runStats(config, { ...given, depth: 1, stored: true });
    expect(stats.total).toEqual({
      live: { versions: 2, bytes: 8, stored: 8 },
      kept: { versions: 3, bytes: 12, stored: 12 },
    });
    // The object that the check of the settings opens, and no look at any other.
    expect(calls.list().map(({ operation }) => operation)).toEqual(["GetObject", "ListObjectsV2"]);
    expect(told.errors).toEqual([]);
  });

  it("verifies a moment", async () => {
    const config = await bucketWith({
      [storedName("file", T0, "old", "stamp", START, START + 100)]: "olb",
      [storedName("file", T0 + 2, "now", "live")]: "now",
    });
    expect((await verify(config, { at: START })).errors).toEqual({ damaged: 1 });
    expect(await clean(verify(config, { at: now() + 60 }))).toEqual({ intact: 1 });
  });
});
