import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { runSourceDiff } from "../../src/run/look/diff.ts";
import { explainSource, listSource } from "../../src/run/look/list-source.ts";
import { withUnlistable } from "./defects/unreadable.ts";
import { backup, clean, Recorder, restore, treeOf, World } from "./world.ts";

const NONE = { exclude: [], include: [], caches: false, oneFileSystem: false };

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const given = () => ({ reporter: new Recorder(), signal: new AbortController().signal });
const configOf = (exclusions: Partial<Config["exclusions"]>, settings: Partial<Config> = {}) =>
  world.config({ exclusions: { ...NONE, ...exclusions }, ...settings });

async function considered(config: Config): Promise<string[]> {
  const paths: string[] = [];
  const options = { ...given(), selects: () => true };
  const result = await listSource(config, options, ({ path: file }) => paths.push(file));
  expect([...result.errors]).toEqual([]);
  return paths.sort();
}

async function why(config: Config, file: string): Promise<string> {
  const { explanation } = await explainSource(config, given(), file);
  return `${explanation.considered ? "yes" : "no"}: ${explanation.why}`;
}

function write(...files: string[]): void {
  for (const file of files) world.write(file, `content of ${file}`);
}

describe("what is considered", () => {
  it("leaves out what is excluded, and takes back what is included, also inside of excluded folders", async () => {
    write("a.tmp", "keep.tmp", "cache/x", "cache/important/y", "Photos (2020) [raw]/z.jpg", "ü/ß.tmp", "b");
    const config = configOf({
      exclude: ["*.tmp", "!keep.tmp", "/cache/", "Photos (2020) \\[raw\\]/"],
      include: ["/cache/important/"],
    });
    expect(await considered(config)).toEqual(["b", "cache/important/y", "keep.tmp"]);
    expect(await why(config, "ü/ß.tmp")).toBe("no: exclude: *.tmp");
    expect(await why(config, "cache/x")).toBe("no: exclude: /cache/");
    expect(await why(config, "cache/important")).toBe("yes: no rule leaves it out");
    expect(await why(config, "none")).toBe("no: it is not there, or no file");
  });

  it("goes by the rules in each folder, the deeper ones winning", async () => {
    write("a/x.log", "a/b/x.log", "a/b/y.log", "x.log", "a/c/x", "d/x.log");
    world.write("a/.backupignore", "*.log\n/c/\n");
    world.write("a/b/.backupignore", "!y.log\n");
    const config = configOf({});
    expect(await considered(config)).toEqual([
      "a/.backupignore",
      "a/b/.backupignore",
      "a/b/y.log",
      "d/x.log",
      "x.log",
    ]);
    expect(await why(config, "a/b/x.log")).toBe("no: a/.backupignore: *.log");
    expect(await why(config, "a/c")).toBe("no: a/.backupignore: /c/");
  });

  it("knows names that are not UTF-8 by rules that are not", async () => {
    fs.writeFileSync(Buffer.from(world.at("src/caf\xe9"), "latin1"), "");
    world.write(".backupignore", Buffer.from("caf\xe9\n", "latin1"));
    expect(await considered(configOf({}))).toEqual([".backupignore"]);
  });

  it("takes what an inner rule takes back for considered, with all that lies in it", async () => {
    // It was left out.
    write("dir/f", "dir/sub/g", "dir/sub/deep/h", "top");
    world.write(".backupignore", "/dir/*\n");
    world.write("dir/.backupignore", "!sub/\n");
    const config = configOf({});
    expect(await considered(config)).toEqual([".backupignore", "dir/sub/deep/h", "dir/sub/g", "top"]);
    expect(await why(config, "dir/f")).toBe("no: .backupignore: /dir/*");
    world.write(".backupignore", "!dir/\n");
    world.write("dir/.backupignore", "deep\n");
    const later = configOf({ exclude: ["dir", "top"] });
    expect(await considered(later)).toEqual([".backupignore", "dir/.backupignore", "dir/f", "dir/sub/g"]);
    expect(await why(later, "dir/sub/deep/h")).toBe("no: dir/.backupignore: deep");
  });

  it("tells of rules that can match nothing", async () => {
    write("a");
    world.write("dir/.backupignore", "*.tmp\n[[:alpa:]]\n");
    const { told, outcomes } = await backup(configOf({}));
    expect(told.warnings).toEqual([
      "dir/.backupignore:2: skipped, the rule [[:alpa:]] can match nothing: there is no class [:alpa:]",
    ]);
    expect(outcomes).toEqual({ new: 2 });
  });

  it("leaves out caches but for their tag, and large files", async () => {
    write("cache/x", "cache/deep/y", "no cache/x");
    world.write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# a cache\n");
    world.write("no cache/CACHEDIR.TAG", "something else");
    world.write("large", Buffer.alloc(2000));
    for (const metadata of [false, true]) {
      const config = configOf({ caches: true, largerThan: 1999 }, { metadata });
      expect(await considered(config)).toEqual(["cache/CACHEDIR.TAG", "no cache/CACHEDIR.TAG", "no cache/x"]);
      expect(await why(config, "cache/deep/y")).toBe("no: exclude_caches");
      expect(await why(config, "large")).toBe("no: exclude_larger_than");
      expect(
        await considered(configOf({ caches: true, largerThan: 1999, include: ["large", "y"] })),
      ).toContain("cache/deep/y");
    }
  });

  it("takes only the files and folders of a list", async () => {
    write("a", "ab", "b/x", "b/deep/y", "c/d/e", "c/f");
    const config = configOf({ only: ["a", "b", "c/d"], exclude: ["y"] });
    expect(await considered(config)).toEqual(["a", "b/x", "c/d/e"]);
    expect(await why(config, "ab")).toBe("no: files_from");
    expect(await why(config, "c/f")).toBe("no: files_from");
  });

  it("tells what of a list is not there", async () => {
    // Not a word was said.
    write("a", "b/x", "c/y");
    for (const metadata of [false, true]) {
      const config = configOf({ only: ["a", "b", "c/gone", "d"], exclude: ["/a"] }, { metadata });
      const { told, outcomes } = await backup(config, { dryRun: true });
      expect(outcomes).toEqual({ new: 1 });
      expect(told.errors).toEqual([]);
      expect(told.warnings).toEqual([
        "c/gone: skipped, listed in files_from, but not found",
        "d: skipped, listed in files_from, but not found",
      ]);
      expect(await why(config, "c/gone")).toBe("no: listed in files_from, but not found");
    }
  });

  it("tells what of a list lies in a folder that is left out", async () => {
    write("a", "b/x", "b/deep/y", "c/x", "d/x", "d/CACHEDIR.TAG");
    world.write("d/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
    const rules = { exclude: ["/b/"], caches: true };
    const { told, outcomes } = await backup(configOf({ only: ["a", "b/deep/y", "d/e/f"], ...rules }));
    expect(outcomes).toEqual({ new: 1 });
    expect(told.warnings).toEqual([
      "b/deep/y: skipped, listed in files_from, but left out (exclude: /b/)",
      "d/e/f: skipped, listed in files_from, but left out (exclude_caches)",
    ]);
    const nothing = new Recorder();
    const config = configOf({ only: ["b/deep/y", "c/gone"], ...rules });
    await expect(backup(config, { reporter: nothing })).rejects.toThrow(/nothing of what files_from lists/);
    expect(nothing.warnings).toEqual([told.warnings[0]]);
  });

  it("has its metadata, also in folders that are left out but for it", async () => {
    // The restore took the manifest for lost.
    write("a/b/f", "a/other", "c/g");
    fs.chmodSync(path.join(world.src, "a/b/f"), 0o640);
    fs.chmodSync(path.join(world.src, "a/b"), 0o711);
    for (const selection of [{ only: ["a/b/f", "c"] }, { exclude: ["/a/"], include: ["/a/b/f"] }]) {
      const config = configOf(selection, { container: "segmented", metadata: true });
      await clean(backup(config));
      await clean(backup(config, { retireExcluded: true }));
      const { told } = await restore(config);
      expect([...told.errors, ...told.warnings]).toEqual([]);
      const modeOf = (file: string) => fs.statSync(path.join(world.restored, file)).mode & 0o777;
      expect([modeOf("a/b/f"), modeOf("a/b")]).toEqual([0o640, 0o711]);
      expect(Object.keys(treeOf(world.restored)).sort()).toEqual(["a/b/f", "c/g"]);
      for (const made of [world.dest, world.restored]) fs.rmSync(made, { recursive: true });
    }
  });

  it("is what the guard counts, not all that is stored", async () => {
    // So few of all files seemed to be missing that nothing held them.
    write(...Array.from({ length: 30 }, (_, i) => `other/${i}`));
    write(...Array.from({ length: 11 }, (_, i) => `mount/${i}`));
    write("file");
    await clean(backup(configOf({})));
    world.remove("mount");
    fs.mkdirSync(path.join(world.src, "mount"));
    for (const selection of [{ only: ["mount", "file"] }, { exclude: ["/other/"] }]) {
      const { told, outcomes } = await backup(configOf(selection), { dryRun: true });
      expect(outcomes).toEqual({ unchanged: 1, "excluded, kept as they are": 30 });
      expect(told.errors.map(({ message }) => message)).toEqual([
        "11 of 12 files are missing from the source and were not marked deleted",
      ]);
    }
  });

  it("fails where a folder cannot be listed that something of it lies in, though the folder is left out itself", async () => {
    // Without a word: the folder is left out, so nobody seemed to miss it.
    write("a", "b/deep/y", "c/x");
    const selections = [
      { only: ["a", "b/deep"] },
      { exclude: ["/b/"], include: ["/b/deep/"] },
      { exclude: ["/b/", "/c/"], include: ["y"] },
    ];
    for (const selection of selections) {
      const config = configOf(selection, { container: "segmented" });
      const { told, outcomes } = await withUnlistable(path.join(world.src, "b"), () =>
        backup(config, { dryRun: true }),
      );
      expect(outcomes.new).toBeGreaterThan(0);
      expect(told.errors[0]).toMatchObject({ path: "b/", code: "EACCES" });
      expect(told.warnings).toEqual(
        selection.only
          ? ["b/deep: skipped, listed in files_from, but left out (its folder cannot be listed)"]
          : [],
      );
    }
    const config = configOf({ exclude: ["/b/"], include: ["/c/x", "/a"] });
    const unlistable = path.join(world.src, "b");
    expect(await withUnlistable(unlistable, () => clean(backup(config)))).toEqual({ new: 2 });
  });

  it("refuses a list of which nothing is there, and marks nothing as deleted", async () => {
    for (const metadata of [false, true]) {
      write("a", "b/x", "c/y");
      const container = "segmented";
      await clean(backup(world.config({ container, metadata })));
      const before = world.stored();
      world.remove("b");
      const config = configOf({ only: ["b", "c/gone"] }, { container, metadata });
      const run = backup(config, { allowMassDelete: true });
      await expect(run).rejects.toMatchObject({
        kind: "refused",
        message: "the source has nothing of what files_from lists: nothing was marked deleted",
      });
      expect(world.stored()).toEqual(before);
      await expect(considered(config)).rejects.toThrow(/nothing of what files_from lists/);
      expect((await backup(configOf({ only: [] }, { container, metadata }))).told.errors).toEqual([]);
      const some = await backup(configOf({ only: ["b", "a"] }, { container, metadata }));
      expect(some.outcomes).toMatchObject({ deleted: 1, unchanged: 1, "excluded, kept as they are": 1 });
      fs.rmSync(world.dest, { recursive: true });
    }
  });

  it("records nothing in metadata of what is left out", async () => {
    write("a/x", "a/y.tmp");
    fs.symlinkSync("x", path.join(world.src, "a/link.tmp"));
    const config = configOf({ exclude: ["*.tmp"] }, { container: "segmented", metadata: true });
    await clean(backup(config));
    await clean(restore(config));
    expect(Object.keys(treeOf(world.restored))).toEqual(["a/x"]);
    expect((await backup(config)).outcomes).toEqual({ unchanged: 1 });
  });
});

describe("files that are stored and excluded later", () => {
  it("have not gone from the source", async () => {
    write("kept", "gone", "a.tmp");
    await clean(backup(world.config()));
    world.remove("gone");
    const shown: string[] = [];
    const options = { ...given(), checksum: false, selects: () => true };
    await runSourceDiff(configOf({ exclude: ["*.tmp"] }), options, ({ kind, path: file }) => {
      shown.push(`${kind} ${file}`);
    });
    expect(shown).toEqual(["removed gone"]);
  });

  it("stay as they are, and each run says so, until they are to go", async () => {
    write("a.tmp", "b", "folder/c");
    await clean(backup(world.config()));
    const before = world.stored();
    const config = configOf({ exclude: ["*.tmp", "folder/"], largerThan: 100 });
    for (let run = 0; run < 2; run++) {
      const { outcomes, told } = await backup(config);
      expect(outcomes).toEqual({ unchanged: 1, "excluded, kept as they are": 2 });
      expect(told.infos.join()).toMatch(/2 files .* excluded now.*--retire-excluded .* kept for ever/);
      expect(world.stored()).toEqual(before);
    }
    world.remove("a.tmp"); // gone or excluded: nobody looks
    expect((await backup(config)).outcomes).toEqual({ unchanged: 1, "excluded, kept as they are": 2 });
    const planned = await backup(config, { retireExcluded: true, dryRun: true });
    expect(planned.outcomes).toEqual({ unchanged: 1, deleted: 2 });
    expect((await backup(config, { retireExcluded: true })).outcomes).toEqual({ unchanged: 1, deleted: 2 });
    expect((await backup(config)).outcomes).toEqual({ unchanged: 1 });
  });

  it("for their size are told by what a link leads to, and from what a file has taken the folder of", async () => {
    write("other", "folder/file");
    world.write("../large", Buffer.alloc(5000));
    fs.symlinkSync("../large", path.join(world.src, "link"));
    await clean(backup(world.config()));
    world.remove("folder");
    world.write("folder", "a file now");
    const config = configOf({ largerThan: 1000 });
    const { outcomes, told } = await backup(config);
    expect(told.errors).toEqual([]);
    expect(outcomes).toEqual({ unchanged: 1, new: 1, deleted: 1, "excluded, kept as they are": 1 });
    expect(await why(config, "link")).toBe("no: exclude_larger_than");
    expect(await why(config, "folder/file")).toBe("no: it is not there, or no file");
  });

  it("that grew too large stay, and ignore_regex treats them like deleted ones as ever", async () => {
    write("grows", "ignored", "other");
    await clean(backup(world.config()));
    world.write("grows", Buffer.alloc(5000), 9);
    const config = configOf({ largerThan: 1000 }, { ignore: [/^ignored/v] });
    expect((await backup(config)).outcomes).toEqual({
      unchanged: 1,
      deleted: 1,
      "excluded, kept as they are": 1,
    });
  });
});
