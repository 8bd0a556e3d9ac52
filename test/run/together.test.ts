/**
 * Runs as processes, among others and under signals: two at once over one destination, SIGINT and SIGTERM, and
 * workers that die.
 */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { S3StorageConfig } from "../../src/config/config.ts";
import { openStorage } from "../../src/storage/open.ts";
import { FaultProxy } from "../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../s3-server/s3-server.ts";
import { configure, start } from "./command.ts";
import { LONG } from "./long.ts";
import { backup, clean, filesIn, restore, treeOf, verify, World } from "./world.ts";

const MIB = 2 ** 20;

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

describe("two runs at once over one destination", () => {
  it.each([
    [null, "classic"],
    [0, "classic"],
    [0, "segmented"],
  ] as const)(
    "both end well and lose nothing, deleted_keep_days %s, %s",
    async (deletedKeepDays, container) => {
      for (let i = 0; i < 60; i++) {
        world.write(`stays/${i}`, `stays ${i}`);
        world.write(`changes/${i}`, `before ${i}`);
        world.write(`moves/${i}`, `moves ${i}`);
        world.write(`touched/${i}`, `touched ${i}`);
        if (i < 20) world.write(`goes/${i}`, `goes ${i}`);
      }
      const config = world.config({ deletedKeepDays, container });
      await clean(backup(config));
      fs.renameSync(path.join(world.src, "moves"), path.join(world.src, "moved"));
      fs.rmSync(path.join(world.src, "goes"), { recursive: true });
      for (let i = 0; i < 60; i++) {
        world.write(`changes/${i}`, `after ${i}, longer`, 10);
        world.write(`touched/${i}`, `touched ${i}`, 10);
        world.write(`new/${i}`, `new ${i}`);
      }
      const file = configure(
        world,
        { local_path: world.dest },
        { deleted_keep_days: deletedKeepDays, container },
      );
      const runs = await Promise.all([start(file).ended, start(file).ended]);
      for (const { code, errors } of runs) expect({ code, errors }).toEqual({ code: 0, errors: "" });

      const files = 5 * 60;
      expect(await clean(backup(config))).toEqual({ unchanged: files });
      expect(await clean(backup(config))).toEqual({ unchanged: files });
      expect(await clean(restore(config))).toEqual({ restored: files });
      expect(treeOf(world.restored)).toEqual(treeOf(world.src));
      expect(world.stored()).toHaveLength(files + (deletedKeepDays === null ? 80 : 0));
      expect(await clean(verify(config))).toEqual({ intact: world.stored().length });
    },
  );

  it("a first backup, twice at once, is one backup", async () => {
    for (let i = 0; i < 100; i++) world.write(`folder ${i % 7}/${i}`, `content ${i}`);
    const file = configure(world, { local_path: world.dest });
    const runs = await Promise.all([start(file).ended, start(file).ended, start(file).ended]);
    for (const { code, errors } of runs) expect({ code, errors }).toEqual({ code: 0, errors: "" });
    expect(world.stored()).toHaveLength(100);
    expect(await clean(verify(world.config()))).toEqual({ intact: 100 });
  });
});

describe.each([
  ["SIGHUP", 129],
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("%s", (signal, code) => {
  /** They are told apart by the exit code alone. */
  const usual = signal === "SIGTERM" || LONG;

  it.skipIf(!usual)(
    "ends a backup to a folder: what is complete is kept, nothing is left half-done, the next run goes on",
    async () => {
      for (let i = 0; i < 100; i++) world.write(`a small one ${i}`, `content ${i}`);
      // Noise made of few characters: slow to compress.
      for (let i = 0; i < 8; i++) world.write(`large ${i}`, randomBytes(MIB / 2).toString("hex"));
      const file = configure(world, { local_path: world.dest }, { backup_processes: 1, lzma_level: 9 });
      const { child, ended, said } = start(file);
      await said("a small one 5");
      child.kill(signal);
      // timeout(1) signals the process and its group; it was taken for a second signal, and temporary files were left.
      await setTimeout(10);
      child.kill(signal);
      const { code: exitCode, output, errors } = await ended;
      expect({ exitCode, errors }).toEqual({ exitCode: code, errors: "" });
      expect(output).toContain(`Interrupted by ${signal}`);
      const kept = filesIn(world.dest).length;
      expect(kept).toBeGreaterThan(0);
      expect(kept).toBeLessThan(108);
      expect(filesIn(world.dest).filter((name) => !name.endsWith(".enc"))).toEqual([]);
      expect(await clean(verify(world.config()))).toEqual({ intact: kept });
      expect(await clean(backup(world.config()))).toEqual({ unchanged: kept, new: 108 - kept });
    },
  );

  it.skipIf(!usual)("ends a restore: nothing that was not verified is left", async () => {
    for (let i = 0; i < 40; i++) world.write(`file ${i}`, randomBytes(3 * MIB));
    const config = world.config({ compress: false });
    await clean(backup(config));
    const file = configure(
      world,
      { local_path: world.dest },
      { compress: false, restore: { local_path: world.restored }, restore_processes: 1 },
    );
    const { child, ended, said } = start(file, "--restore");
    await said("restored");
    child.kill(signal);
    const { code: exitCode, errors } = await ended;
    expect(errors).toBe("");
    expect([code, 0]).toContain(exitCode); // it may have been done by then
    const tree = treeOf(world.src);
    for (const [name, content] of Object.entries(treeOf(world.restored))) expect(content).toBe(tree[name]);
    await clean(restore(config));
    expect(treeOf(world.restored)).toEqual(tree);
  });

  // The repetition ended it at once, and the temporary file stayed.
  it.skipIf(!usual)("ends decrypt: nothing is left where the original would have been", async () => {
    world.write("large", randomBytes(192 * MIB));
    await clean(backup(world.config()));
    const out = path.join(world.root, "out");
    fs.mkdirSync(out);
    const file = configure(world, { local_path: world.dest });
    const [object] = world.stored() as [string];
    const { child, ended } = start(
      file,
      "decrypt",
      path.join(world.dest, object),
      "-o",
      path.join(out, "large"),
    );
    while (fs.readdirSync(out).length === 0) await setTimeout(1);
    for (let i = 0; i < 300 && child.kill(signal); i++) await setTimeout(1);
    const { code: exitCode, errors } = await ended;
    expect(errors).toBe("");
    expect([code, null]).toContain(exitCode); // null: one came when all was done and the process about to exit
    expect(fs.readdirSync(out)).toEqual([]);
  });

  const skip = whyNoServer();

  it.skipIf(!usual || skip !== undefined)(
    `ends a backup to a bucket that does not answer, and leaves no upload${skip ?? ""}`,
    async () => {
      const proxy = await FaultProxy.start((await s3Server()).endpoint);
      const bucket: S3StorageConfig = await freshBucket({ endpointUrl: proxy.url });
      try {
        world.write("large", randomBytes(20 * MIB));
        world.write("a small one", "content");
        const { credentials } = bucket;
        const file = configure(world, {
          aws_access_key_id: credentials?.accessKeyId,
          aws_secret_access_key: credentials?.secretAccessKey,
          s3_bucket: bucket.bucket,
          endpoint_url: proxy.url,
          region_name: bucket.regionName,
        });
        const stalled = new Promise<void>((resolve) => {
          proxy.fail({
            operation: "UploadPart",
            when: () => {
              resolve();
              return true;
            },
            times: 100,
            effect: { kind: "stall" },
          });
        });
        const { child, ended } = start(file);
        await Promise.race([stalled, ended.then(({ errors }) => Promise.reject(new Error(errors)))]);
        child.kill(signal);
        const { code: exitCode, errors } = await ended;
        expect({ exitCode, errors }).toEqual({ exitCode: code, errors: "" });
        proxy.reset();
        const storage = await openStorage(bucket, "destination");
        expect(await storage.listUploads()).toEqual([]);
        await storage.close();
        const config = { ...world.config(), dest: bucket };
        const { new: stored } = await clean(backup(config));
        expect(stored).toBeGreaterThan(0);
        expect((await verify(config)).outcomes).toEqual({ intact: 2 });
      } finally {
        await dropBucket(bucket);
        await proxy.stop();
      }
    },
  );
});

describe("a worker that died made the run hang for ever", () => {
  it("now only the file it died over fails, and all others of its batch are stored", async () => {
    const workerScript = new URL("./defects/dying-worker.ts", import.meta.url);
    for (let i = 0; i < 150; i++) world.write(`file ${i}`, `content ${i}`);
    world.write("poison", "poison");
    world.write("crash", "crash");
    const config = world.config({ backupProcesses: 2 });
    const { outcomes, told } = await backup(config, { workerScript });
    expect(outcomes).toEqual({ new: 150, failed: 2 });
    expect(told.errors.map((error) => [error.path, error.code]).sort()).toEqual([
      ["crash", "EWORKER"],
      ["poison", "EWORKER"],
    ]);
    expect(filesIn(world.dest)).toHaveLength(150);
    expect(await clean(backup(config))).toEqual({ unchanged: 150, new: 2 });
  });
});
