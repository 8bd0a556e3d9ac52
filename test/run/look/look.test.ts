import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { type CatOptions, runCat } from "../../../src/run/look/cat.ts";
import { type Difference, runDiff, runSourceDiff } from "../../../src/run/look/diff.ts";
import { type ListedVersion, type ListOptions, runList } from "../../../src/run/look/list.ts";
import { type Amount, runStats } from "../../../src/run/look/stats.ts";
import { backup, clean, md5, Recorder, T0, World } from "../world.ts";

const DAY = 86_400;
const START = Date.UTC(2025, 4, 1, 12) / 1000;
const moment = (day: number) => START + day * DAY;
const on = (day: number) => ({ now: () => new Date(moment(day) * 1000) });
const MIB = 2 ** 20;

let world: World;
let told: Recorder;
beforeEach(() => {
  world = new World();
  told = new Recorder();
});
afterEach(() => {
  world.dispose();
  expect(told.errors).toEqual([]);
});

const given = () => ({ reporter: told, signal: new AbortController().signal });
const all = () => true;

async function threeDays(settings: Partial<Config>): Promise<Config> {
  const config = world.config({ metadata: true, versionsKeepDays: 30, ...settings });
  world.write("a/changed.txt", "one");
  world.write("gone", "gone");
  await clean(backup(config, on(0)));
  world.write("a/changed.txt", "two!", 10);
  world.remove("gone");
  await clean(backup(config, on(1)));
  world.write(".backup-meta.0.0", "named like a manifest", 20);
  fs.utimesSync(path.join(world.src, "a/changed.txt"), T0 + 20, T0 + 20);
  await clean(backup(config, on(2)));
  return config;
}

async function list(config: Config, options: Partial<ListOptions> = {}): Promise<string[]> {
  const shown: ListedVersion[] = [];
  const usual = { choice: {}, allVersions: false, selects: all };
  await runList(config, { ...given(), ...usual, ...options }, (version) => shown.push(version));
  return shown.map(({ path: file, size, began, ceased }) => {
    const day = (seconds: number | undefined) => (seconds === undefined ? "" : (seconds - START) / DAY);
    return `${file} ${size} ${day(began)}-${day(ceased)}`;
  });
}

const WAYS: [string, Partial<Config>][] = [
  ["segmented, renamed", { container: "segmented" }],
  [
    "segmented, encrypted names, tombstones",
    { container: "segmented", retire: "tombstone", encryptFilenames: true },
  ],
  ["classic, encrypted names, renamed", { encryptFilenames: true }],
];

describe.each(WAYS)("a list (%s)", (_, settings) => {
  it("shows what is there, what was there, and when", async () => {
    const config = await threeDays(settings);
    expect(await list(config)).toEqual([".backup-meta.0.0 21 -", "a/changed.txt 4 -"]);
    expect(await list(config, { choice: { deleted: true } })).toEqual([
      ".backup-meta.0.0 21 -",
      "a/changed.txt 4 -",
      expect.stringMatching(/^gone 4 0-1/),
    ]);
    expect(await list(config, { choice: { at: moment(0.5) } })).toEqual([
      expect.stringMatching(/^a\/changed.txt 3 0-1/),
      expect.stringMatching(/^gone 4 0-1/),
    ]);
    expect(await list(config, { allVersions: true, selects: (file) => file.startsWith("a/") })).toEqual([
      "a/changed.txt 3 0-1",
      "a/changed.txt 4 1-2",
      "a/changed.txt 4 2-",
    ]);
  });
});

describe("a difference", () => {
  const kinds = (shown: Difference[]) => shown.map(({ kind, path: file }) => `${kind} ${file}`);

  it("is shown between two moments, or one and now", async () => {
    const config = await threeDays({ container: "segmented" });
    const diff = async (from?: number, to?: number) => {
      const shown: Difference[] = [];
      const moments = { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
      await runDiff(config, { ...given(), ...moments, selects: all }, (one) => shown.push(one));
      return kinds(shown);
    };
    expect(await diff(moment(0), moment(1))).toEqual(["changed a/changed.txt", "removed gone"]);
    expect(await diff(moment(1), moment(0))).toEqual(["changed a/changed.txt", "added gone"]);
    expect(await diff(moment(1))).toEqual(["added .backup-meta.0.0", "touched a/changed.txt"]);
    expect(await diff()).toEqual([]);
  });

  it("is shown between what is stored and the source, by name or by content", async () => {
    const config = await threeDays({ container: "segmented" });
    world.write("new", "new");
    fs.utimesSync(path.join(world.src, "a/changed.txt"), T0 + 99, T0 + 99);
    world.write(".backup-meta.0.0", "named like a MANIFEST", 20);
    const before = world.stored();
    const diff = async (checksum: boolean, from?: number) => {
      const shown: Difference[] = [];
      const at = from === undefined ? {} : { from };
      await runSourceDiff(config, { ...given(), ...at, checksum, selects: all }, (one) => shown.push(one));
      return kinds(shown).sort();
    };
    expect(await diff(false)).toEqual(["added new", "touched a/changed.txt"]);
    expect(await diff(true)).toEqual(["added new", "changed .backup-meta.0.0", "touched a/changed.txt"]);
    expect(await diff(false, moment(0))).toEqual([
      "added .backup-meta.0.0",
      "added new",
      "changed a/changed.txt",
      "removed gone",
    ]);
    expect(world.stored()).toEqual(before);
  });
});

describe("statistics", () => {
  it("count files and versions, and what keeps them", async () => {
    const config = await threeDays({
      container: "segmented",
      versionsKeepDays: 2,
      keep: { daily: 4, weekly: 0, monthly: 0, yearly: 0 },
    });
    const options = { ...given(), ...on(3.5), selects: all, depth: 1, stored: false };
    const { stats } = await runStats(config, options);
    const stored = 0;
    expect(stats.total).toEqual({
      live: { versions: 2, bytes: 25, stored },
      kept: { versions: 3, bytes: 11, stored },
    });
    expect(Object.fromEntries(stats.reasons)).toEqual({
      live: { versions: 2, bytes: 25, stored },
      deleted: { versions: 1, bytes: 4, stored },
      versions_keep_days: { versions: 1, bytes: 4, stored },
      daily: { versions: 1, bytes: 3, stored },
    });
    expect(stats.folders).toEqual({
      largest: [
        [".", { live: { versions: 1, bytes: 21, stored }, kept: { versions: 1, bytes: 4, stored } }],
        ["a", { live: { versions: 1, bytes: 4, stored }, kept: { versions: 2, bytes: 7, stored } }],
      ],
      others: undefined,
    });
    expect(stats.extensions.largest.map(([name]) => name)).toEqual([".0", ".txt", ""]);
    expect(stats.metadata.versions).toBeGreaterThan(2);
  });
});

describe.each(["rename", "tombstone"] as const)("statistics of what is stored, retired by %s", (retire) => {
  const sumOf = (amounts: Iterable<Amount>) => [...amounts].reduce((sum, { stored }) => sum + stored, 0);

  it("come to what is there, whichever way it is told apart", async () => {
    const config = await threeDays({ container: "segmented", retire });
    world.write("gone", "gone");
    await clean(backup(config, on(3)));
    const { stats } = await runStats(config, { ...given(), ...on(4), selects: all, depth: 2, stored: true });
    const { live, kept } = stats.total;
    const taken = world.stored().reduce((sum, key) => sum + fs.statSync(path.join(world.dest, key)).size, 0);
    expect(live.stored + kept.stored + stats.metadata.stored).toBe(taken);
    expect(sumOf(stats.reasons.values())).toBe(live.stored + kept.stored);
    for (const { largest } of [stats.folders, stats.extensions]) {
      expect(sumOf(largest.flatMap(([, group]) => [group.live, group.kept]))).toBe(live.stored + kept.stored);
    }
    // A file that came back is one object with a tombstone, or two objects.
    expect(live).toMatchObject({ versions: 3, bytes: 29 });
    expect(kept).toMatchObject({ versions: 3, bytes: retire === "tombstone" ? 7 : 11 });
  });
});

describe("folders", () => {
  it("are told apart as deep as is wanted", async () => {
    const config = world.config();
    for (const file of ["top", "a/1", "a/b/2", "a/b/c/3", "a/b/c/d/4"]) world.write(file, file);
    await clean(backup(config));
    const namesAt = async (depth: number) => {
      const { stats } = await runStats(config, { ...given(), selects: all, depth, stored: false });
      return stats.folders.largest.map(([name, { live }]) => `${name} ${live.versions}`).sort();
    };
    expect(await namesAt(1)).toEqual([". 1", "a 4"]);
    expect(await namesAt(2)).toEqual([". 1", "a 1", "a/b 3"]);
    expect(await namesAt(3)).toEqual([". 1", "a 1", "a/b 1", "a/b/c 2"]);
  });
});

describe.each(["segmented", "classic"] as const)("a file to standard output (%s)", (container) => {
  async function cat(config: Config, options: Partial<CatOptions>): Promise<Buffer> {
    const pieces: Buffer[] = [];
    const usual = { choice: {}, offset: 0, length: Number.MAX_SAFE_INTEGER, path: "large" };
    await runCat(config, { ...given(), ...usual, ...options }, async (piece) => {
      pieces.push(Buffer.from(piece));
    });
    return Buffer.concat(pieces);
  }

  it("is the whole, or any range of it, of the version that is meant", async () => {
    const config = world.config({ container, versionsKeepDays: 30 });
    const large = Buffer.alloc(11 * MIB + 77, "a large file with some text in it, ");
    world.write("large", large);
    world.write("small", "one");
    await clean(backup(config, on(0)));
    world.write("small", "two!", 5);
    await clean(backup(config, on(1)));
    expect((await cat(config, {})).equals(large)).toBe(true);
    for (const [offset, length] of [
      [0, 1],
      [256 * 1024 - 3, 7],
      [5 * MIB, 3 * MIB],
      [large.length - 5, 100],
      [large.length, 1],
      [large.length + 5, 1],
      [7, 0],
    ] as const) {
      const expected = large.subarray(offset, offset + length);
      expect((await cat(config, { offset, length })).equals(expected), `${offset}, ${length}`).toBe(true);
    }
    expect(String(await cat(config, { path: "small" }))).toBe("two!");
    expect(String(await cat(config, { path: "small", choice: { at: moment(0.5) } }))).toBe("one");
    expect(String(await cat(config, { path: "small", choice: { md5: md5("one").slice(0, 4) } }))).toBe("one");
    world.write("folder/file", "three");
    await clean(backup(config, on(1)));
    expect(String(await cat(config, { path: "./folder/file" }))).toBe("three");
    await expect(cat(config, { path: "folder/" })).rejects.toThrow("is a folder");
    await expect(cat(config, { path: "none" })).rejects.toMatchObject({ code: "ENOENT", path: "none" });
    await expect(cat(config, { path: "small", choice: { at: moment(-1) } })).rejects.toMatchObject({
      code: "ENOENT",
    });
  });

  it("gives out nothing of what is damaged", async () => {
    const config = world.config({ container, compress: false, compression: "none" });
    world.write("large", Buffer.alloc(11 * MIB, "x"));
    await clean(backup(config));
    const [key = ""] = world.stored();
    const file = path.join(world.dest, key);
    const bytes = fs.readFileSync(file);
    const at = 6 * MIB;
    bytes[at] = (bytes[at] as number) ^ 1;
    fs.writeFileSync(file, bytes);
    let given = 0;
    const options = { choice: {}, offset: 0, length: Number.MAX_SAFE_INTEGER, path: "large" };
    const reading = { reporter: told, signal: new AbortController().signal };
    await expect(
      runCat(config, { ...reading, ...options }, async (piece) => {
        expect(piece.every((byte) => byte === 0x78)).toBe(true);
        given += piece.length;
      }),
    ).rejects.toMatchObject({ kind: "damaged", path: "large" });
    // Block by block, or not at all before all of it is verified.
    expect(given).toBeLessThanOrEqual(container === "classic" ? 0 : 6 * MIB);
  });
});
