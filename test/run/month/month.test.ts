import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import type { Config, Thinning } from "../../../src/config/config.ts";
import { md5ToBase36, parseStoredName } from "../../../src/names/stored-name.ts";
import type { Version } from "../../../src/plan/group.ts";
import { historyOf, lifeAt } from "../../../src/plan/history.ts";
import { momentsOf } from "../../../src/plan/retention.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { dropBucket, freshBucket, whyNoServer } from "../../s3-server/s3-server.ts";
import { LONG } from "../long.ts";
import { backup, clean, md5, restore, treeOf, verify, World } from "../world.ts";
import { Script, type TreeState } from "./script.ts";
import { SimulatedTime } from "./simulated-time.ts";

/** Both begin in a month and end in the next. */
const DAYS = LONG ? 31 : 17;
const DAY = 86_400;
/** In the past, so that no real clock is near. */
const START = Date.UTC(2025, 2, LONG ? 10 : 16, 6) / 1000;

interface Rule {
  readonly name: string;
  readonly settings: Partial<Config>;
  /** Whether the state of a moment has to be there in full. */
  isKept(moment: number, now: number): boolean;
}

const keep: Thinning = { daily: 5, weekly: 2, monthly: 1, yearly: 0 };
const within = (days: number) => (moment: number, now: number) => now - moment <= days * DAY;
const RULES: Rule[] = [
  { name: "for ever", settings: { versionsKeepDays: "forever" }, isKept: () => true },
  { name: "for 9 days", settings: { versionsKeepDays: 9 }, isKept: within(9) },
  {
    name: "for 2 days, then thinned out",
    settings: { versionsKeepDays: 2, keep },
    isKept: (moment, now) => within(2)(moment, now) || momentsOf(keep, new Date(now * 1000)).includes(moment),
  },
  {
    name: "for 4 days, purged 3 days later",
    settings: { versionsKeepDays: 4, purgeDelayDays: 3 },
    isKept: within(7),
  },
  {
    name: "for 9 days, deleted files for 10",
    settings: { versionsKeepDays: 9, deletedKeepDays: 10 },
    isKept: within(9),
  },
];

const disposals: (() => unknown)[] = [];
afterEach(async () => {
  for (const dispose of disposals.splice(0)) await dispose();
});

/** Plays a month; after each day what every past moment shows is compared with what was. */
async function month(config: Config, world: World, time: SimulatedTime, rule: Rule): Promise<void> {
  const script = new Script(world.src, 7);
  const states: { moment: number; state: TreeState }[] = [];
  const options = { now: time.now, openStorage: time.open, allowMassDelete: true };
  const storage = await time.open(config.dest, "destination");
  disposals.push(() => storage.close());
  for (let day = 0; day < DAYS; day++) {
    for (const hour of LONG ? [0, 7, 17] : [0, 9]) {
      time.seconds = START + day * DAY + hour * 3600;
      states.push({ moment: time.seconds, state: script.step(time.seconds) });
      await clean(backup(config, options));
      // A bucket's clock is not ours: what this run stored is seen at its moment.
      if (storage.kind === "s3") for await (const _ of storage.list());
    }
    await compare(storage, states, rule, time.seconds);
    const kept = states.filter(({ moment }) => rule.isKept(moment, time.seconds));
    const sample = LONG ? kept : day % 10 === 9 ? [kept[0], kept[kept.length >> 1]] : [];
    for (const past of sample) if (past !== undefined) await restorePast(config, world, time, past);
  }
  expect((await verify(config)).told.errors).toEqual([]);
}

/** What a restore of a past moment brings back, to the second and the byte. */
async function restorePast(
  config: Config,
  world: World,
  time: SimulatedTime,
  { moment, state }: { moment: number; state: TreeState },
): Promise<void> {
  fs.rmSync(world.restored, { recursive: true, force: true });
  await clean(restore(config, { now: time.now, openStorage: time.open, choice: { at: moment } }));
  const expected = [...state].map(([path, { content, mtime }]) => [path, `${md5(content)} ${mtime}`]);
  const found = Object.entries(treeOf(world.restored)).filter(([, text]) => text !== "empty folder");
  expect(Object.fromEntries(found), `the state of ${moment}`).toEqual(Object.fromEntries(expected));
}

async function compare(
  storage: Storage,
  states: readonly { moment: number; state: TreeState }[],
  rule: Rule,
  now: number,
): Promise<void> {
  const paths = await versionsByPath(storage);
  let differing = 0;
  for (const [i, { moment, state }] of states.entries()) {
    const last = (states[i + 1]?.moment ?? now + 1) - 1;
    const days = momentsOf(keep, new Date(now * 1000)).filter((end) => end >= moment && end <= last);
    for (const at of new Set([moment, last, ...days])) {
      const names = new Set([...paths.keys(), ...state.keys()]);
      for (const path of names) {
        const life = lifeAt(historyOf(paths.get(path) ?? []), at);
        const wanted = state.get(path);
        const shown = life && `${life.version.md5} ${life.version.mtime}`;
        const right = wanted && `${md5Of(wanted.content)} ${wanted.mtime}`;
        if (shown === right) continue;
        differing++;
        // Retention may take a version away, never show another in its place.
        const allowed = shown === undefined && !rule.isKept(at, now);
        if (!allowed) expect(`${path} at ${at}: ${shown}`).toBe(`${path} at ${at}: ${right}`);
      }
    }
  }
  if (rule.settings.versionsKeepDays === "forever") expect(differing).toBe(0);
}

async function versionsByPath(storage: Storage): Promise<Map<string, Version[]>> {
  const paths = new Map<string, Version[]>();
  for await (const batch of storage.list()) {
    for (const { key, modified } of batch) {
      const version = parseStoredName(key);
      if (version === undefined) throw new Error(`${key} is no stored name`);
      const storedAt = modified ?? (await storage.stat(key))?.modified;
      const versions = paths.get(version.path) ?? [];
      versions.push({ ...version, ...(storedAt !== undefined && { storedAt }) });
      paths.set(version.path, versions);
    }
  }
  return paths;
}

function md5Of(content: string): string {
  return md5ToBase36(createHash("md5").update(content).digest());
}

/** Each container and each way, and most rules; all of them together on request. */
const USUAL: ReadonlySet<string> = new Set([
  "segmented, rename, for 2 days, then thinned out",
  "segmented, tombstone, for 4 days, purged 3 days later",
  "classic, tombstone, for 9 days, deleted files for 10",
]);
const CONTAINERS = ["classic", "segmented"] as const;
const WAYS = ["rename", "tombstone"] as const;

/** With real restores of all that is kept, after each of three runs a day; a minute to ten. */
const TIMEOUT_MS = LONG ? 3_600_000 : 60_000;

describe("a month of history on a local destination", () => {
  for (const container of CONTAINERS) {
    for (const retire of WAYS) {
      for (const rule of RULES) {
        const usual = USUAL.has(`${container}, ${retire}, ${rule.name}`);
        it.runIf(usual || LONG)(
          `${container}, ${retire}, kept ${rule.name}`,
          async () => {
            const world = new World();
            disposals.push(() => world.dispose());
            const time = new SimulatedTime(START);
            await month(world.config({ container, retire, ...rule.settings }), world, time, rule);
          },
          TIMEOUT_MS,
        );
      }
    }
  }
});

const skip = whyNoServer();
describe.skipIf(skip !== undefined || !LONG)("a month of history in a bucket", () => {
  for (const container of CONTAINERS) {
    for (const retire of WAYS) {
      for (const rule of RULES) {
        it(
          `${container}, ${retire}, kept ${rule.name}`,
          async () => {
            const world = new World();
            const dest = await freshBucket();
            disposals.push(
              () => world.dispose(),
              () => dropBucket(dest),
            );
            const time = new SimulatedTime(START);
            await month(
              { ...world.config({ container, retire, ...rule.settings }), dest },
              world,
              time,
              rule,
            );
          },
          TIMEOUT_MS,
        );
      }
    }
  }
});
