import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { parseStoredName } from "../../src/names/stored-name.ts";
import { runList } from "../../src/run/look/list.ts";
import { backup, clean, Recorder, verify, World } from "./world.ts";

const DAY = 86_400;
const START = Date.UTC(2025, 4, 1, 12) / 1000;
const moment = (day: number) => START + day * DAY;
const on = (day: number) => ({ now: () => new Date(moment(day) * 1000) });

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

/** Two days: a file that changes, one that goes, one that stays. */
async function twoDays(settings: Partial<Config> = {}): Promise<Config> {
  const config = world.config({
    container: "segmented",
    metadata: true,
    versionsKeepDays: "forever",
    ...settings,
  });
  world.write("a/changed", "one");
  world.write("a/gone", "gone");
  world.write("stays", "stays");
  await clean(backup(config, on(0)));
  world.write("a/changed", "two!", 10);
  world.remove("a/gone");
  await clean(backup(config, on(1)));
  return config;
}

/** The stored object, or tombstone, of a file: of these the one of this size. */
function objectOf(file: string, size: number, form: string): string {
  const key = world.stored().find((one) => {
    const version = parseStoredName(one);
    return version?.path === file && version.size === size && version.stamp.form === form;
  });
  if (key === undefined) throw new Error(`no ${form} of ${file}`);
  return path.join(world.dest, key);
}

function damage(file: string): void {
  const bytes = fs.readFileSync(file);
  const at = bytes.length - 40;
  bytes[at] = (bytes[at] as number) ^ 1;
  fs.writeFileSync(file, bytes);
}

describe.each(["rename", "tombstone"] as const)("verifying a moment (retired by %s)", (retire) => {
  it("reads what was live then, and nothing else", async () => {
    const config = await twoDays({ retire });
    const then = await verify(config, { at: moment(0.5) });
    expect(then.told.files.sort()).toEqual(["OK a/changed", "OK a/gone", "OK stays"]);
    const now = await verify(config, { at: moment(1.5) });
    expect(now.told.files.sort()).toEqual(["OK a/changed", "OK stays"]);
    expect((await verify(config, { at: moment(-1) })).told.files).toEqual([]);
    damage(objectOf("a/changed", 3, retire === "rename" ? "stamp" : "live"));
    expect((await verify(config, { at: moment(0.5) })).errors).toEqual({ damaged: 1 });
    expect((await verify(config, { at: moment(1.5) })).errors).toEqual({});
    expect((await verify(config)).errors).toEqual({ damaged: 1 });
  });

  it("reads the metadata of then, and counts them as no file", async () => {
    const config = await twoDays({ retire });
    const manifests = world.stored().filter((key) => key.startsWith("a/.backup-meta."));
    for (const key of manifests) {
      const form = parseStoredName(key)?.stamp.form;
      if (form === "stamp" || form === "marker") damage(path.join(world.dest, key));
    }
    expect((await verify(config, { at: moment(0.5) })).errors).toEqual({ damaged: 1 });
    expect(await clean(verify(config, { at: moment(1.5) }))).toEqual({ intact: 2 });
  });
});

describe("verifying paths", () => {
  it("reads every version of those, and says of which there is none", async () => {
    const config = await twoDays();
    const { told, errors } = await verify(config, { only: ["a/", "st*", "none", "a/changed"] });
    expect(told.files.sort()).toEqual(["OK a/changed", "OK a/changed", "OK a/gone", "OK stays"]);
    expect(errors).toEqual({ failed: 1 });
    expect(told.errors).toMatchObject([{ code: "ENOMATCH", path: "none" }]);
    damage(objectOf("stays", 5, "live"));
    await clean(verify(config, { only: ["a"] }));
    const manifests = world.stored().filter((key) => key.startsWith("a/.backup-meta."));
    for (const key of manifests) damage(path.join(world.dest, key));
    expect((await verify(config, { only: ["a"] })).errors).toEqual({ damaged: manifests.length });
    expect((await verify(config, { only: ["a/gone"], at: moment(0.5) })).errors).toEqual({ damaged: 1 });
    expect((await verify(config, { only: ["stays"] })).errors).toEqual({ damaged: 1 });
  });

  it("says so where nothing was live there then", async () => {
    const config = await twoDays();
    const then = await verify(config, { only: ["a/gone"], at: moment(0.5) });
    expect([then.told.files, then.errors]).toEqual([["OK a/gone"], {}]);
    const { told } = await verify(config, { only: ["a/gone"], at: moment(1.5) });
    expect(told.errors).toMatchObject([{ code: "ENOMATCH", path: "a/gone" }]);
  });
});

describe("tombstones", () => {
  const orphans = ({ infos }: Recorder) => infos.filter((line) => line.includes("Tombstones"));

  it("are verified against their name", async () => {
    const config = await twoDays({ retire: "tombstone" });
    await clean(verify(config));
    const marker = objectOf("a/gone", 4, "marker");
    const fields = path.basename(marker).split(".");
    const stamp = fields.at(-2) as string;
    const moved = `${stamp.slice(0, -1)}${stamp.endsWith("0") ? "1" : "0"}`;
    const renamed = path.join(path.dirname(marker), fields.with(-2, moved).join("."));
    fs.renameSync(marker, renamed);
    expect((await verify(config)).errors).toEqual({ damaged: 1 });
    fs.renameSync(renamed, marker);
    damage(marker);
    const { errors, outcomes } = await verify(config);
    expect(errors).toEqual({ damaged: 1 });
    expect(outcomes).toEqual({ intact: 4, failed: 1 });
  });

  it("of nothing are told of, and are no failure", async () => {
    const config = await twoDays({ retire: "tombstone", encryptFilenames: false });
    expect(orphans((await verify(config)).told)).toEqual([]);
    fs.rmSync(objectOf("a/gone", 4, "live"));
    for (const options of [{}, { at: moment(0.5) }, { only: ["a"] }]) {
      const { told, errors } = await verify(config, options);
      expect(errors).toEqual({});
      expect(orphans(told)).toEqual([expect.stringMatching(/: 1$/)]);
    }
    expect(orphans((await verify(config, { only: ["stays"] })).told)).toEqual([]);
  });
});

describe("names that were encrypted later", () => {
  it("are listed with those that were not, beyond the beginning of the listing too", async () => {
    const plain = world.config({ container: "segmented", versionsKeepDays: "forever" });
    for (let i = 0; i < 1001; i++) world.write(`!/${i}`, "");
    world.write("!!", "one");
    await clean(backup(plain, on(0)));
    world.write("!!", "two!", 10);
    const config = { ...plain, encryptFilenames: true };
    await clean(backup(config, on(1)));
    const told = new Recorder();
    const shown: string[] = [];
    const options = { reporter: told, signal: new AbortController().signal, choice: {}, allVersions: true };
    await runList(config, { ...options, selects: (file) => file === "!!" }, ({ path: file, size }) => {
      shown.push(`${file} ${size}`);
    });
    expect(shown).toEqual(["!! 3", "!! 4"]);
    expect(told.errors).toEqual([]);
  });
});
