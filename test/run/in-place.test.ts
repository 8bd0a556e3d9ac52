import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { StorageError } from "../../src/errors.ts";
import { type InPlaceOptions, restoreInPlace } from "../../src/run/restore/restore-in-place.ts";
import { type OpenStorage, openStorage } from "../../src/storage/open.ts";
import { atTerminal, hasTerminals } from "../cli/terminal.ts";
import { FaultProxy } from "../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../s3-server/s3-server.ts";
import { failing, withFs } from "../with-fs.ts";
import { configure, start } from "./command.ts";
import { backup, clean, filesIn, Recorder, restore, T0, treeOf, World } from "./world.ts";

const DAY = 86_400;
const START = Date.UTC(2025, 4, 1, 12) / 1000;
const on = (day: number) => ({ now: () => new Date((START + day * DAY) * 1000) });
const yesterday = { choice: { at: START + DAY / 2 } };

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

async function inPlace(config: Config, options: Partial<InPlaceOptions> = {}) {
  const told = new Recorder();
  const given = { reporter: told, signal: new AbortController().signal, delete: false };
  const result = await restoreInPlace(config, { ...given, ...options });
  const outcomes = Object.fromEntries([...result.outcomes].map(([name, { files }]) => [name, files]));
  return { outcomes, told, result };
}

/** A source that was as `before` one day, and is another now. */
async function changed(settings: Partial<Config> = {}) {
  const config = world.config({ container: "segmented", metadata: true, versionsKeepDays: 30, ...settings });
  world.write("same", "same");
  world.write("a/changed", "one");
  world.write("gone", "gone");
  await clean(backup(config, on(0)));
  const before = treeOf(world.src);
  world.write("a/changed", "two!", 5);
  world.write("new", "new", 5);
  world.remove("gone");
  await clean(backup(config, on(1)));
  world.write("never stored", "x", 5);
  return { config, before };
}

describe("a restore in place", () => {
  it("brings back what differs, touches nothing else, and removes nothing unless told to", async () => {
    const { config, before } = await changed();
    const inode = fs.statSync(path.join(world.src, "same")).ino;
    const { outcomes, told } = await inPlace(config, yesterday);
    expect(told.errors).toEqual([]);
    expect(outcomes).toEqual({ restored: 2, identical: 1 });
    expect(fs.statSync(path.join(world.src, "same")).ino).toBe(inode);
    expect(Object.keys(treeOf(world.src)).sort()).toEqual(
      [...Object.keys(before), "never stored", "new"].sort(),
    );
    const removed = await inPlace(config, { ...yesterday, delete: true });
    expect(removed.outcomes).toEqual({ identical: 3, removed: 2 });
    expect(treeOf(world.src)).toEqual(before);
  });

  it.each([
    ["empty", true],
    ["missing", false],
  ])(
    "removes nothing of what it has just restored where the destination is %s by then",
    async (_, isThere) => {
      const { config, before } = await changed();
      let opened = 0;
      const unmounting: OpenStorage = (storage, side, ...rest) => {
        if (side === "destination" && ++opened === 2) {
          fs.renameSync(world.dest, world.at("unmounted"));
          if (isThere) fs.mkdirSync(world.dest);
        }
        return openStorage(storage, side, ...rest);
      };
      const options = { ...yesterday, delete: true, allowMassDelete: true, openStorage: unmounting };
      const { outcomes, told } = await inPlace(config, options);
      expect(outcomes).toEqual({ restored: 2, identical: 1 });
      expect(told.errors).toMatchObject([{ kind: "refused", code: "EINCOMPLETE" }]);
      expect(treeOf(world.src)).toMatchObject(before);
    },
  );

  it("removes the very file that is not in the backup where names are stored as they are", async () => {
    const config = world.config({ container: "classic", metadata: false });
    world.write(".backup-metax", "x");
    await clean(backup(config));
    world.write(".backup-meta=x", "came later");
    await inPlace(config, { delete: true });
    expect(filesIn(world.src)).toEqual([".backup-metax"]);
  });

  it("shows with a dry run what it would do", async () => {
    const { config } = await changed();
    const now = treeOf(world.src);
    const { outcomes, told } = await inPlace(config, { ...yesterday, delete: true, dryRun: true });
    expect(outcomes).toEqual({ restored: 2, identical: 1, removed: 2 });
    expect(told.files.sort()).toEqual([
      "removed never stored",
      "removed new",
      "restored a/changed",
      "restored gone",
    ]);
    expect(treeOf(world.src)).toEqual(now);
  });

  it("shows links with a dry run, too, and not that what they replace is removed", async () => {
    const config = world.config({ container: "segmented", metadata: true, versionsKeepDays: 30 });
    world.write("file", "x");
    for (const link of ["gone", "folder/replaced"]) {
      fs.mkdirSync(path.dirname(path.join(world.src, link)), { recursive: true });
      fs.symlinkSync("file", path.join(world.src, link));
    }
    await clean(backup(config));
    world.remove("gone");
    world.remove("folder");
    world.write("folder/replaced", "now a file");
    const before = treeOf(world.src);
    const planned = await inPlace(config, { delete: true, dryRun: true });
    expect(treeOf(world.src)).toEqual(before);
    const done = await inPlace(config, { delete: true });
    expect(planned.told.files.toSorted()).toEqual(["restored folder/replaced", "restored gone"]);
    expect(done.told.files.toSorted()).toEqual(["restored folder/replaced", "restored gone"]);
    expect(planned.outcomes).toEqual(done.outcomes);
  });

  it("removes nothing that a run would not consider, nor outside of what was selected", async () => {
    const exclusions = { exclude: ["*.tmp"], include: [], caches: false, oneFileSystem: false };
    const { config } = await changed({ exclusions });
    world.write("a/kept.tmp", "x");
    world.write("a/surplus", "x");
    fs.symlinkSync("same", path.join(world.src, "a/link"));
    await inPlace(config, { ...yesterday, only: ["a"], delete: true });
    expect(fs.readdirSync(path.join(world.src, "a")).sort()).toEqual(["changed", "kept.tmp", "link"]);
    expect(fs.existsSync(path.join(world.src, "new"))).toBe(true);
  });

  it("removes nothing that only the rules of that moment consider: it may never have been stored", async () => {
    const exclusions = { exclude: [], include: [], caches: true, oneFileSystem: false };
    const config = world.config({ container: "segmented", versionsKeepDays: 30, exclusions });
    world.write("file", "content");
    world.write(".backupignore", "*.tmp");
    world.write("cache/CACHEDIR.TAG", "no tag yet");
    await clean(backup(config, on(0)));
    world.write(".backupignore", "*.tmp\n/large/", 5);
    world.write("large/film", "the only copy");
    world.write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55", 5);
    world.write("cache/made", "the only copy");
    world.write("new", "new");
    const foreseen = await inPlace(config, { ...yesterday, delete: true, dryRun: true });
    const { told, outcomes } = await inPlace(config, { ...yesterday, delete: true });
    expect(told.errors).toEqual([]);
    expect(told.files.filter((line) => line.startsWith("removed"))).toEqual(["removed new"]);
    expect(outcomes).toEqual(foreseen.outcomes);
    expect(fs.readFileSync(path.join(world.src, ".backupignore"), "utf8")).toBe("*.tmp");
    expect(filesIn(world.src)).toEqual(expect.arrayContaining(["cache/made", "large/film"]));
  });

  it("leaves a folder alone that only begins like one of temporary files: it once was removed for its age", async () => {
    const config = world.config({ container: "segmented" });
    world.write(".backup-tmp.mine/precious", "precious");
    world.write("file", "one");
    fs.utimesSync(path.join(world.src, ".backup-tmp.mine"), T0, T0);
    expect((await backup(config)).told.warnings).toEqual([]);
    const before = treeOf(world.src);
    world.write("file", "changed", 5);
    expect((await inPlace(config)).outcomes).toEqual({ restored: 1, identical: 1 });
    expect(treeOf(world.src)).toEqual(before);
    await clean(restore(config));
    expect(treeOf(world.restored)).toEqual(before);
  });

  it("gives folders their times after what was removed from them: those of today stayed", async () => {
    const config = world.config({ container: "segmented", metadata: true, versionsKeepDays: 30 });
    world.write("sub/file", "content");
    fs.utimesSync(path.join(world.src, "sub"), T0, T0);
    await clean(backup(config, on(0)));
    world.write("sub/new", "new");
    await clean(backup(config, on(1)));
    const { outcomes, told, result } = await inPlace(config, { ...yesterday, delete: true });
    expect(told.errors).toEqual([]);
    expect(outcomes).toEqual({ identical: 1, removed: 1 });
    expect(result.outcomes.get("removed")).toEqual({ files: 1, bytes: 3 }); // once 0 bytes
    expect(fs.readdirSync(path.join(world.src, "sub"))).toEqual(["file"]);
    expect(fs.statSync(path.join(world.src, "sub")).mtimeMs).toBe(T0 * 1000);
    expect(fs.readdirSync(world.src)).toEqual(["sub"]); // no temporary files
  });

  it("removes nothing when only a link could not be restored", async () => {
    fs.symlinkSync("same", path.join(world.src, "link"));
    const { config } = await changed();
    fs.rmSync(path.join(world.src, "link"));
    world.write("link/file", "x");
    const { told } = await inPlace(config, { ...yesterday, delete: true });
    expect(told.errors.map(({ code, path: file }) => `${file} ${code}`)).toEqual([
      "link EREFUSED",
      "undefined EINCOMPLETE",
    ]);
    expect(fs.existsSync(path.join(world.src, "new"))).toBe(true);
  });

  it.each([
    ["a folder came in the place of a file", "gone", "gone/in the way", "gone"],
    ["a file came in the place of a folder", "a/changed", "a", "a"],
  ])("says what to move away where %s, and then brings it back", async (_, file, instead, obstacle) => {
    const { config, before } = await changed();
    fs.rmSync(path.join(world.src, obstacle), { recursive: true, force: true });
    world.write(instead, "x", 5);
    const { told } = await inPlace(config, { ...yesterday, delete: true });
    const remedy = expect.stringContaining(`move ${obstacle} out of the way`);
    expect(told.errors[0]).toMatchObject({ path: file, code: "EREFUSED", remedy });
    expect(told.errors.at(-1)).toMatchObject({ code: "EINCOMPLETE" });
    fs.renameSync(path.join(world.src, obstacle), world.at("moved away"));
    expect((await inPlace(config, { ...yesterday, delete: true })).told.errors).toEqual([]);
    expect(treeOf(world.src)).toEqual(before);
  });

  it("removes nothing when something could not be restored", async () => {
    const { config } = await changed();
    const [damaged = ""] = world.stored().filter((key) => key.startsWith("gone"));
    fs.truncateSync(path.join(world.dest, damaged), 100);
    const { told } = await inPlace(config, { ...yesterday, delete: true });
    expect(told.errors.map(({ code, path: file }) => `${file} ${code}`)).toEqual([
      expect.stringMatching(/^gone /),
      "undefined EINCOMPLETE",
    ]);
    expect(fs.existsSync(path.join(world.src, "new"))).toBe(true);
  });

  it.each([
    ["before", 0],
    ["afterwards", 1],
  ])("removes nothing when part of the source could not be listed %s", async (_, failingOne) => {
    const config = world.config();
    world.write("file", "x");
    await clean(backup(config));
    for (const surplus of ["in/new", "new"]) world.write(surplus, "x");
    const { readdirSync } = fs;
    let listed = 0;
    const once = (folder: fs.PathLike, ...rest: []) => {
      const fails = path.resolve(String(folder)) === path.join(world.src, "in") && listed++ === failingOne;
      return fails ? failing("EIO")() : readdirSync(folder, ...rest);
    };
    const options = { delete: true, allowMassDelete: true };
    const { outcomes, told } = await withFs({ readdirSync: once }, () => inPlace(config, options));
    expect(listed).toBeGreaterThan(1);
    expect(outcomes).toEqual({ identical: 1 });
    expect(told.errors.at(-1)).toMatchObject({ kind: "refused", code: "EINCOMPLETE" });
    expect(filesIn(world.src)).toEqual(["file", "in/new", "new"]);
  });

  it("tells where it could not look for what is too much, and removes nothing", async () => {
    const config = world.config();
    world.write("file", "x");
    await clean(backup(config));
    world.write("new", "x");
    let opened = 0;
    const failingLater: OpenStorage = async (storage, side, ...rest) => {
      if (side === "destination" && ++opened === 2)
        throw new StorageError("destination", "failed", { code: "EIO" });
      return openStorage(storage, side, ...rest);
    };
    const { outcomes, told } = await inPlace(config, { delete: true, openStorage: failingLater });
    expect(outcomes).toEqual({ identical: 1 });
    expect(told.errors).toEqual([expect.objectContaining({ side: "destination", code: "EIO" })]);
    expect(filesIn(world.src)).toEqual(["file", "new"]);
  });

  it("tells of a file that it could not remove, and not of one that went meanwhile", async () => {
    const config = world.config();
    world.write("file", "x");
    await clean(backup(config));
    for (const surplus of ["a", "b", "c"]) world.write(surplus, "x");
    const { unlinkSync } = fs;
    const unlink = (file: fs.PathLike) => {
      if (path.basename(String(file)) === "b") failing("EPERM")();
      unlinkSync(file);
      if (path.basename(String(file)) === "a") unlinkSync(path.join(world.src, "c"));
    };
    const options = { delete: true, allowMassDelete: true };
    const { outcomes, told } = await withFs({ unlinkSync: unlink }, () => inPlace(config, options));
    expect(told.errors).toEqual([expect.objectContaining({ path: "b", code: "EPERM" })]);
    expect(outcomes).toEqual({ identical: 1, removed: 2 });
    expect(fs.readdirSync(world.src)).toEqual(["b", "file"]);
  });

  it("never writes or removes through a link that stands where a folder was", async () => {
    const { config } = await changed();
    fs.mkdirSync(world.at("elsewhere"));
    fs.writeFileSync(world.at("elsewhere/surplus"), "mine");
    fs.rmSync(path.join(world.src, "a"), { recursive: true });
    fs.symlinkSync(world.at("elsewhere"), path.join(world.src, "a"));
    const { told } = await inPlace(config, { ...yesterday, delete: true });
    expect(told.errors.length).toBeGreaterThan(0);
    expect(fs.readdirSync(world.at("elsewhere"))).toEqual(["surplus"]);
  });

  it("nor through one that came after the listing, and removes nothing more once it is to stop", async () => {
    const config = world.config();
    world.write("file", "x");
    await clean(backup(config));
    for (const surplus of ["a", "b/surplus", "c", "d"]) world.write(surplus, "x");
    fs.mkdirSync(world.at("elsewhere"));
    fs.writeFileSync(world.at("elsewhere/surplus"), "mine");
    const stop = new AbortController();
    const reporter = new Recorder();
    reporter.file = (_, file) => {
      if (file === "c") stop.abort();
      if (file !== "a") return;
      fs.rmSync(path.join(world.src, "b"), { recursive: true });
      fs.symlinkSync(world.at("elsewhere"), path.join(world.src, "b"));
    };
    const options = { delete: true, allowMassDelete: true, reporter, signal: stop.signal };
    await expect(inPlace(config, options)).rejects.toThrow("interrupted");
    expect(reporter.errors).toMatchObject([{ path: "b/surplus", side: "restore" }]);
    expect(fs.readdirSync(world.at("elsewhere"))).toEqual(["surplus"]);
    expect(fs.readdirSync(world.src)).toEqual(["b", "d", "file"]);
  });
});

const skip = whyNoServer();
describe.skipIf(skip !== undefined)(`a bucket as the source${skip ? ` (${skip})` : ""}`, () => {
  it("loses what is too much, not in a dry run, and what could not be removed is told of", async () => {
    const proxy = await FaultProxy.start((await s3Server()).endpoint);
    const src = await freshBucket({ endpointUrl: proxy.url });
    const source = await openStorage(src, "destination");
    try {
      await source.create();
      await source.write("kept", Buffer.from("kept"));
      const config = { ...world.config(), src };
      await clean(backup(config));
      for (const key of ["refused", "surplus"]) await source.write(key, Buffer.from(key));
      const dry = await inPlace(config, { delete: true, allowMassDelete: true, dryRun: true });
      expect(dry.outcomes).toEqual({ identical: 1, removed: 2 });
      expect(await source.stat("surplus")).toBeDefined();
      const effect = { kind: "status", status: 403, code: "AccessDenied" } as const;
      proxy.fail({ operation: "DeleteObject", effect });
      const { outcomes, told } = await inPlace(config, { delete: true, allowMassDelete: true });
      expect(outcomes).toEqual({ identical: 1, removed: 1 });
      expect(told.errors).toMatchObject([{ path: "refused", side: "source" }]);
      expect(await source.stat("surplus")).toBeUndefined();
      expect(await source.stat("kept")).toBeDefined();
    } finally {
      await source.close();
      await dropBucket(src);
      await proxy.stop();
    }
  });
});

describe("the command", () => {
  it("asks first, and without a terminal does nothing unless it is given --yes", async () => {
    world.write("file", "one");
    fs.symlinkSync("file", path.join(world.src, "link"));
    const config = configure(world, undefined, { container: "segmented" });
    expect(await start(config).ended).toMatchObject({ code: 0 });
    world.remove("link");
    const askedOfLink = await start(config, "restore", "--in-place").ended;
    expect(askedOfLink).toMatchObject({ code: 5, output: expect.stringContaining("restored link") });
    fs.symlinkSync("file", path.join(world.src, "link"));
    world.write("file", "changed", 9);
    world.write("surplus", "x", 9);
    const asked = await start(config, "restore", "--in-place", "--delete").ended;
    expect(asked.code).toBe(5);
    expect(asked.output).toContain("restored file");
    expect(asked.errors).toMatch(/--yes/);
    expect(fs.readFileSync(path.join(world.src, "file"), "utf8")).toBe("changed");
    const done = await start(config, "restore", "--in-place", "--delete", "--yes").ended;
    expect(done).toMatchObject({ code: 0, errors: "" });
    expect(Object.keys(treeOf(world.src))).toEqual(["file", "link"]);
    expect(fs.statSync(path.join(world.src, "file")).mtimeMs).toBe(T0 * 1000);
    expect(await start(config, "restore", "--in-place").ended).toMatchObject({ code: 0, errors: "" });
  });

  it.skipIf(!hasTerminals)("asks at a terminal when all is shown that the answer is about", async () => {
    // The question came first.
    world.write("file", "one");
    const config = configure(world, undefined, { container: "segmented" });
    expect(await start(config).ended).toMatchObject({ code: 0 });
    world.write("file", "changed", 9);
    const question = "(yes or no)";
    const answered = (answer: string) =>
      atTerminal(world.root, ["restore", "--in-place", "--config", config], [[question, answer]]);
    const no = await answered("no\r");
    const [shown = "", after = ""] = no.output.split(question);
    expect(shown).toMatch(/restored file.*So far nothing was changed/s);
    expect(after).toMatch(/error: restore: the source was left as it is/);
    expect(no.code).toBe(5);
    expect((await answered("\x04")).code).toBe(5);
    expect((await answered("\x03")).code).toBe(130);
    expect(fs.readFileSync(path.join(world.src, "file"), "utf8")).toBe("changed");
    expect((await answered("yes\r")).code).toBe(0);
    expect(fs.readFileSync(path.join(world.src, "file"), "utf8")).toBe("one");
  });

  it("does not empty the source for a moment or a destination without files, unless that is meant", async () => {
    for (let i = 0; i < 12; i++) world.write(`f/${i}`, "x");
    const config = configure(world, undefined, { container: "segmented", versions_keep_days: 30 });
    expect(await start(config).ended).toMatchObject({ code: 0 });
    const before = treeOf(world.src);
    const onto = ["restore", "--in-place", "--delete", "--yes"];
    for (const more of [
      ["--at", "1y"],
      ["--at", "1y", "f"],
      ["--at", "1y", "--dry-run"],
    ]) {
      const { code, errors } = await start(config, ...onto, ...more).ended;
      expect(code).toBe(5);
      expect(errors).toMatch(/12 files were not removed/);
    }
    const elsewhere = configure(world, { local_path: world.at("not mounted") }, {});
    fs.mkdirSync(world.at("not mounted"));
    expect(await start(elsewhere, ...onto, "--allow-mass-delete").ended).toMatchObject({ code: 5 });
    expect(treeOf(world.src)).toEqual(before);
    for (let i = 0; i < 13; i++) world.write(`new/${i}`, "y");
    const most = await start(configure(world, undefined, { container: "segmented" }), ...onto).ended;
    expect([most.code, most.errors]).toEqual([5, expect.stringMatching(/13 of 25 files of the source/)]);
    expect(Object.keys(treeOf(world.src))).toHaveLength(25);
    expect(await start(config, ...onto, "--allow-mass-delete").ended).toMatchObject({ code: 0, errors: "" });
    expect(Object.keys(treeOf(world.src)).filter((file) => file.startsWith("new/"))).toEqual([
      "new/", // files go, folders stay
    ]);
    for (const file of Object.keys(before)) expect(treeOf(world.src)).toHaveProperty([file]);
  });

  it("never removes the destination that lies inside of the source", async () => {
    world.write("file", "one");
    const config = configure(world, { local_path: path.join(world.src, "backups") }, {});
    expect(await start(config).ended).toMatchObject({ code: 0 });
    world.write("surplus", "x");
    expect(await start(config, "restore", "--in-place", "--delete", "--yes").ended).toMatchObject({
      code: 0,
    });
    expect(fs.readdirSync(world.src).sort()).toEqual(["backups", "file"]);
    expect(fs.readdirSync(path.join(world.src, "backups"))).toHaveLength(1);
  });
});

describe("a disk that did not take what was restored", () => {
  const tools = process.env.PATH;
  beforeEach(async () => {
    world.write("a", "a");
    await clean(backup(world.config()));
    fs.mkdirSync(world.at("bin"));
    const failing = "#!/bin/sh\necho \"sync: error syncing '$3': Input/output error\" >&2\nexit 1\n";
    fs.writeFileSync(world.at("bin/sync"), failing, { mode: 0o755 });
    process.env.PATH = `${world.at("bin")}:${tools}`;
  });
  afterEach(() => {
    process.env.PATH = tools;
  });

  it("is told of, where something was replaced", async () => {
    fs.mkdirSync(world.restored);
    fs.writeFileSync(path.join(world.restored, "a"), "another");
    const { told, outcomes } = await restore(world.config());
    expect(outcomes).toEqual({ restored: 1 });
    expect(told.errors).toMatchObject([
      { side: "restore", path: world.restored, message: expect.stringContaining("Input/output error") },
    ]);
  });

  it("keeps what is too much at the source", async () => {
    world.write("a", "another", T0 + 1);
    world.write("b", "not in the backup");
    const { told, result } = await inPlace(world.config(), { delete: true });
    expect(result.errors.size).toBeGreaterThan(0);
    expect(told.errors.map(({ code }) => code)).toContain("EINCOMPLETE");
    expect(fs.existsSync(path.join(world.src, "b"))).toBe(true);
  });
});
