/**
 * What the killed run has to do: every kind of change there is, over a destination that two earlier runs and a kill
 * have left behind.
 */
import * as fs from "node:fs";
import path from "node:path";
import type { Config } from "../../../src/config/config.ts";
import { type OpenStorage, openStorage } from "../../../src/storage/open.ts";
import { backup, clean, md5, T0, type World, writeFile } from "../world.ts";

/** Just above what is handled in memory, so that it streams. */
const LARGE = 10 * 2 ** 20 + 1;
const DAYS = [1, 2, 3].map((day) => new Date(2024, 0, day, 12));
/** The day of the run that is killed, and of those after it. */
export const LAST_DAY = DAYS[2] as Date;

type State = Record<string, { content: string | Buffer; mtime: number }>;

const file = (content: string | Buffer, age = 0) => ({ content, mtime: T0 + age });

const FIRST: State = {
  "changed large.bin": file(Buffer.alloc(LARGE, "a")),
  "changed.txt": file("first"),
  "deleted.txt": file("will be deleted"),
  "double changed.txt": file("double 1"),
  "double deleted.txt": file("double 1, too"),
  "double.txt": file("double one"),
  "folder/deep/two.txt": file("two, in a folder that is renamed"),
  "folder/one.txt": file("one, in a folder that is renamed"),
  "gone for long.txt": file("gone since the second run"),
  "moved/from.txt": file("content that moves"),
  "revived and touched.txt": file("back with another time"),
  "revived.txt": file("back as it was"),
  "touched.txt": file("touched"),
  "unchanged.txt": file("unchanged"),
};

const SECOND: State = without(
  {
    ...FIRST,
    "double changed.txt": file("double 2", 5),
    "double deleted.txt": file("double 2, too", 5),
    "double.txt": file("double two", 5),
  },
  ["gone for long.txt", "revived and touched.txt", "revived.txt"],
);

const THIRD: State = without(
  {
    ...SECOND,
    "changed large.bin": file(Buffer.alloc(LARGE, "b"), 10),
    "changed.txt": file("changed", 10),
    "double changed.txt": file("double 3", 10),
    "moved/to.txt": file("content that moves"),
    "new/deep/folder/new.txt": file("new", 10),
    "renamed/deep/two.txt": file("two, in a folder that is renamed"),
    "renamed/one.txt": file("one, in a folder that is renamed"),
    "revived and touched.txt": file("back with another time", 10),
    "revived.txt": file("back as it was"),
    "touched.txt": file("touched", 10),
  },
  ["deleted.txt", "double deleted.txt", "folder/deep/two.txt", "folder/one.txt", "moved/from.txt"],
);

/** Where a content went that the run finds under another path. */
export const MOVES: readonly (readonly [string, string])[] = [
  ["folder/deep/two.txt", "renamed/deep/two.txt"],
  ["folder/one.txt", "renamed/one.txt"],
  ["moved/from.txt", "moved/to.txt"],
];

/** What has to hold for one path at every instant of the run. */
export interface Expectation {
  readonly path: string;
  /** Md5s of what the path may show, as hexadecimal digits. */
  readonly contents: readonly string[];
  /** Some version has to be there. */
  readonly required: boolean;
  /** It has to be there as a live file. */
  readonly live: boolean;
}

/** Both states at once: what was there before the run, and what there will be after it. */
export function expectations(deletedKeepDays: number | null): Expectation[] {
  const paths = new Set([...Object.keys(FIRST), ...Object.keys(THIRD)]);
  return [...paths].map((name) => {
    const [ever, before, after] = [FIRST, SECOND, THIRD].map((state) => state[name]?.content);
    const old = before ?? ever;
    const contents = [old, after].flatMap((content) => (content === undefined ? [] : [md5(content)]));
    return {
      path: name,
      contents,
      required: old !== undefined && (after !== undefined || deletedKeepDays === null),
      live: before !== undefined && after !== undefined,
    };
  });
}

/** Runs the two earlier backups, and leaves the source as the third will find it. */
export async function prepare(world: World, config: Config): Promise<void> {
  setSource(world.src, FIRST);
  await clean(backup(config, { now: () => DAYS[0] as Date }));
  setSource(world.src, SECOND);
  await clean(backup(config, { now: () => DAYS[1] as Date, openStorage: openWithoutRetiringDoubles }));
  setSource(world.src, THIRD);
}

/** Leaves beside each new version of a double the one that it replaces, as a kill in the last phase does. */
const openWithoutRetiringDoubles: OpenStorage = async (config, side) => {
  const storage = await openStorage(config, side);
  const remove = storage.remove.bind(storage);
  storage.remove = (keys) => remove(keys.filter((key) => !key.startsWith("double")));
  return storage;
};

function setSource(root: string, state: State): void {
  fs.rmSync(root, { recursive: true });
  fs.mkdirSync(root);
  for (const [name, { content, mtime }] of Object.entries(state)) {
    writeFile(path.join(root, name), content, mtime);
  }
}

function without(state: State, names: readonly string[]): State {
  return Object.fromEntries(Object.entries(state).filter(([name]) => !names.includes(name)));
}
