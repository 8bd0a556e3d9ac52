import * as fs from "node:fs";
import path from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { formatStoredName, parseStoredName, type StoredVersion } from "../../src/names/stored-name.ts";
import { runPrune } from "../../src/run/history/prune.ts";
import { type OpenStorage, openStorage } from "../../src/storage/open.ts";
import { Script } from "./month/script.ts";
import { backup, clean, Recorder, treeOf, World } from "./world.ts";

const DAY = 86_400;
const START = Date.UTC(2025, 2, 10, 6) / 1000;

let world: World;
afterEach(() => world.dispose());

const SETTINGS: [string, Partial<Config>][] = [
  ["without history", { deletedKeepDays: 2 }],
  ["with history", { container: "segmented", versionsKeepDays: 2, deletedKeepDays: 2, metadata: true }],
  ["with a purge delay", { versionsKeepDays: 1, purgeDelayDays: 1 }],
  ["with tombstones", { container: "segmented", versionsKeepDays: 2, retire: "tombstone" }],
];

describe("a plan", () => {
  it.each(SETTINGS)(
    "%s is what the run then does, to the last file, and changes nothing",
    async (_, settings) => {
      world = new World();
      const config = world.config(settings);
      const script = new Script(world.src, 11);
      for (let day = 0; day < 6; day++) {
        const now = () => new Date((START + day * DAY) * 1000);
        script.step(START + day * DAY);
        script.step(START + day * DAY);
        const before = day === 0 ? undefined : treeOf(world.dest);
        const planned = await backup(config, { now, allowMassDelete: true, dryRun: true });
        if (before === undefined) expect(() => treeOf(world.dest)).toThrow("ENOENT");
        else expect(treeOf(world.dest)).toEqual(before);
        const done = await backup(config, { now, allowMassDelete: true });
        expect(planned.told.errors).toEqual([]);
        expect([...planned.told.files].sort()).toEqual([...done.told.files].sort());
        expect(planned.outcomes).toEqual(done.outcomes);
        expect(planned.result.manifests).toBe(done.result.manifests);
      }
    },
  );

  it("shows no file whose time is another of the same second, and whose content is the same", async () => {
    world = new World();
    world.write("file", "x");
    const config = world.config({ metadata: true });
    await clean(backup(config));
    const file = path.join(world.src, "file");
    const { mtimeMs } = fs.statSync(file);
    fs.utimesSync(file, mtimeMs / 1000, Math.floor(mtimeMs / 1000) + 0.5);
    const planned = await backup(config, { dryRun: true });
    expect([planned.outcomes, planned.told.files]).toEqual([{ unchanged: 1 }, []]);
    expect(await clean(backup(config))).toEqual({ unchanged: 1 });
  });

  it.each(["rename", "tombstone"] as const)(
    "shows what a time that comes back does to a file that is the same (%s)",
    async (retire) => {
      world = new World();
      const config = world.config({ container: "segmented", versionsKeepDays: 9, retire });
      for (const [day, age] of [0, 60, 0].entries()) {
        world.write("file", "x", age);
        const now = () => new Date((START + day * DAY) * 1000);
        const planned = await backup(config, { now, dryRun: true });
        expect(planned.told.files).toEqual((await backup(config, { now })).told.files);
      }
    },
  );

  it.each([
    ["classic", true],
    ["segmented", false],
  ] as const)("shows whose name is too long to be stored (%s)", async (container, encryptFilenames) => {
    world = new World();
    for (const length of [60, 160, 250]) world.write("n".repeat(length), "content");
    const config = world.config({ container, encryptFilenames });
    const planned = await backup(config, { dryRun: true });
    const done = await backup(config);
    expect(done.outcomes.failed).toBeGreaterThan(0);
    expect(planned.outcomes).toEqual(done.outcomes);
    const failures = ({ told }: typeof done) => told.errors.map(({ path, code }) => [path, code]).sort();
    expect(failures(planned)).toEqual(failures(done));
  });

  it("shows what the guard would refuse", async () => {
    world = new World();
    for (let i = 0; i < 20; i++) world.write(`file ${i}`, "x");
    await clean(backup(world.config()));
    for (let i = 0; i < 20; i++) world.remove(`file ${i}`);
    const { errors, outcomes } = await backup(world.config(), { dryRun: true });
    expect({ errors, outcomes }).toEqual({ errors: { refused: 1 }, outcomes: {} });
  });
});

describe("pruning", () => {
  const prune = async (config: Config, day: number, dryRun = false) => {
    const told = new Recorder();
    const now = () => new Date((START + day * DAY) * 1000);
    await runPrune(config, { reporter: told, signal: new AbortController().signal, now, dryRun });
    expect(told.errors).toEqual([]);
    return told.files;
  };

  async function withHistory(settings: Partial<Config>): Promise<Config> {
    world = new World();
    const config = world.config(settings);
    for (const day of [0, 1]) {
      world.write("file", `content of day ${day}`, day);
      await clean(backup(config, { now: () => new Date((START + day * DAY) * 1000) }));
    }
    return config;
  }

  it("removes what the rules do not keep, without looking at the source", async () => {
    const config = await withHistory({ versionsKeepDays: 3 });
    expect(await prune(config, 4)).toEqual([]);
    expect(await prune(config, 4.1, true)).toEqual(["expired file"]);
    expect(world.stored()).toHaveLength(2);
    const { src: _, ...withoutSource } = config;
    expect(await prune(withoutSource, 4.1)).toEqual(["expired file"]);
    expect(world.stored()).toEqual([expect.stringMatching(/\.0\.enc$/)]);
    expect(await prune(config, 400)).toEqual([]);
  });

  it("condemns first where a delay is set, and takes it back when the rules keep the version again", async () => {
    const config = await withHistory({ versionsKeepDays: 3, purgeDelayDays: 2 });
    const before = world.stored();
    expect(await prune(config, 5)).toEqual(["condemned file"]);
    expect(await prune(config, 6)).toEqual([]);
    expect(await prune({ ...config, versionsKeepDays: 30 }, 6.5)).toEqual(["reprieved file"]);
    expect(world.stored()).toEqual(before);
    expect(await prune(config, 7)).toEqual(["condemned file"]);
    expect(await prune(config, 8.9)).toEqual([]);
    expect(await prune(config, 9)).toEqual(["expired file"]);
    expect(world.stored()).toHaveLength(1);
  });

  it("does nothing while the clocks of machine and storage disagree, nor does a run expire anything then", async () => {
    const config = await withHistory({ versionsKeepDays: 3 });
    const open: OpenStorage = async (place, side) => {
      const storage = await openStorage(place, side);
      storage.clockOffset = () => -2 * 3_600_000;
      return storage;
    };
    const now = () => new Date((START + 9 * DAY) * 1000);
    const { told } = await backup(config, { now, openStorage: open });
    expect(told.warnings).toEqual([expect.stringContaining("2 h ahead of")]);
    const pruned = new Recorder();
    const signal = new AbortController().signal;
    await runPrune(config, { reporter: pruned, signal, now, openStorage: open });
    expect(pruned.warnings).toHaveLength(1);
    expect(world.stored()).toHaveLength(2);
    await clean(backup(config, { now }));
    expect(world.stored()).toHaveLength(1);
  });

  it("marks what vanished as of the later clock then, so that it stays when they agree again", async () => {
    world = new World();
    const config = world.config({ deletedKeepDays: 3 });
    world.write("file", "x");
    const now = () => new Date(START * 1000);
    await clean(backup(config, { now }));
    world.remove("file");
    const open: OpenStorage = async (place, side) => {
      const storage = await openStorage(place, side);
      storage.clockOffset = () => START * 1000;
      return storage;
    };
    const { outcomes } = await backup(config, {
      now: () => new Date(0),
      allowMassDelete: true,
      openStorage: open,
    });
    expect(outcomes).toEqual({ deleted: 1 });
    await clean(backup(config, { now, allowMassDelete: true }));
    expect(world.stored()).toHaveLength(1);
  });

  it("is told of by a folder, where this machine has lost the time", async () => {
    const config = await withHistory({ versionsKeepDays: 3 });
    vi.useFakeTimers({ toFake: ["Date"], now: 0 });
    try {
      world.write("other", "y");
      const { told } = await backup(config);
      expect(told.warnings).toEqual([expect.stringContaining("behind what the folder")]);
      expect(told.files).toEqual(["new other"]);
    } finally {
      vi.useRealTimers();
    }
    const other = world.stored().find((name) => name.startsWith("other")) as string;
    expect(fs.statSync(path.join(world.dest, other)).mtimeMs).toBeGreaterThan(START * 1000);
    expect(fs.statSync(world.dest).mtimeMs).toBeGreaterThan(START * 1000);
  });

  it("tells once what goes with a deleted file of which nothing is kept", async () => {
    const config = await withHistory({ versionsKeepDays: 1, deletedKeepDays: 0 });
    world.remove("file");
    const now = () => new Date((START + 9 * DAY) * 1000);
    const { told, outcomes } = await backup(config, { now, allowMassDelete: true });
    expect(told.files.toSorted()).toEqual(["deleted file", "expired file"]);
    expect(outcomes).toEqual({ deleted: 1, expired: 1 });
    expect(world.stored()).toEqual([]);
  });

  it.each([null, 3])(
    "nor does anything of a deleted file go then, of which nothing is kept (versions_keep_days %s)",
    async (versionsKeepDays) => {
      world = new World();
      const config = world.config({ versionsKeepDays, deletedKeepDays: 0 });
      world.write("file", "content");
      await clean(backup(config));
      world.remove("file");
      const open: OpenStorage = async (place, side) => {
        const storage = await openStorage(place, side);
        storage.clockOffset = () => -2 * 3_600_000;
        return storage;
      };
      const { told } = await backup(config, { allowMassDelete: true, openStorage: open });
      expect(told.warnings).toEqual([expect.stringContaining("nothing expires until they agree")]);
      expect(world.stored()).toEqual([expect.not.stringMatching(/\.0\.enc$/)]);
    },
  );

  it("removes with a file what is marked beside it, and metadata without a word", async () => {
    world = new World();
    const config = world.config({ deletedKeepDays: 3, container: "segmented", metadata: true });
    const day = (n: number) => ({ now: () => new Date((START + n * DAY) * 1000), allowMassDelete: true });
    world.write("folder/file", "x");
    world.write("other", "y");
    await clean(backup(config, day(0)));
    world.remove("folder");
    await clean(backup(config, day(1)));
    const marked = world.stored().find((name) => name.startsWith("folder/file")) as string;
    const older = formatStoredName({ ...(parseStoredName(marked) as StoredVersion), mtime: 1 });
    fs.copyFileSync(path.join(world.dest, marked), path.join(world.dest, older));
    expect(await prune(config, 4)).toEqual([]);
    expect(world.stored().filter((name) => name.startsWith("folder/"))).toHaveLength(3);
    expect(await prune(config, 5)).toEqual(["expired folder/file"]);
    expect(world.stored().filter((name) => name.startsWith("folder/"))).toEqual([]);
  });

  it("removes what a date marks where there is no history", async () => {
    world = new World();
    const config = world.config({ deletedKeepDays: 3 });
    world.write("file", "x");
    world.write("other", "y");
    const day = (n: number) => ({ now: () => new Date((START + n * DAY) * 1000) });
    await clean(backup(config, day(0)));
    world.remove("file");
    await clean(backup(config, day(1)));
    expect(await prune(config, 4)).toEqual([]);
    expect(await prune({ ...config, deletedKeepDays: null }, 400)).toEqual([]);
    expect(await prune(config, 5)).toEqual(["expired file"]);
    expect(world.stored()).toHaveLength(1);
  });
});
