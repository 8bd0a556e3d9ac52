/**
 * Runs with a history that are killed before and after the calls of the destination: whatever is left, the past shows as
 * it was, nothing of it is lost, and the next run brings the present up to date.
 */
import * as fs from "node:fs";
import pLimit from "p-limit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { md5FromBase36, parseStoredName } from "../../../src/names/stored-name.ts";
import type { Version } from "../../../src/plan/group.ts";
import { historyOf, lifeAt } from "../../../src/plan/history.ts";
import { openStorage } from "../../../src/storage/open.ts";
import { backup, clean, md5, verify, World } from "../world.ts";
import type { Moment } from "./call-counter.ts";
import { KILLED, runKilled } from "./run-killed.ts";

const STRIDE = Number(process.env.KILL_STRIDE ?? 0) || 13;
const DAY = 86_400;
const FIRST = Date.UTC(2025, 4, 1, 12) / 1000;
const MOMENTS = [FIRST, FIRST + DAY, FIRST + 9 * DAY + 60] as const;

/** What the source held after each of the three days. */
const STATES: readonly Readonly<Record<string, readonly [content: string, age: number]>>[] = [
  {
    changed: ["one", 0],
    deleted: ["gone", 1],
    back: ["back", 2],
    moved: ["moved", 3],
    touched: ["same", 4],
    old: ["a", 5],
  },
  { changed: ["two!", 9], moved: ["moved", 3], touched: ["same", 4], old: ["bb", 6] },
  {
    changed: ["three", 20],
    back: ["back", 2],
    "new/moved": ["moved", 3],
    touched: ["same", 21],
    old: ["a", 5],
  },
];

function play(world: World, day: number): void {
  fs.rmSync(world.src, { recursive: true });
  fs.mkdirSync(world.src);
  for (const [file, [content, age]] of Object.entries(STATES[day] ?? {})) world.write(file, content, age);
}

/** Path to md5 of what was live at a moment. */
async function shownAt(config: Config, moment: number): Promise<Record<string, string>> {
  const storage = await openStorage(config.dest, "destination");
  const paths = new Map<string, Version[]>();
  for await (const objects of storage.list()) {
    for (const { key } of objects) {
      const version = parseStoredName(key);
      if (version === undefined) throw new Error(`${key} is no stored name`);
      const storedAt = (await storage.stat(key))?.modified ?? 0;
      paths.set(version.path, [...(paths.get(version.path) ?? []), { ...version, storedAt }]);
    }
  }
  await storage.close();
  const shown: Record<string, string> = {};
  for (const [path, versions] of paths) {
    const life = lifeAt(historyOf(versions), moment);
    if (life !== undefined) shown[path] = md5FromBase36(life.version.md5).toString("hex");
  }
  return shown;
}

const wanted = (day: number) =>
  Object.fromEntries(Object.entries(STATES[day] ?? {}).map(([path, [content]]) => [path, md5(content)]));

describe.each(["rename", "tombstone"] as const)("a run that retires by %s and is killed", (retire) => {
  let world: World;
  // Versions of the first day expire in the last run, which is killed.
  const settings: Partial<Config> = { container: "segmented", retire, versionsKeepDays: 8, compress: false };
  beforeAll(async () => {
    world = new World();
    const dest = { kind: "local", path: world.at("template") } as const;
    for (const day of [0, 1]) {
      play(world, day);
      const now = () => new Date((MOMENTS[day] ?? 0) * 1000);
      await clean(backup({ ...world.config(settings), dest }, { now, allowMassDelete: true }));
    }
    play(world, 2);
  });
  afterAll(() => world?.dispose());

  const make = (name: string): Config => {
    const path = world.at(name);
    fs.cpSync(world.at("template"), path, { recursive: true, preserveTimestamps: true });
    return { ...world.config(settings), dest: { kind: "local", path } };
  };

  it("loses nothing of the past, and the next run puts the present right", async () => {
    const last = new Date(MOMENTS[2] * 1000);
    const calls = await runKilled(make("whole"), "storage", 0, "before", last);
    if (calls === KILLED) throw new Error("the run was killed by somebody else");
    expect(calls).toBeGreaterThan(20);
    const limit = pLimit(2);
    const killAt = async (n: number, moment: Moment) => {
      const when = `${moment} call ${n} of ${calls}`;
      const config = make(`${moment}-${n}`);
      await runKilled(config, "storage", n, moment, last);
      expect((await verify(config)).told.errors, when).toEqual([]);
      expect(await shownAt(config, MOMENTS[1]), when).toEqual(wanted(1));
      const later = new Date(last.getTime() + 60_000);
      await clean(backup(config, { now: () => later, allowMassDelete: true }));
      expect(await shownAt(config, MOMENTS[1]), when).toEqual(wanted(1));
      expect(await shownAt(config, MOMENTS[2] + 3600), when).toEqual(wanted(2));
      const again = await clean(backup(config, { now: () => later }));
      delete again.expired; // what a file that returned was before goes once it is unchanged
      expect(again, when).toEqual({ unchanged: Object.keys(STATES[2] ?? {}).length });
      fs.rmSync((config.dest as { path: string }).path, { recursive: true });
    };
    const points: Promise<void>[] = [];
    for (let n = 1; n <= calls; n += STRIDE) {
      for (const moment of ["before", "after"] as const) points.push(limit(() => killAt(n, moment)));
    }
    await Promise.all(points);
  }, 600_000);
});
