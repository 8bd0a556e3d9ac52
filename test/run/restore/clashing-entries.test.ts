import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ManifestEntry } from "../../../src/metadata/manifest.ts";
import { clashesOf } from "../../../src/run/restore/clashing-entries.ts";
import { backup, clean, restore, World } from "../world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const settings = () => world.config({ container: "segmented", metadata: true });
const at = (folder: string, file: string) => path.join(folder, file);
const manifest = () => world.stored().find((key) => key.startsWith(".backup-meta")) as string;

it("a file that was stored where an older manifest has a link is restored, and what was recorded is told of", async () => {
  fs.symlinkSync("elsewhere", at(world.src, "a"));
  execFileSync("mkfifo", [at(world.src, "b")]);
  fs.symlinkSync("elsewhere", at(world.src, "c"));
  await clean(backup(settings()));
  const older = [manifest(), fs.readFileSync(at(world.dest, manifest()))] as const;
  for (const file of ["a", "b"]) {
    world.remove(file);
    world.write(file, "content");
  }
  await clean(backup(settings()));
  // As if that run had not been able to store the newer one.
  fs.rmSync(at(world.dest, manifest()));
  fs.writeFileSync(at(world.dest, older[0]), older[1]);
  for (const dryRun of [true, false]) {
    const { told } = await restore(settings(), { dryRun });
    expect(told.errors.map(({ path, code }) => [path, code])).toEqual([
      ["a", "ECLASH"],
      ["b", "ECLASH"],
    ]);
    expect(told.errors[0]?.message).toContain("is recorded as a symbolic link, and stored as a file");
    expect(told.files.filter((told) => told === "restored a").length).toBeLessThan(2);
  }
  for (const file of ["a", "b"]) expect(fs.readFileSync(at(world.restored, file), "utf8")).toBe("content");
  expect(fs.readlinkSync(at(world.restored, "c"))).toBe("elsewhere");
});

it("a deleted file gives way to the link, or the special file, that came in its place", async () => {
  for (const file of ["a", "b", "c", "d", "e"]) world.write(file, file);
  await clean(backup(settings()));
  for (const file of ["a", "b"]) world.remove(file);
  fs.symlinkSync("elsewhere", at(world.src, "a"));
  execFileSync("mkfifo", [at(world.src, "b")]);
  await clean(backup(settings()));
  const { told } = await restore(settings(), { choice: { deleted: true } });
  expect(told.errors).toEqual([]);
  expect(told.warnings).toEqual([]);
  expect(fs.readlinkSync(at(world.restored, "a"))).toBe("elsewhere");
  expect(fs.lstatSync(at(world.restored, "b")).isFIFO()).toBe(true);
});

it("clashes are found however many links there are", () => {
  const entry = (name: string, kind: ManifestEntry["kind"]) =>
    ({
      name,
      kind,
      mode: 0,
      uid: 0,
      gid: 0,
      seconds: 0,
      nanoseconds: 0,
      xattrs: {},
      size: 0,
    }) as ManifestEntry;
  const folder = (name: string, ...entries: ManifestEntry[]) => ({
    folder: name,
    users: {},
    groups: {},
    entries,
  });
  const folders = [
    folder("", entry("a", "symlink"), entry("b", "file")),
    folder("sub", entry("a", "fifo"), entry("c", "symlink"), entry("d", "symlink")),
  ];
  for (const most of [1, 2, 100])
    expect(clashesOf(folders, ["a", "b", "c", "sub/c"], most)).toEqual(new Set(["a", "sub/c"]));
});
