/**
 * Deltas that are killed, everywhere: what is restored then is the old file or the new one, whole, and one more run
 * leaves the new one alone.
 */
import * as fs from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Config, S3StorageConfig } from "../../../src/config/config.ts";
import { openStorage } from "../../../src/storage/open.ts";
import { dropBucket, freshBucket, whyNoServer } from "../../s3-server/s3-server.ts";
import { backup, clean, filesIn, md5, restore, verify, World } from "../world.ts";
import type { Job } from "./job.ts";
import { KILLED, runKilled } from "./run-killed.ts";

const MIB = 2 ** 20;
const STRIDE = Number(process.env.KILL_STRIDE ?? 0);
const NOW = new Date("2025-05-05T12:00:00Z");

const skip = whyNoServer();
const ROUTES: [string, Job["layer"], number, string | undefined][] = [
  ["a folder", "storage", 37, undefined],
  ["a folder", "file system", 149, undefined],
  ["a bucket", "storage", 61, skip],
];

describe.each(ROUTES)("a delta to %s, killed at calls of the %s", (place, layer, stride, why) => {
  let world: World;
  let bucket: S3StorageConfig | undefined;
  const old = Buffer.alloc(33 * MIB, "image of nothing much ");
  const changed = Buffer.concat([Buffer.from("inserted"), old]);
  changed.write("changed", 9 * MIB);

  beforeAll(async () => {
    if (why !== undefined) return;
    world = new World();
    if (place === "a bucket") bucket = await freshBucket();
  }, 120_000);
  afterAll(async () => {
    world?.dispose();
    if (bucket !== undefined) await dropBucket(bucket);
  }, 120_000);

  /** A destination with the old file. */
  async function prepared(n: number): Promise<Config> {
    const dest = bucket
      ? { ...bucket, basePath: `${n}` }
      : ({ kind: "local", path: world.at(`dest-${n}`) } as const);
    const config = { ...world.config({ container: "segmented", compression: "none" }), dest };
    fs.rmSync(world.src, { recursive: true });
    world.write("image", old);
    await clean(backup(config, { now: () => NOW }));
    world.write("image", changed, 10);
    return config;
  }

  async function restored(config: Config): Promise<string> {
    fs.rmSync(world.restored, { recursive: true, force: true });
    await clean(restore(config));
    return md5(fs.readFileSync(`${world.restored}/image`));
  }

  async function contents({ dest }: Config): Promise<string[]> {
    if (dest.kind === "local") return filesIn(dest.path);
    const storage = await openStorage(dest, "destination");
    const found = (await storage.listUploads()).map(({ key }) => `unfinished ${key}`);
    for await (const batch of storage.list()) found.push(...batch.map(({ key }) => key));
    await storage.close();
    return found;
  }

  it.skipIf(why !== undefined)(
    "leaves the old file or the new one",
    async () => {
      const whole = await prepared(0);
      const calls = await runKilled(whole, layer, 0, "before", NOW);
      if (calls === KILLED) throw new Error("the run was killed by somebody else");
      const goal = await contents(whole);
      expect(goal).toHaveLength(1);
      for (let n = 1; n <= calls; n += STRIDE || stride) {
        const config = await prepared(n);
        await runKilled(config, layer, n, layer === "storage" ? "after" : "amid", NOW);
        const when = `at call ${n} of ${calls}`;
        expect([md5(old), md5(changed)], when).toContain(await restored(config));
        expect((await verify(config)).told.errors, when).toEqual([]);
        await clean(backup(config, { now: () => NOW }));
        expect(await contents(config), when).toEqual(goal);
        expect(await restored(config), when).toBe(md5(changed));
      }
    },
    600_000,
  );
});
