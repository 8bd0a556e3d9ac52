/** Kills a backup that stores manifests before calls of its storage; `KILL_STRIDE=1`: before each of them. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KILLED_RUN } from "../../built.ts";
import { backup, clean, restore, World } from "../world.ts";
import type { Job } from "./job.ts";

const STRIDE = Number(process.env.KILL_STRIDE ?? 6);

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => {
  world.dispose();
});

describe("a backup with metadata that is killed", () => {
  it("leaves every file restorable, and metadata that the next run makes good", {
    timeout: 120_000,
  }, async () => {
    world.write("folder/a", "a");
    world.write("folder/b", "b");
    const config = world.config({ container: "segmented", metadata: true });
    await clean(backup(config));
    const before = world.at("before");
    fs.cpSync(world.dest, before, { recursive: true, preserveTimestamps: true });
    fs.chmodSync(path.join(world.src, "folder/a"), 0o600);
    world.write("folder/new", "new");
    const { ignore: _, salt = new Uint8Array(), ...rest } = config;
    for (let at = 1; ; at += STRIDE) {
      fs.rmSync(world.dest, { recursive: true });
      fs.cpSync(before, world.dest, { recursive: true, preserveTimestamps: true });
      const job: Job = {
        command: "backup",
        config: { ...rest, salt: [...salt] },
        now: Date.now(),
        layer: "storage",
        at,
        moment: "before",
      };
      const { signal } = spawnSync(process.execPath, [KILLED_RUN], { input: JSON.stringify(job) });
      fs.rmSync(world.restored, { recursive: true, force: true });
      const { outcomes, told } = await restore(config);
      expect(told.errors).toEqual([]);
      expect(outcomes.restored).toBeGreaterThanOrEqual(2);
      await clean(backup(config));
      expect(world.stored().filter((key) => key.includes(".backup-meta"))).toHaveLength(2);
      await clean(restore(config));
      expect(fs.lstatSync(path.join(world.restored, "folder/a")).mode & 0o7777).toBe(0o600);
      if (signal !== "SIGKILL") break;
    }
  });
});
