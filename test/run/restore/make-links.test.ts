/** Which links and special files a restore makes, and what it leaves as it is. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ManifestEntry } from "../../../src/metadata/manifest.ts";
import { foreseeLinks, makeLinksAndSpecials } from "../../../src/run/restore/make-links.ts";
import { MetadataReport } from "../../../src/run/restore/metadata-report.ts";
import { Tally } from "../../../src/run/tally.ts";
import { RestoredTree } from "../../../src/run/target/restored-tree.ts";
import type { Overwrite } from "../../../src/run/worker/restore-file.ts";
import { BackupFolder } from "../../../src/storage/local/backup-folder.ts";
import { TemporaryFolder } from "../../../src/storage/local/temporary.ts";
import { filesIn, Recorder, T0, World, writeFile } from "../world.ts";

let world: World;
let root: string;
let reporter: Recorder;
beforeEach(() => {
  world = new World();
  root = world.restored;
  fs.mkdirSync(root);
  reporter = new Recorder();
});
afterEach(() => world.dispose());

const attributes = { mode: 0o777, uid: 0, gid: 0, seconds: T0, nanoseconds: 0, xattrs: {} };
const link: ManifestEntry = { name: "link", kind: "symlink", size: 0, target: "elsewhere", ...attributes };
const of = (folder: string, ...entries: ManifestEntry[]) => ({ folder, users: {}, groups: {}, entries });

/** Makes them, or tells only what would be made. */
async function make(
  { folder = "", entry = link, overwrite = "always" as Overwrite, signal = new AbortController().signal },
  dryRun = false,
): Promise<string[]> {
  const tally = new Tally(reporter);
  const backup = new BackupFolder({ kind: "local", path: path.join(root, "backup") });
  const settings = { root, tally, reporter, signal, overwrite };
  if (dryRun) return foreseeLinks([of(folder, entry)], { ...settings, backup, current: ["stored"] });
  const temporary = new TemporaryFolder(root);
  try {
    return await makeLinksAndSpecials(of(folder, entry), {
      ...settings,
      temporary,
      tree: new RestoredTree(root, backup),
      clashes: new Set(["stored"]),
      report: new MetadataReport(settings),
    });
  } finally {
    temporary.remove();
  }
}

describe.each([true, false])("a link (in a dry run: %s)", (dryRun) => {
  it.each<[string, number, Overwrite, boolean]>([
    ["an older", -1, "always", true],
    ["an older", -1, "if-newer", true],
    ["an older", -1, "never", false],
    ["an equally old", 0, "always", true],
    ["an equally old", 0, "if-newer", false],
    ["a newer", 1, "always", true],
    ["a newer", 1, "if-newer", false],
    ["a newer", 1, "never", false],
  ])("in the place of %s file (%i s), overwriting %s: %s", async (_, age, overwrite, expected) => {
    writeFile(path.join(root, "link"), "a file", T0 + age);
    expect(await make({ overwrite }, dryRun)).toEqual(expected ? ["link"] : []);
    expect(reporter.files).toEqual([expected ? "restored link" : "kept link"]);
    const isLink = fs.lstatSync(path.join(root, "link")).isSymbolicLink();
    expect(isLink).toBe(expected && !dryRun);
  });

  it("that is there already is left alone, and nothing is said of it", async () => {
    fs.symlinkSync("elsewhere", path.join(root, "link"));
    expect(await make({}, dryRun)).toEqual([]);
    expect(reporter.files).toEqual([]);
  });

  it("is refused in the place of a folder or a stored file, in the backup, and behind another link", async () => {
    fs.mkdirSync(path.join(root, "link"));
    fs.mkdirSync(path.join(root, "backup"));
    fs.symlinkSync(world.src, path.join(root, "out"));
    expect(await make({}, dryRun)).toEqual([]);
    expect(await make({ entry: { ...link, name: "stored" } }, dryRun)).toEqual([]);
    expect(await make({ folder: "backup" }, dryRun)).toEqual([]);
    expect(await make({ folder: "out" }, dryRun)).toEqual([]);
    expect(reporter.errors.map(({ path, code }) => [path, code])).toEqual([
      ["link", "EREFUSED"],
      ["stored", "ECLASH"],
      ["backup/link", "EREFUSED"],
      ["out/link", "EREFUSED"],
    ]);
    expect([filesIn(root), filesIn(world.src)]).toEqual([["backup/", "link/", "out"], []]);
  });

  it("gets the folders that it lies in, but for a dry run; nothing is made once it is to stop", async () => {
    await expect(make({ folder: "new", signal: AbortSignal.abort() }, dryRun)).rejects.toThrow();
    expect(filesIn(root)).toEqual([]);
    expect(await make({ folder: "new" }, dryRun)).toEqual(["new/link"]);
    expect(filesIn(root)).toEqual(dryRun ? [] : ["new/link"]);
  });
});

it("a device is left to root, and counted where it is left out", async () => {
  const { geteuid } = process;
  process.geteuid = () => 1000;
  try {
    expect(await make({ entry: { ...link, kind: "character", device: [1, 3] } })).toEqual([]);
  } finally {
    process.geteuid = geteuid as () => number;
  }
  expect(reporter.errors).toEqual([]);
  expect(filesIn(root)).toEqual([]);
});
