/**
 * Runs that are killed, everywhere they can be: by SIGKILL before and after every call of the destination, and,
 * for a local destination, before every change of the file system and in the midst of every write.
 *
 * After each kill every file is restorable in its old or its new state and no stored name lies; after one more run
 * the destination is what a run that nobody killed leaves, to the last empty folder and unfinished upload; and yet
 * another run finds nothing to do.
 *
 * How many of the kills take place is a matter of time. `KILL_STRIDE=1` walks through all of them; otherwise a local
 * destination is killed at every 18th call (the two settings of `deleted_keep_days` taking turns) and every
 * 38th change of the file system, a third as often with the segmented container, and a bucket, where every call
 * costs milliseconds, at every 70th call.
 */
import * as fs from "node:fs";
import pLimit from "p-limit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Config, S3StorageConfig } from "../../src/config/config.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { ListedObject, Storage } from "../../src/storage/storage.ts";
import { dropBucket, freshBucket, whyNoServer } from "../s3-server/s3-server.ts";
import { expectRestorable } from "./kill/aftermath.ts";
import type { Moment } from "./kill/call-counter.ts";
import type { Job } from "./kill/job.ts";
import { KILLED, runKilled } from "./kill/run-killed.ts";
import { expectations, LAST_DAY, prepare } from "./kill/scenario.ts";
import { backup, clean, filesIn, World } from "./world.ts";

const STRIDE = Number(process.env.KILL_STRIDE ?? 0);
const AT_ONCE = 3;
const TIMEOUT = 600_000;

/** A destination for every kill, each a copy of the one that was prepared. */
interface Copies {
  /** The configuration of copy number `n`. */
  make(n: number): Promise<Config>;
  /** Everything there is at the destination, in the order of names: objects, folders, unfinished uploads. */
  contents(config: Config): Promise<string[]>;
  dispose(config: Config): Promise<void>;
}

interface Walk {
  readonly copies: Copies;
  readonly layer: Job["layer"];
  readonly moments: readonly Moment[];
  readonly deletedKeepDays: number | null;
  readonly stride: number;
  readonly first: number;
}

async function walk({ copies, layer, moments, deletedKeepDays, stride, first }: Walk): Promise<void> {
  const expected = expectations(deletedKeepDays);
  const now = () => LAST_DAY;
  const settings = async (n: number) => ({ ...(await copies.make(n)), deletedKeepDays });

  // The run that nobody kills: what it leaves is what every other has to come to.
  const whole = await settings(0);
  const calls = await runKilled(whole, layer, 0, "before", LAST_DAY);
  if (calls === KILLED) throw new Error("the run was killed by somebody else");
  expect(calls).toBeGreaterThan(20);
  const goal = await copies.contents(whole);
  await copies.dispose(whole);

  const limit = pLimit(AT_ONCE);
  let kills = 0;
  const killAt = async (n: number, moment: Moment) => {
    const when = `${moment} call ${n} of ${calls}`;
    const config = await settings(10 * n + moments.indexOf(moment) + 1);
    const outcome = await runKilled(config, layer, n, moment, LAST_DAY);
    if (outcome !== KILLED) {
      // Threads race, so the last calls are not the same ones every time.
      expect(n, `the run survived ${when}`).toBeGreaterThan(calls - 5);
      return;
    }
    kills++;
    const storage = await openStorage(config.dest, "destination");
    await expectRestorable(storage, config, expected, when);
    await storage.close();
    await clean(backup(config, { now }));
    expect(await copies.contents(config), `after a run that followed one killed ${when}`).toEqual(goal);
    const { outcomes, told } = await backup(config, { now });
    expect({ ...outcomes, files: told.files, errors: told.errors }, when).toEqual({
      unchanged: expect.any(Number),
      files: [],
      errors: [],
    });
    await copies.dispose(config);
  };
  const points: Promise<void>[] = [];
  for (let n = 1 + (first % stride); n <= calls; n += stride) {
    for (const moment of moments) points.push(limit(() => killAt(n, moment)));
  }
  await Promise.all(points);
  expect(kills).toBeGreaterThan((points.length * 2) / 3);
}

describe.each([
  ["classic", 1],
  ["segmented", 3],
] as const)("a run to a folder that is killed, container %s", (container, sparser) => {
  let world: World;
  let template: string;
  beforeAll(async () => {
    world = new World();
    template = world.at("template");
    await prepare(world, { ...world.config({ container }), dest: { kind: "local", path: template } });
  });
  afterAll(() => world?.dispose());

  const copies: Copies = {
    async make(n) {
      const dest = world.at(`dest-${n}`);
      fs.cpSync(template, dest, { recursive: true, preserveTimestamps: true });
      return { ...world.config({ container }), dest: { kind: "local", path: dest } };
    },
    contents: async (config) => filesIn((config.dest as { path: string }).path),
    dispose: async (config) => fs.rmSync((config.dest as { path: string }).path, { recursive: true }),
  };
  const stride = STRIDE || 18 * sparser;

  it.each([
    [null, 0],
    [0, 1],
  ] as const)(
    "before or after a storage call loses nothing and leaves no litter, with deleted_keep_days %s",
    (deletedKeepDays, first) =>
      walk({ copies, layer: "storage", moments: ["before", "after"], deletedKeepDays, stride, first }),
    TIMEOUT,
  );

  it.each([
    [null, 0],
    [0, 1],
  ] as const)(
    "before a change of the file system or amid a write loses nothing and leaves no litter, with deleted_keep_days %s",
    (deletedKeepDays, first) =>
      walk({
        copies,
        layer: "file system",
        moments: ["amid"],
        deletedKeepDays,
        stride: STRIDE || 38 * sparser,
        first,
      }),
    TIMEOUT,
  );
});

const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`a run to a bucket that is killed${skip ? ` (${skip})` : ""}`, () => {
  let world: World;
  let bucket: S3StorageConfig;
  const at = (basePath: string): Config => ({
    ...world.config({ compress: false }), // so that large files go up in parts
    dest: { ...bucket, basePath },
  });
  beforeAll(async () => {
    world = new World();
    bucket = await freshBucket();
    await prepare(world, at("template"));
  }, TIMEOUT);
  afterAll(async () => {
    world?.dispose();
    if (bucket !== undefined) await dropBucket(bucket);
  }, TIMEOUT);

  const inBucket = async <T>(work: (storage: Storage) => Promise<T>) => {
    const storage = await openStorage({ ...bucket, basePath: "" }, "destination");
    try {
      return await work(storage);
    } finally {
      await storage.close();
    }
  };
  const keysBelow = async (storage: Storage, prefix: string) => {
    const keys: string[] = [];
    for await (const objects of storage.list()) keys.push(...objects.map(({ key }) => key));
    return keys.filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
  };
  const copies: Copies = {
    async make(n) {
      await inBucket(async (storage) => {
        const objects: ListedObject[] = [];
        for await (const some of storage.list()) objects.push(...some);
        // One after another, as they were stored: which of two versions is the newer one must not change.
        objects.sort((a, b) => (a.modified ?? 0) - (b.modified ?? 0));
        for (const { key } of objects) {
          if (key.startsWith("template/")) await storage.copy(key, `copy-${n}/${key.slice(9)}`);
        }
      });
      return at(`copy-${n}`);
    },
    contents: ({ dest }) =>
      inBucket(async (storage) => {
        const prefix = `${(dest as S3StorageConfig).basePath}/`;
        const uploads = (await storage.listUploads()).filter(({ key }) => key.startsWith(prefix));
        const keys = await keysBelow(storage, prefix);
        return [...keys, ...uploads.map(({ key }) => `unfinished: ${key.slice(prefix.length)}`)];
      }),
    dispose: ({ dest }) =>
      inBucket(async (storage) => {
        const prefix = `${(dest as S3StorageConfig).basePath}/`;
        await storage.remove((await keysBelow(storage, prefix)).map((key) => prefix + key));
      }),
  };

  it.each([
    [null, 0],
    [0, 6],
  ] as const)(
    "before or after a storage call loses nothing and leaves no unfinished upload, with deleted_keep_days %s",
    (deletedKeepDays, first) =>
      walk({
        copies,
        layer: "storage",
        moments: ["before", "after"],
        deletedKeepDays,
        stride: STRIDE || 70,
        first,
      }),
    TIMEOUT,
  );
});
