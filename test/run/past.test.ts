import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { StorageError } from "../../src/errors.ts";
import { runPrune } from "../../src/run/history/prune.ts";
import { runCat } from "../../src/run/look/cat.ts";
import { runDiff, runSourceDiff } from "../../src/run/look/diff.ts";
import { runList } from "../../src/run/look/list.ts";
import { runStats } from "../../src/run/look/stats.ts";
import { type OpenStorage, openStorage } from "../../src/storage/open.ts";
import { backup, clean, filesIn, md5, Recorder, restore, T0, treeOf, verify, World } from "./world.ts";

const DAY = 86_400;
const START = Date.UTC(2025, 4, 1, 12) / 1000;
const on = (day: number) => ({ now: () => new Date((START + day * DAY) * 1000) });
const at = (day: number) => ({ choice: { at: START + day * DAY } });

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

/** Three days: a file that changes, one that goes, one that comes; with metadata of each day. */
async function threeDays(settings: Partial<Config> = {}): Promise<Config> {
  const config = world.config({
    container: "segmented",
    metadata: true,
    versionsKeepDays: "forever",
    ...settings,
  });
  world.write("a/changed", "one");
  world.write("a/gone", "gone");
  fs.symlinkSync("changed", path.join(world.src, "a/link"));
  fs.chmodSync(path.join(world.src, "a"), 0o750);
  await clean(backup(config, on(0)));
  world.write("a/changed", "two", 10);
  world.remove("a/gone");
  world.remove("a/link");
  fs.chmodSync(path.join(world.src, "a"), 0o700);
  await clean(backup(config, on(1)));
  world.write("a/changed", "three", 20);
  world.write("b/new", "new", 20);
  await clean(backup(config, on(2)));
  return config;
}

const content = (file: string) => fs.readFileSync(path.join(world.restored, file), "utf8");

it("an object that cannot be looked at before it goes stays, with its tombstone, and no other run is ended for it", async () => {
  const config = world.config({
    container: "segmented",
    versionsKeepDays: 1,
    deletedKeepDays: 1,
    retire: "tombstone",
  });
  for (const file of ["stays", "odd", "other"]) world.write(file, file);
  await clean(backup(config, on(0)));
  for (const file of ["odd", "other"]) world.remove(file);
  await clean(backup(config, { ...on(1), allowMassDelete: true }));
  const odd = world.stored().filter((name) => name.startsWith("odd."));
  expect(odd).toHaveLength(2);
  const failing: OpenStorage = async (storage, side) => {
    const opened = await openStorage(storage, side);
    const stat = opened.stat.bind(opened);
    const asked = new Set<string>();
    opened.stat = async (key) => {
      const again = asked.size === asked.add(key).size;
      if (again && odd.includes(key))
        throw new StorageError("destination", "cannot be examined", { code: "EIO" });
      return stat(key);
    };
    return opened;
  };
  const { outcomes, told } = await backup(config, { ...on(9), openStorage: failing });
  expect(outcomes).toEqual({ unchanged: 1, expired: 1 });
  expect(told.errors).toMatchObject([{ path: "odd", code: "EIO" }]);
  expect(world.stored().filter((name) => !name.startsWith("stays."))).toEqual(odd);
  expect(await clean(backup(config, on(9)))).toEqual({ unchanged: 1, expired: 1 });
  expect(world.stored()).toHaveLength(1);
});

// What a disk knows of a file beside its name may lie on a bad place: every run was ended by the first of those.
describe("an object that cannot be asked when it was stored", () => {
  /** Nothing but its key is to be had of a file; with tombstones all versions of `a/changed` compete. */
  async function lost(settings: Partial<Config> = {}, file = "a/changed") {
    const config = await threeDays({ retire: "tombstone", metadata: false, ...settings });
    const failing: OpenStorage = async (storage, side) => {
      const opened = await openStorage(storage, side);
      const stat = opened.stat.bind(opened);
      opened.stat = async (key) => {
        if (side === "destination" && key.startsWith(`${file}.`))
          throw new StorageError("destination", "cannot be examined", { path: key, code: "EIO" });
        return stat(key);
      };
      return opened;
    };
    return { config, openStorage: failing };
  }
  const errors = [expect.objectContaining({ path: "a/changed", code: "EIO", kind: "failed" })];

  it("fails its file; the others of a state are restored, verified, listed and compared", async () => {
    const { config, openStorage } = await lost();
    const restored = await restore(config, { ...at(0.5), openStorage });
    expect(restored.told.errors).toEqual(errors);
    expect(filesIn(world.restored)).toEqual(["a/gone", "a/link"]);
    const verified = await verify(config, { at: START + 0.5 * DAY, openStorage });
    expect({ ...verified.outcomes, errors: verified.told.errors }).toEqual({ intact: 2, errors });
    const told = new Recorder();
    const looking = { reporter: told, signal: new AbortController().signal, openStorage };
    const shown: string[] = [];
    const show = ({ path }: { path: string }) => shown.push(path);
    const all = { selects: () => true };
    await runList(config, { ...looking, ...all, choice: {}, allVersions: true }, show);
    await runDiff(config, { ...looking, ...all, from: START + 0.5 * DAY }, show);
    await runSourceDiff(config, { ...looking, ...all, checksum: false }, show);
    const others = ["a/gone", "a/link", "b/new"];
    expect(shown).toEqual([...others, ...others]);
    expect(told.errors).toEqual([...errors, ...errors, ...errors]);
    const cat = runCat(
      config,
      { ...looking, path: "a/changed", choice: {}, offset: 0, length: 9 },
      async () => {},
    );
    await expect(cat).rejects.toMatchObject({ code: "EIO", path: "a/changed" });
  });

  it("is told of where its size was to be counted, and the others are counted", async () => {
    const { config, openStorage } = await lost({}, "b/new");
    const reporter = new Recorder();
    const looking = { reporter, signal: new AbortController().signal, openStorage, selects: () => true };
    const { stats, result } = await runStats(config, { ...looking, depth: 1, stored: true });
    expect(stats.total.live.versions).toBe(1);
    expect(reporter.errors).toMatchObject([{ path: "b/new", code: "EIO" }]);
    expect(result.errors).toEqual(new Map([["failed", 1]]));
  });

  it("fails its file in a backup, which leaves it as it is stored and goes on with others", async () => {
    const { config, openStorage } = await lost({ versionsKeepDays: 3 });
    world.write("a/changed", "four", 30);
    world.write("b/new", "newer", 30);
    const changed = () => world.stored().filter((name) => name.startsWith("a/changed."));
    const before = changed();
    const pruned = new Recorder();
    const pruning = { reporter: pruned, signal: new AbortController().signal, openStorage };
    await runPrune(config, { ...pruning, ...on(20) });
    expect(pruned.errors).toEqual(errors);
    const { outcomes, told } = await backup(config, { ...on(20), openStorage });
    expect(outcomes).toEqual({ failed: 1, changed: 1 });
    expect(told.errors).toEqual(errors);
    expect(changed()).toEqual(before);
    world.remove("a/changed");
    const gone = await backup(config, { ...on(21), openStorage });
    expect({ ...gone.outcomes, errors: gone.told.errors }).toEqual({ unchanged: 1, errors });
    expect(changed()).toEqual(before);
    world.write("a/changed", "four", 30);
    expect(await clean(backup(config, on(22)))).toMatchObject({ changed: 1, unchanged: 1 });
  });
});

describe.each(["rename", "tombstone"] as const)("a restore of the past, retired by %s", (retire) => {
  it("brings back what was there then, with its links and modes", async () => {
    const config = await threeDays({ retire });
    await clean(restore(config, at(0.5)));
    expect(filesIn(world.restored)).toEqual(["a/changed", "a/gone", "a/link"]);
    expect(content("a/changed")).toBe("one");
    expect(fs.readlinkSync(path.join(world.restored, "a/link"))).toBe("changed");
    expect(fs.statSync(path.join(world.restored, "a")).mode & 0o777).toBe(0o750);
    fs.rmSync(world.restored, { recursive: true });
    await clean(restore(config, at(1.5)));
    expect(filesIn(world.restored)).toEqual(["a/changed"]);
    expect(content("a/changed")).toBe("two");
    fs.rmSync(world.restored, { recursive: true });
    await clean(restore(config));
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    fs.rmSync(world.restored, { recursive: true });
    await clean(restore(config, at(-1)));
    expect(filesIn(world.restored)).toEqual([]);
  });

  it("brings back deleted files beside the others, each as it was last", async () => {
    const config = await threeDays({ retire });
    await clean(restore(config, { choice: { deleted: true } }));
    expect(filesIn(world.restored)).toEqual(["a/changed", "a/gone", "b/new"]);
    expect(content("a/changed")).toBe("three");
  });

  it("says so where nothing was there then of what is wanted", async () => {
    const config = await threeDays({ retire });
    const { told } = await restore(config, { only: ["a/gone"], ...at(0.5) });
    expect(told.warnings).toEqual([]);
    for (const choice of [{ at: START + 1.5 * DAY }, {}]) {
      const { told: later } = await restore(config, { only: ["a/gone", "a"], choice });
      expect(later.errors).toEqual([]);
      expect(later.warnings).toEqual(["a/gone: nothing of it was there then"]);
    }
  });

  it("brings back the version that an md5 names, and asks for more digits where several begin so", async () => {
    const config = await threeDays({ retire });
    await clean(restore(config, { only: ["a/changed"], choice: { md5: md5("two").slice(0, 6) } }));
    expect(filesIn(world.restored)).toEqual(["a/changed"]);
    expect(content("a/changed")).toBe("two");
    const { told } = await restore(config, { only: ["a/changed"], choice: { md5: "" } });
    expect(told.errors).toEqual([expect.objectContaining({ path: "a/changed", code: "EAMBIGUOUS" })]);
    const { told: ofAll } = await restore(config, { choice: { md5: "" } });
    expect(new Set(ofAll.errors.map(({ code }) => code))).toEqual(new Set(["EAMBIGUOUS"]));
  });

  it("found nothing to do, and no fault, where no version has such an md5", async () => {
    const config = await threeDays({ retire });
    const choice = { md5: "ffff" };
    const errorsOf = async (only: string[], given = choice) =>
      (await restore(config, { only, choice: given })).told.errors.map(({ path: file, code }) => [
        file,
        code,
      ]);
    expect(await errorsOf([])).toEqual([[undefined, "ENOMATCH"]]);
    expect(await errorsOf(["a/changed", "a"])).toEqual([
      ["a/changed", "ENOMATCH"],
      ["a", "ENOMATCH"],
    ]);
    expect(await errorsOf(["absent"])).toEqual([["absent", "ENOMATCH"]]);
    expect(await errorsOf(["a", "b"], { md5: md5("two") })).toEqual([["b", "ENOMATCH"]]);
    expect(await errorsOf([], { md5: md5("two") })).toEqual([]);
  });
});

describe("a restore of a part", () => {
  it("strips the folders in front, of files and of metadata", async () => {
    const config = world.config({ container: "segmented", metadata: true });
    world.write("a/b/c/file", "x");
    world.write("a/b/other", "y");
    world.write("a/bc", "z");
    fs.chmodSync(path.join(world.src, "a/b/c"), 0o700);
    await clean(backup(config));
    await clean(restore(config, { stripPrefix: "a/b" }));
    expect(filesIn(world.restored)).toEqual(["c/file", "other"]);
    expect(fs.statSync(path.join(world.restored, "c")).mode & 0o777).toBe(0o700);
    expect(fs.statSync(path.join(world.restored, "other")).mtimeMs).toBe(T0 * 1000);
    fs.rmSync(world.restored, { recursive: true });
    await clean(restore(config, { stripPrefix: "a/b/c/file" }));
    expect(filesIn(world.restored)).toEqual(["file"]);
  });

  it("names what was asked for and lies beside the folder that is stripped", async () => {
    const config = world.config();
    world.write("a/b/file", "x");
    world.write("a/c/file", "y");
    await clean(backup(config));
    const { told, outcomes } = await restore(config, { stripPrefix: "a/b", only: ["a/c", "a/*/file"] });
    expect(told.errors.map(({ path: file, code }) => [file, code])).toEqual([["a/c", "ENOMATCH"]]);
    expect(outcomes).toEqual({ restored: 1 });
    expect(filesIn(world.restored)).toEqual(["file"]);
  });

  it("makes no empty folder of one that a glob meets, and nothing that is in it", async () => {
    const config = world.config({ container: "segmented", metadata: true });
    world.write("letters/file", "x");
    fs.mkdirSync(path.join(world.src, "letters/empty"));
    await clean(backup(config));
    const { told } = await restore(config, { only: ["let*"] });
    expect(told.errors.map(({ path: file, code }) => [file, code])).toEqual([["let*", "ENOMATCH"]]);
    expect(fs.readdirSync(world.restored)).toEqual([]);
    await clean(restore(config, { only: ["letters/e*"] }));
    expect(filesIn(world.restored)).toEqual(["letters/empty/"]);
  });

  it("shows with a dry run what it would do, and does nothing", async () => {
    const config = await threeDays();
    const planned = await restore(config, { ...at(0.5), dryRun: true });
    expect(fs.existsSync(world.restored)).toBe(false);
    expect([...planned.told.files].sort()).toEqual([
      "restored a/changed",
      "restored a/gone",
      "restored a/link",
    ]);
    await clean(restore(config, at(0.5)));
    const again = await restore(config, { ...at(0.5), dryRun: true });
    expect(again.outcomes).toEqual({ identical: 2 });
  });
});
