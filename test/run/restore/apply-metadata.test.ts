/** What manifests may do to what a restore has made, and what they may not. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ManifestEntry } from "../../../src/metadata/manifest.ts";
import { MetadataApplier } from "../../../src/run/restore/apply-metadata.ts";
import type { FolderMetadata } from "../../../src/run/restore/restored-metadata.ts";
import { Tally } from "../../../src/run/tally.ts";
import { failing, withFs } from "../../with-fs.ts";
import { filesIn, Recorder, T0, World } from "../world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const modeOf = (file: string) => fs.lstatSync(file).mode & 0o7777;

describe("hostile manifests", () => {
  const shared = { mode: 0o777, uid: 12_345, gid: 12_345, seconds: T0, nanoseconds: 0, xattrs: {} };
  const plain = (name: string, size: number, more: Partial<ManifestEntry> = {}): ManifestEntry => ({
    name,
    kind: "file",
    size,
    ...shared,
    ...more,
  });
  const apply = (...folders: Partial<FolderMetadata>[]) => applyAfter([], ...folders);
  const applyAfter = async (made: string[], ...folders: Partial<FolderMetadata>[]) =>
    (await applyAll(folders, made)).reporter;
  const applyAll = async (
    folders: Partial<FolderMetadata>[],
    made: string[] = [],
    beforeFolders?: () => Promise<void>,
  ) => {
    const reporter = new Recorder();
    fs.mkdirSync(world.restored, { recursive: true });
    const applier = new MetadataApplier({
      root: world.restored,
      overwrite: "always",
      owner: true,
      setid: true,
      tally: new Tally(reporter),
      reporter,
      signal: new AbortController().signal,
      files: made.length,
      made,
      current: [],
      isRecorded: () => true,
    });
    const withRoot = await applier.run(
      folders.map((folder) => ({ folder: "", users: {}, groups: {}, entries: [], ...folder })),
      beforeFolders,
    );
    return { reporter, withRoot };
  };

  it("reach nothing through a link that they made themselves", async () => {
    world.write("victim", "1234");
    const before = modeOf(world.src);
    // No link has such a mode: to set it would go through the link.
    const other = { kind: "symlink", target: world.src, mode: 0o701 } as const;
    const link = (name: string): ManifestEntry => ({ ...plain(name, 0), ...other });
    const first = await apply(
      { entries: [link("a")] },
      { folder: "a", own: shared, entries: [plain("victim", 4)] },
    );
    expect(first.errors).toEqual([expect.objectContaining({ path: "a", code: "EREFUSED" })]);
    const second = await apply(
      { entries: [link("b")] },
      {
        folder: "b",
        entries: [plain("victim", 4, { linkGroup: "x" }), { ...plain("made", 0), kind: "fifo" }],
      },
    );
    expect(second.errors).toEqual([expect.objectContaining({ path: "b/made", code: "EREFUSED" })]);
    fs.mkdirSync(path.join(world.src, "c"), { mode: 0o700 });
    const third = await apply({ folder: "b", own: shared }, { folder: "b/c", own: shared });
    expect(third.errors.map(({ path }) => path)).toEqual(["b", "b/c"]);
    expect(modeOf(path.join(world.src, "c"))).toBe(0o700);
    expect(filesIn(world.src)).toEqual(["c/", "victim"]);
    expect(modeOf(path.join(world.src, "victim"))).not.toBe(0o777);
    expect(modeOf(world.src)).toBe(before);
  });

  it("give folders their modes from the inside out, since one may close its way", async () => {
    const { chmodSync } = fs;
    const changed: string[] = [];
    const times: bigint[] = [];
    const noting = (at: string, mode: number) => {
      changed.push(path.relative(world.restored, at));
      times.push(fs.statSync(at, { bigint: true }).mtimeNs); // who is not root could not set it any more
      chmodSync(at, mode);
    };
    const own = { ...shared, nanoseconds: 123_456_789 };
    const folders = ["", "a", "a/b", "c"].map((folder) => ({ folder, own }));
    await withFs({ chmodSync: noting }, () => apply(...folders));
    expect(changed).toEqual(["a/b", "a", "c", ""]);
    expect(new Set(times)).toEqual(new Set([BigInt(T0) * 1_000_000_000n + 123_456_789n]));
  });

  it("give each of many folders theirs, also where no file can get its mode", async () => {
    const names = Array.from({ length: 501 }, (_, i) => `${i}`);
    fs.mkdirSync(world.restored);
    fs.writeFileSync(path.join(world.restored, "unrecorded"), "");
    const folders = names.map((folder) => ({ folder, own: { ...shared, mode: 0o701 } }));
    const { errors } = await withFs({ openSync: failing("EROFS") }, () =>
      applyAfter(["unrecorded"], ...folders),
    );
    expect(errors).toEqual([expect.objectContaining({ path: world.restored, code: "EROFS" })]);
    const stats = names.map((name) => fs.statSync(path.join(world.restored, name)));
    expect(new Set(stats.map(({ mode, mtimeMs }) => `${mode & 0o777} ${mtimeMs}`))).toEqual(
      new Set([`${0o701} ${T0 * 1000}`]),
    );
  });

  it.runIf(process.getuid?.() === 0)(
    "give owners by their names, and by number what has none here",
    async () => {
      fs.mkdirSync(world.restored);
      const owners = () => ["a", "b"].map((name) => fs.statSync(path.join(world.restored, name)));
      for (const name of ["a", "b"]) {
        fs.writeFileSync(path.join(world.restored, name), "");
        fs.utimesSync(path.join(world.restored, name), T0, T0);
      }
      const entries = [plain("a", 0), plain("b", 0, { uid: 23_456, gid: 23_456 })];
      const names = { 12345: "root", 23456: "no such name" };
      await apply({ entries, users: names, groups: names });
      expect(owners().map(({ uid, gid }) => [uid, gid])).toEqual([
        [0, 0],
        [23_456, 23_456],
      ]);
    },
  );

  it.runIf(process.getuid?.() === 0)("set a setuid bit behind the owner, whose change drops it", async () => {
    fs.mkdirSync(world.restored);
    const file = path.join(world.restored, "a");
    fs.writeFileSync(file, "");
    fs.utimesSync(file, T0, T0);
    await apply({ entries: [plain("a", 0, { mode: 0o4755 })] });
    expect([fs.statSync(file).uid, modeOf(file)]).toEqual([12_345, 0o4755]);
  });

  it("are applied to files and links before folders are waited for, and to folders after that", async () => {
    fs.mkdirSync(path.join(world.restored, "in"), { recursive: true });
    const file = path.join(world.restored, "in/a");
    fs.writeFileSync(file, "");
    fs.utimesSync(file, T0, T0);
    const nanoseconds = 123_456_789;
    const timeOf = (of: string) => fs.statSync(of, { bigint: true }).mtimeNs;
    const exact = BigInt(T0) * 1_000_000_000n + BigInt(nanoseconds);
    const beforeFolders = async () => {
      expect(timeOf(file)).toBe(exact);
      fs.writeFileSync(path.join(world.restored, "in/another"), "");
    };
    const folder = {
      folder: "in",
      own: { ...shared, nanoseconds },
      entries: [plain("a", 0, { nanoseconds })],
    };
    expect((await applyAll([folder], [], beforeFolders)).withRoot).toBe(false);
    expect(timeOf(path.dirname(file))).toBe(exact);
    expect((await applyAll([{ own: shared }, folder])).withRoot).toBe(true);
  });

  it("change no file of another size or time", async () => {
    fs.mkdirSync(world.restored);
    fs.writeFileSync(path.join(world.restored, "a"), "1234");
    await apply({ entries: [plain("a", 4)] });
    fs.utimesSync(path.join(world.restored, "a"), T0, T0);
    const { infos } = await apply({ entries: [plain("a", 5), plain("not there", 5)] });
    expect(infos).toEqual([expect.stringMatching(/^Metadata restored \(entries left as they are, .*: 1\)$/)]);
    expect(modeOf(path.join(world.restored, "a"))).not.toBe(0o777);
    await apply({ entries: [plain("a", 4)] });
    expect(modeOf(path.join(world.restored, "a"))).toBe(0o777);
  });

  it("keep no file that they do not fit open to others, whatever else they tell of", async () => {
    const file = path.join(world.restored, "new");
    fs.mkdirSync(world.restored);
    fs.writeFileSync(file, "1234", { mode: 0o644 });
    const tooLong = "x".repeat(300);
    // As many as there are files: links are none.
    const links = ["a", "b"].map((name) => plain(name, 0, { kind: "symlink", target: "new" }));
    const { errors, warnings } = await applyAfter(["gone", "new"], {
      entries: [...links, plain(tooLong, 4), plain("new", 5)],
    });
    expect(modeOf(file)).toBe(0o600);
    expect(errors.map(({ path }) => path)).toEqual([tooLong, "gone"]);
    expect(warnings).toHaveLength(1);
  });

  it("join only files of one group that are as recorded", async () => {
    fs.mkdirSync(world.restored);
    const file = (name: string) => path.join(world.restored, name);
    for (const name of ["a", "b", "c", "d", "newer"]) {
      fs.writeFileSync(file(name), "1234");
      fs.utimesSync(file(name), T0, T0 + (name === "newer" ? 1 : 0));
    }
    const of = (linkGroup: string, ...names: string[]) => names.map((name) => plain(name, 4, { linkGroup }));
    const { errors } = await apply({ entries: [...of("g", "a", "b", "newer"), ...of("h", "c", "d")] });
    expect(errors).toEqual([]);
    const inodes = ["a", "b", "c", "d", "newer"].map((name) => fs.statSync(file(name)).ino);
    const [first, , second, , newer] = inodes;
    expect(inodes).toEqual([first, first, second, second, newer]);
    expect(new Set(inodes).size).toBe(3);
    const { infos } = await apply({ entries: of("g", "a", "b") });
    expect(infos).toEqual(["Metadata restored"]); // they are one already
  });

  it("leave a file as it is that cannot be made a link", async () => {
    fs.mkdirSync(world.restored);
    for (const name of ["a", "b"]) {
      fs.writeFileSync(path.join(world.restored, name), "1234");
      fs.utimesSync(path.join(world.restored, name), T0, T0);
    }
    const entries = ["a", "b"].map((name) => plain(name, 4, { linkGroup: "g" }));
    const { errors } = await withFs({ linkSync: failing("EMLINK") }, () => apply({ entries }));
    expect(errors).toEqual([expect.objectContaining({ path: "b", code: "EMLINK" })]);
    expect(fs.readFileSync(path.join(world.restored, "b"), "utf8")).toBe("1234");
  });

  it("join only files whose content is equal", async () => {
    fs.mkdirSync(world.restored);
    for (const [name, content] of [
      ["a", "1234"],
      ["b", "5678"],
      ["c", "1234"],
    ] as const) {
      fs.writeFileSync(path.join(world.restored, name), content);
      fs.utimesSync(path.join(world.restored, name), T0, T0);
    }
    const told = await apply({ entries: ["a", "b", "c"].map((name) => plain(name, 4, { linkGroup: "g" })) });
    expect(told.errors).toEqual([expect.objectContaining({ path: "b" })]);
    const inode = (name: string) => fs.statSync(path.join(world.restored, name)).ino;
    expect(inode("c")).toBe(inode("a"));
    expect(inode("b")).not.toBe(inode("a"));
  });
});
