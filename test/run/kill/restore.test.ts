/**
 * Restores that are killed by SIGKILL before every change of the target, and in the midst of every write, at every 23rd
 * of these moments (`KILL_STRIDE=1`: at all of them).
 *
 * After each kill every file of the target is whole: as it was before, as it is in the backup, or not there yet. After one
 * more restore the target is what one that nobody killed leaves, to the modes, links and temporary files.
 */
import * as fs from "node:fs";
import path from "node:path";
import pLimit from "p-limit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { isTemporaryFolder } from "../../../src/storage/local/temporary.ts";
import { backup, clean, restore, T0, World } from "../world.ts";
import { KILLED, runKilled } from "./run-killed.ts";

const STRIDE = Number(process.env.KILL_STRIDE ?? 23);
const AT_ONCE = 3;
const NOW = new Date(1000 * (T0 + 1_000_000));

describe.each(["classic", "segmented"] as const)("a restore that is killed, container %s", (container) => {
  let world: World;
  beforeEach(async () => {
    world = new World();
    world.write("a", "first");
    world.write("folder/b", "b".repeat(5000));
    world.write("folder/deep/empty", "");
    world.write("large", Buffer.alloc(11 * 1024 * 1024, "much of it. "));
    fs.linkSync(path.join(world.src, "a"), path.join(world.src, "folder/hard"));
    fs.symlinkSync("folder/b", path.join(world.src, "link"));
    fs.mkdirSync(path.join(world.src, "nothing in it"));
    fs.chmodSync(path.join(world.src, "folder/b"), 0o600);
    fs.chmodSync(path.join(world.src, "folder/deep"), 0o711);
    await clean(backup(world.config({ container, metadata: true })));
  });
  afterEach(() => world.dispose());

  it.each([
    ["an empty folder", () => {}],
    [
      "a folder with older files",
      (folder: string) => {
        fs.mkdirSync(path.join(folder, "folder"), { recursive: true });
        fs.writeFileSync(path.join(folder, "a"), "before");
        fs.writeFileSync(path.join(folder, "folder/b"), "b");
        fs.writeFileSync(path.join(folder, "another"), "not of the backup");
        fs.utimesSync(path.join(folder, "another"), T0, T0);
      },
    ],
  ])(
    "into %s leaves whole files, and the next one ends what it began",
    async (_, fill) => {
      const target = (n: number): Config => {
        const folder = world.at(`target-${n}`);
        fs.mkdirSync(folder);
        fill(folder);
        return {
          ...world.config({ container, metadata: true }),
          restore: { kind: "local", path: folder },
        };
      };
      const untouched = contentsOf(target(0));
      const whole = target(1);
      const calls = await runKilled(whole, "file system", 0, "amid", NOW, "restore");
      if (calls === KILLED) throw new Error("the restore was killed by somebody else");
      expect(calls).toBeGreaterThan(20);
      const goal = attributesOf(whole);
      const restored = contentsOf(whole);

      const limit = pLimit(AT_ONCE);
      let kills = 0;
      const killAt = async (n: number) => {
        const when = `killed amid change ${n} of ${calls}`;
        const config = target(n + 1);
        const outcome = await runKilled(config, "file system", n, "amid", NOW, "restore");
        if (outcome === KILLED) kills++;
        else expect(n, `the restore survived ${when}`).toBeGreaterThan(calls - 5);
        for (const [file, content] of contentsOf(config)) {
          expect([untouched.get(file), restored.get(file)], `${file}, ${when}`).toContain(content);
        }
        for (const file of untouched.keys())
          expect(contentsOf(config).has(file), `${file}, ${when}`).toBe(true);
        await clean(restore(config, { now: () => NOW }));
        expect(contentsOf(config), when).toEqual(restored);
        expect(attributesOf(config), when).toEqual(goal);
        fs.rmSync(folderOf(config), { recursive: true });
      };
      const points: Promise<void>[] = [];
      for (let n = 1; n <= calls; n += STRIDE) points.push(limit(() => killAt(n)));
      await Promise.all(points);
      expect(kills).toBeGreaterThan((points.length * 2) / 3);
    },
    300_000,
  );
});

function folderOf({ restore }: Config): string {
  return (restore as { path: string }).path;
}

/** What lies under final names: content of files, targets of links. */
function contentsOf(config: Config): Map<string, string> {
  const contents = new Map<string, string>();
  for (const [entry, file, name] of entriesOf(config)) {
    if (isTemporaryFolder(name.split("/")[0] ?? "")) continue;
    if (entry.isFile()) contents.set(name, fs.readFileSync(file, "latin1"));
    if (entry.isSymbolicLink()) contents.set(name, `-> ${fs.readlinkSync(file)}`);
  }
  return contents;
}

/** Everything there is, temporary folders too, with its mode, time and number of links. */
function attributesOf(config: Config): Record<string, string> {
  const attributes = entriesOf(config).map(([, file, name]) => {
    const { mode, mtimeMs, nlink } = fs.lstatSync(file);
    return [name, `${mode.toString(8)} ${mtimeMs} ${nlink}`];
  });
  return Object.fromEntries(attributes);
}

function entriesOf(config: Config): [fs.Dirent, string, string][] {
  const root = folderOf(config);
  return fs.readdirSync(root, { recursive: true, withFileTypes: true }).map((entry) => {
    const file = path.join(entry.parentPath, entry.name);
    return [entry, file, path.relative(root, file)];
  });
}
