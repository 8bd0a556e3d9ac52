import { createHash } from "node:crypto";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { SegmentedKeyRing } from "../../../src/crypto/segmented-key-ring.ts";
import { DamagedError } from "../../../src/errors.ts";
import { LIVE } from "../../../src/names/stamp.ts";
import {
  formatStoredName,
  md5ToBase36,
  parseStoredName,
  type StoredVersion,
} from "../../../src/names/stored-name.ts";
import type { PieceWriter } from "../../../src/run/object/write-behind.ts";
import { LocalTarget } from "../../../src/run/target/local-target.ts";
import type { Existing } from "../../../src/run/target/restore-target.ts";
import { type Overwrite, restoreFile } from "../../../src/run/worker/restore-file.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { withoutCase } from "../../storage/local/without-case.ts";
import { failing, withFs } from "../../with-fs.ts";
import { configOf } from "../world.ts";

let folder: string;
let root: string;
let target: LocalTarget;
const signal = new AbortController().signal;
const openFiles = () => fs.readdirSync("/proc/self/fd").length;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "local-target-"));
  root = path.join(folder, "target");
  fs.mkdirSync(root);
  target = new LocalTarget(root);
});
afterEach(async () => {
  await target.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

const CONTENT = Buffer.from("the content");
const TIME = 1_600_000_000;

function versionOf(file: string, content = CONTENT, mtime = TIME): StoredVersion {
  const md5 = md5ToBase36(createHash("md5").update(content).digest());
  const fields = { path: file, mtime, size: content.length, md5, stamp: LIVE };
  return { ...(parseStoredName(formatStoredName({ ...fields, path: "x" })) as StoredVersion), path: file };
}

/** A restore from an unencrypted destination that holds `stored` under every key. */
function restore(
  version: StoredVersion,
  { overwrite = "always" as Overwrite, checksum = false, stored = CONTENT } = {},
) {
  const destination = { readWhole: async () => stored } as unknown as Storage;
  return restoreFile(
    { do: "restore", version },
    {
      destination,
      config: configOf({ dest: "/nonexistent" }, { encrypt: false, compress: false }),
      keys: { classic: undefined, segmented: new SegmentedKeyRing(undefined) },
      signal,
      target,
      overwrite,
      stripPrefix: undefined,
      dryRun: false,
      checksum,
      stopped: () => false,
      progress: () => {},
    },
  );
}

const tree = () =>
  (fs.readdirSync(root, { recursive: true }) as string[])
    .filter((name) => !name.startsWith(".backup-tmp."))
    .sort();
const litter = () =>
  (fs.readdirSync(root, { recursive: true }) as string[]).filter((name) =>
    /^\.backup-tmp\.[^/]*\/[^/]*\//.test(name),
  );

describe("restoring into a folder", () => {
  it("writes the content with its time and the mode of a new file", async () => {
    expect(await restore(versionOf("a/b/c.txt"))).toEqual({ kind: "restored" });
    const stat = fs.statSync(path.join(root, "a/b/c.txt"));
    expect(fs.readFileSync(path.join(root, "a/b/c.txt"))).toEqual(CONTENT);
    expect(stat.mtimeMs).toBe(TIME * 1000);
    expect(stat.mode & 0o777).toBe(0o666 & ~process.umask());
    expect(tree()).toEqual(["a", "a/b", "a/b/c.txt"]);
    await target.flush();
    await target.close();
    expect(fs.readdirSync(root)).toEqual(["a"]); // the temporary folder goes
  });

  it("closes what waits for its metadata to others who might get at it", async () => {
    for (const [mode, expected] of [
      [0o755, 0o600],
      [0o700, 0o666 & ~process.umask()],
    ] as const) {
      fs.chmodSync(root, mode);
      target = new LocalTarget(root, true);
      await restore(versionOf(`made-${mode}`));
      expect(fs.statSync(path.join(root, `made-${mode}`)).mode & 0o777).toBe(expected);
    }
  });

  it("closes what is old, wherever metadata may have been recorded that are not known", async () => {
    fs.chmodSync(root, 0o700);
    for (const [awaitsMetadata, expected] of [
      [true, 0o600],
      [false, 0o666 & ~process.umask()],
    ] as const) {
      target = new LocalTarget(root, awaitsMetadata);
      await target.put(versionOf("f"), pieces("the content"), signal, { isOld: true });
      expect(fs.statSync(path.join(root, "f")).mode & 0o777).toBe(expected);
    }
  });

  it("keeps the mode of a file that it replaces, without its special bits", async () => {
    fs.writeFileSync(path.join(root, "secret"), "old");
    fs.chmodSync(path.join(root, "secret"), 0o4640);
    expect(await restore(versionOf("secret"))).toEqual({ kind: "restored", replaced: true });
    expect(fs.statSync(path.join(root, "secret")).mode & 0o7777).toBe(0o640);
  });

  it.each([0, 1, 4_102_444_800])("takes the time %i", async (mtime) => {
    await restore(versionOf("f", CONTENT, mtime));
    expect(fs.statSync(path.join(root, "f")).mtimeMs).toBe(mtime * 1000);
    expect(await restore(versionOf("f", CONTENT, mtime))).toEqual({ kind: "identical" });
  });

  it("writes names that are not UTF-8", async () => {
    expect(await restore(versionOf("caf\udce9/\udcff"))).toEqual({ kind: "restored" });
    expect(
      fs
        .readdirSync(root, { encoding: "buffer" })
        .some((name) => name.equals(Buffer.from("caf\xe9", "latin1"))),
    ).toBe(true);
  });
});

describe("a path that must not be written", () => {
  it("is where a folder comes to be meanwhile, made for another file", async () => {
    async function* content() {
      yield CONTENT;
      fs.mkdirSync(path.join(root, "a"));
    }
    expect(await target.examine("a")).toBeUndefined();
    await expect(target.put(versionOf("a"), content())).rejects.toMatchObject({
      code: "EREFUSED",
      message: expect.stringContaining("a folder is in its place"),
    });
    expect(tree()).toEqual(["a"]);
    expect(litter()).toEqual([]);
  });

  it.each([
    ["..", /leave/],
    ["../evil", /leave/],
    ["a/../../evil", /leave/],
    ["a/..", /leave/],
    ["/etc/evil", /absolute/],
    ["//evil", /absolute/],
    ["a//b", /empty/],
    ["a/", /empty/],
    ["./a", /'\.'/],
    [".", /'\.'/],
    ["", /empty/],
    ["a\0b", /zero/],
    [".backup-tmp.host-1.1.2/evil", /reserved/],
  ])("%j is refused, and nothing is made", async (file, reason) => {
    const outcome = await restore(versionOf(file));
    expect(outcome).toMatchObject({
      kind: "failed",
      report: { code: "EREFUSED", side: "restore", path: file, message: expect.stringMatching(reason) },
    });
    await expect(target.put(versionOf(file), pieces())).rejects.toMatchObject({ code: "EREFUSED" });
    expect(tree()).toEqual([]);
    expect(fs.readdirSync(folder)).toEqual(["target"]);
  });

  it("is one through a link, whether that leads out or not, and whoever made it when", async () => {
    fs.mkdirSync(path.join(folder, "outside"));
    fs.mkdirSync(path.join(root, "real"));
    fs.symlinkSync("../outside", path.join(root, "out"));
    fs.symlinkSync("real", path.join(root, "in"));
    fs.symlinkSync("none", path.join(root, "dangling"));
    for (const file of ["out/evil", "out/deep/evil", "in/evil", "dangling/evil"]) {
      expect(await restore(versionOf(file)), file).toMatchObject({
        kind: "failed",
        report: { code: "EREFUSED", message: expect.stringMatching(/symbolic link/) },
      });
      await expect(target.put(versionOf(file), pieces()), file).rejects.toMatchObject({
        code: "EREFUSED",
      });
    }
    expect(fs.readdirSync(path.join(folder, "outside"))).toEqual([]);
    expect(fs.readdirSync(path.join(root, "real"))).toEqual([]);
    expect(litter()).toEqual([]);
  });

  it("is one with a file in the place of a folder, or a folder in the place of the file", async () => {
    await restore(versionOf("e"));
    expect(await restore(versionOf("e/f"))).toMatchObject({
      kind: "failed",
      report: { message: expect.stringMatching(/file is in the place of a folder/) },
    });
    fs.mkdirSync(path.join(root, "d"));
    expect(await restore(versionOf("d"))).toMatchObject({
      kind: "failed",
      report: { message: expect.stringMatching(/folder is in its place/) },
    });
    expect(await restore(versionOf("d"), { overwrite: "never" })).toMatchObject({ kind: "failed" });
    await expect(target.put(versionOf("d"), pieces())).rejects.toMatchObject({ side: "restore" });
    expect(tree()).toEqual(["d", "e"]);
    expect(litter()).toEqual([]);
  });

  it("is one whose name the file system does not take", async () => {
    expect(await restore(versionOf("x".repeat(300)))).toMatchObject({
      kind: "failed",
      report: { side: "restore", message: "cannot be written (ENAMETOOLONG)" },
    });
    expect(litter()).toEqual([]);
  });
});

async function* pieces(...texts: (string | Error)[]): AsyncGenerator<Buffer> {
  for (const text of texts) {
    if (text instanceof Error) throw text;
    yield Buffer.from(text);
  }
}

describe("a file in the place of the restored one", () => {
  const there = (text: string, mtime: number) => {
    fs.writeFileSync(path.join(root, "f"), text);
    fs.utimesSync(path.join(root, "f"), mtime, mtime);
  };
  const SAME_SIZE = "THE CONTENT";

  it.each<[string, string, number, { overwrite?: Overwrite; checksum?: boolean }, string]>([
    ["identical", "the content", TIME, {}, "identical"],
    ["identical, and compared", "the content", TIME, { checksum: true }, "identical"],
    ["other content that looks identical", SAME_SIZE, TIME, {}, "identical"],
    ["other content that looks identical, compared", SAME_SIZE, TIME, { checksum: true }, "restored"],
    [
      "other content that looks identical, compared, but never to be replaced",
      SAME_SIZE,
      TIME,
      { checksum: true, overwrite: "never" },
      "kept",
    ],
    ["another time", "the content", TIME - 1, {}, "restored"],
    ["another size", "x", TIME, {}, "restored"],
    ["different, never to be replaced", "x", 1, { overwrite: "never" }, "kept"],
    ["older", "x", TIME - 1, { overwrite: "if-newer" }, "restored"],
    ["as old, but different", "x", TIME, { overwrite: "if-newer" }, "kept"],
    ["newer", "x", TIME + 1, { overwrite: "if-newer" }, "kept"],
  ])("%s", async (_, text, mtime, options, kind) => {
    there(text, mtime);
    const files = openFiles();
    expect(await restore(versionOf("f"), options)).toMatchObject({ kind });
    expect(openFiles()).toBe(files);
    expect(fs.readFileSync(path.join(root, "f"), "utf8")).toBe(kind === "restored" ? "the content" : text);
  });

  it("that has become a link since it was looked at is not compared through it", async () => {
    there("the content", TIME);
    const existing = (await target.examine("f")) as Existing;
    fs.renameSync(path.join(root, "f"), path.join(folder, "elsewhere"));
    fs.symlinkSync("../elsewhere", path.join(root, "f"));
    await expect(target.isIdentical(versionOf("f"), existing, true)).rejects.toMatchObject({ code: "ELOOP" });
  });

  it("that is a link is replaced, never followed, and counts as different, be its size and time the same", async () => {
    fs.writeFileSync(path.join(folder, "victim-8"), CONTENT);
    fs.utimesSync(path.join(folder, "victim-8"), TIME, TIME);
    fs.symlinkSync("../victim-8", path.join(root, "f"));
    fs.lutimesSync(path.join(root, "f"), TIME, TIME);
    expect(await target.examine("f")).toMatchObject({ size: CONTENT.length, mtime: TIME, regular: false });
    expect(await restore(versionOf("f"), { overwrite: "never" })).toEqual({ kind: "kept" });
    expect(await restore(versionOf("f"))).toEqual({ kind: "restored" });
    const made = fs.lstatSync(path.join(root, "f"));
    expect(made.isFile()).toBe(true);
    expect(made.mode & 0o777).toBe(0o666 & ~process.umask()); // not the link's, which is open to all
    expect(fs.readFileSync(path.join(folder, "victim-8"))).toEqual(CONTENT);
  });

  it("stays as it was when what was to replace it is damaged", async () => {
    there("old", 5);
    const damaged = Buffer.from("the kontent");
    expect(await restore(versionOf("f"), { stored: damaged })).toMatchObject({
      kind: "failed",
      report: { kind: "damaged", path: "f" },
    });
    expect(fs.readFileSync(path.join(root, "f"), "utf8")).toBe("old");
    expect(fs.statSync(path.join(root, "f")).mtimeMs).toBe(5000);
    expect(litter()).toEqual([]);
  });
});

describe("the end of a restore", () => {
  const tools = process.env.PATH;
  /** From now on `sync` writes down what it was called with, and fails. */
  beforeEach(() => {
    const script = `#!/bin/sh\necho "$@" >> '${folder}/calls'\necho "sync: Input/output error" >&2\nexit 1\n`;
    fs.mkdirSync(path.join(folder, "bin"));
    fs.writeFileSync(path.join(folder, "bin/sync"), script, { mode: 0o755 });
    process.env.PATH = `${folder}/bin:${tools}`;
  });
  afterEach(() => {
    process.env.PATH = tools;
  });

  it("brings to the disk what may have replaced something, and says so when it cannot", async () => {
    fs.writeFileSync(path.join(root, "f"), "old");
    fs.mkdirSync(path.join(root, ".backup-tmp.host-1.1.2"));
    target = new LocalTarget(root);
    await restore(versionOf("f"));
    await expect(target.flush()).rejects.toMatchObject({
      side: "restore",
      path: root,
      message: expect.stringContaining("Input/output error"),
      remedy: expect.stringContaining("--checksum"),
    });
    expect(fs.readFileSync(path.join(folder, "calls"), "utf8")).toBe(`-f -- ${root}\n`);
    expect(fs.readdirSync(root)).toEqual([".backup-tmp.host-1.1.2", "f"]);
  });

  it("flushes all where `sync` cannot flush one file system", async () => {
    const script = `#!/bin/sh\necho "sync $@" >> '${folder}/calls'\n[ $# = 0 ] && exit\necho "sync: invalid option -- 'f'" >&2\nexit 1\n`;
    fs.writeFileSync(path.join(folder, "bin/sync"), script);
    vi.resetModules();
    const { LocalTarget: Fresh } = await import("../../../src/run/target/local-target.ts");
    fs.writeFileSync(path.join(root, "f"), "old");
    await new Fresh(root).flush();
    expect(fs.readFileSync(path.join(folder, "calls"), "utf8")).toBe(`sync -f -- ${root}\nsync \n`);
  });

  it("leaves that to the system where nothing was before, but for what a restore left that was cut off", async () => {
    fs.mkdirSync(path.join(root, ".backup-tmp.host-1.1.2"));
    target = new LocalTarget(root);
    await restore(versionOf("f"));
    await target.flush();
    expect(fs.existsSync(path.join(folder, "calls"))).toBe(false);
  });
});

describe("a stream that is being restored", () => {
  it("shows nothing before it has ended, and is open to nobody else meanwhile", async () => {
    const version = versionOf("f");
    const watching = async function* () {
      yield CONTENT.subarray(0, 4);
      expect(tree()).toEqual([]);
      expect(litter().length).toBe(1);
      const folder = fs.statSync(path.join(root, (litter()[0] as string).split("/")[0] as string));
      expect(folder.mode & 0o777).toBe(0o700);
      yield CONTENT.subarray(4);
      expect(tree()).toEqual([]);
    };
    await target.put(version, watching());
    expect(fs.readFileSync(path.join(root, "f"))).toEqual(CONTENT);
    expect(litter()).toEqual([]);
  });

  it.each([
    ["at once", [new DamagedError("does not authenticate")]],
    ["at its end", ["the ", "content", new DamagedError("does not authenticate")]],
  ])("and fails %s leaves neither a file nor its folder nor anything open", async (_, texts) => {
    const files = openFiles();
    await expect(target.put(versionOf("new/f"), pieces(...texts))).rejects.toMatchObject({
      kind: "damaged",
    });
    expect(tree()).toEqual([]);
    expect(litter()).toEqual([]);
    expect(openFiles()).toBe(files);
    await target.close();
    expect(fs.readdirSync(root)).toEqual([]);
  });

  it("that does not fit any more is a failure of the restore side", async () => {
    const failing = pieces(Object.assign(new Error("ENOSPC: no space"), { code: "ENOSPC" }));
    await expect(target.put(versionOf("f"), failing)).rejects.toMatchObject({
      side: "restore",
      code: "ENOSPC",
      path: "f",
    });
  });
});

describe("a file that is written elsewhere", () => {
  const large = Buffer.alloc(3 * 2 ** 20, "large");
  /** Takes its time, and does what it is told only then. */
  const slow = (events: string[]): PieceWriter => ({
    write: async (file, given, position) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const fd = fs.openSync(file, "r+");
      fs.writeSync(fd, Buffer.concat(given), 0, undefined, position);
      fs.closeSync(fd);
      events.push("written");
    },
    letGo: async () => {
      events.push("let go");
    },
  });
  const piecesOf = async function* (error?: Error) {
    for (const at of [0, 1, 2]) yield Buffer.from(large.subarray(at * 2 ** 20, (at + 1) * 2 ** 20));
    yield Buffer.from("end");
    if (error !== undefined) throw error;
  };

  it("is whole before it gets its name", async () => {
    const events: string[] = [];
    await target.put(versionOf("f"), piecesOf(), signal, { writer: slow(events) });
    expect(fs.readFileSync(path.join(root, "f")).equals(Buffer.concat([large, Buffer.from("end")]))).toBe(
      true,
    );
    expect(events).toEqual(["written", "written", "written", "written", "let go"]);
  });

  it("and fails is nobody's any more when that is told", async () => {
    const events: string[] = [];
    const writer = slow(events);
    const letGo = async () => {
      events.push("let go");
      throw new Error("of no interest any more");
    };
    const failing = piecesOf(new DamagedError("x"));
    const put = target.put(versionOf("f"), failing, signal, { writer: { ...writer, letGo } });
    await expect(put).rejects.toMatchObject({ kind: "damaged" });
    expect(events).toEqual(["written", "written", "written", "let go"]);
    expect([tree(), litter()]).toEqual([[], []]);
  });
});

describe("a target that does not tell upper from lower case", () => {
  let undo: () => void;
  beforeEach(() => {
    undo = withoutCase(root);
  });
  afterEach(() => undo());

  const taken = (file: string, there: string) => ({
    kind: "failed",
    report: expect.objectContaining({
      path: file,
      code: "EREFUSED",
      message: expect.stringContaining(`${there} is in its place`),
    }),
  });

  it("keeps what is there under another name, were it identical: another file is called so", async () => {
    expect(await restore(versionOf("Dir/File"))).toEqual({ kind: "restored" });
    expect(await restore(versionOf("Dir/File"))).toEqual({ kind: "identical" });
    expect(await restore(versionOf("Dir/file"))).toMatchObject(taken("Dir/file", "Dir/File"));
    expect(await restore(versionOf("dir/File"))).toMatchObject(taken("dir/File", "Dir/File"));
    expect(await restore(versionOf("dir/other"))).toEqual({ kind: "restored" });
    expect(fs.readdirSync(`${root}/Dir`)).toEqual(["File", "other"]);
  });

  it("keeps what another thread has made meanwhile", async () => {
    const content = async function* () {
      fs.writeFileSync(`${root}/File`, "of another thread");
      yield CONTENT;
    };
    const put = target.put(versionOf("file"), content(), signal);
    await expect(put).rejects.toMatchObject({ code: "EREFUSED", path: "file" });
    expect(fs.readFileSync(`${root}/File`, "utf8")).toBe("of another thread");
  });
});

it("what keeps a folder from being made is told, not that it is missing", async () => {
  const { mkdirSync } = fs;
  const refusing = (at: string, options?: fs.MakeDirectoryOptions) =>
    at.endsWith("/a") ? failing("EROFS")() : mkdirSync(at, options);
  await withFs({ mkdirSync: refusing }, async () => {
    expect(await restore(versionOf("a/b"))).toMatchObject({
      report: { message: "cannot be written (EROFS)" },
    });
  });
});

it("what the file system refuses is named, with what to do about it", async () => {
  const { renameSync } = fs;
  const told: unknown[] = [];
  for (const code of ["ENOSPC", "EINVAL", "EIO"]) {
    fs.renameSync = () => {
      throw Object.assign(new Error(code), { code });
    };
    syncBuiltinESMExports();
    told.push(await restore(versionOf("a:b")).catch(String));
  }
  fs.renameSync = renameSync;
  syncBuiltinESMExports();
  expect(told).toMatchObject([
    { report: { message: "cannot be written (ENOSPC)", remedy: expect.stringContaining("free some space") } },
    { report: { message: "cannot be written (EINVAL)", remedy: expect.stringContaining("such a name") } },
    { report: { message: "cannot be written (EIO)" } },
  ]);
});
