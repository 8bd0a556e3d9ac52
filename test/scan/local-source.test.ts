import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ErrorReport } from "../../src/errors.ts";
import { bytesOfPath, comparePaths, fsPath } from "../../src/names/path-text.ts";
import type { Entry } from "../../src/scan/entry.ts";
import { LocalSource } from "../../src/scan/local-source.ts";
import { BackupFolder } from "../../src/storage/local/backup-folder.ts";
import { anyPath, isFilePath } from "../plan/worlds.ts";
import { assertProperty } from "../property.ts";
import { failing, withFs } from "../with-fs.ts";
import { exclusionsOf } from "./exclusions.ts";

let root: string;
const NOTHING = exclusionsOf();
const isRoot = process.getuid?.() === 0;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "local-source-"));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const put = (file: string, text = file) => {
  const location = fsPath(`${root}/${file}`);
  fs.mkdirSync(fsPath(path.dirname(`${root}/${file}`)), { recursive: true });
  fs.writeFileSync(location, text);
};

async function scan(ignore = NOTHING, source = new LocalSource(root, ignore)) {
  const errors: ErrorReport[] = [];
  const skipped: [string, string][] = [];
  const entries: Entry[] = [];
  const findings = {
    onError: (report: ErrorReport) => errors.push(report),
    onSkipped: (file: string, reason: string) => skipped.push([file, reason]),
    onNote() {},
  };
  for await (const batch of source.scan(findings)) entries.push(...batch);
  return { source, entries, paths: entries.map(({ path }) => path), errors, skipped };
}

/** Puts something in the place of `readdirSync`, for all who import it; gives back how to undo that. */
function insteadOfReaddir(
  replacement: (original: (...all: unknown[]) => unknown, ...all: unknown[]) => unknown,
): () => void {
  const holder = fs as { readdirSync: unknown };
  const original = holder.readdirSync as (...all: unknown[]) => unknown;
  holder.readdirSync = (...all: unknown[]) => replacement(original, ...all);
  syncBuiltinESMExports();
  return () => {
    holder.readdirSync = original;
    syncBuiltinESMExports();
  };
}

/** Does something once, just before the source reads the folder `at`. */
function justBefore(at: string, act: () => void): () => void {
  let done = false;
  return insteadOfReaddir((original, folder, ...rest) => {
    if (!done && String(folder).replace(/\/$/, "") === at) {
      done = true;
      act();
    }
    return original(folder, ...rest);
  });
}

describe("scanning a folder", () => {
  it("finds nothing in an empty one, and fails where there is none", async () => {
    expect((await scan()).paths).toEqual([]);
    await expect(scan(NOTHING, new LocalSource(`${root}/none`, NOTHING))).rejects.toMatchObject({
      code: "ENOENT",
      side: "source",
    });
    put("file");
    await expect(scan(NOTHING, new LocalSource(`${root}/file`, NOTHING))).rejects.toMatchObject({
      code: "ENOENT",
    });
    expect(fs.readdirSync(root)).toEqual(["file"]);
  });

  it("gives files in the byte order of their sort keys, whatever their names", async () => {
    await assertProperty(
      fc.asyncProperty(fc.uniqueArray(anyPath.filter(isFilePath), { maxLength: 25 }), async (paths) => {
        fs.rmSync(root, { recursive: true });
        fs.mkdirSync(root);
        const made: string[] = [];
        for (const file of paths) {
          try {
            put(file, "x".repeat(made.length));
            made.push(file);
          } catch {
            // A file is in the place of a folder, or a folder in that of the file.
          }
        }
        const { entries, errors, skipped } = await scan();
        const keys = entries.map(({ sortKey }) => sortKey);
        expect(keys).toEqual([...keys].sort(comparePaths));
        expect(entries.map((entry) => entry.path).sort()).toEqual([...made].sort());
        expect([errors, skipped]).toEqual([[], []]);
      }),
      { numRuns: 150 },
    );
  });

  it("keeps every name apart: bytes that are not UTF-8, and the character that replaces them", async () => {
    for (const name of ["\ufffd", "\udcff", "\udcfe", "\udcef\udcbf", "a\udc80/b\udcff", "a\ufffd/b"])
      put(name, name);
    const { paths, source } = await scan();
    expect(paths.length).toBe(6);
    for (const file of paths) {
      const opened = await source.open({ path: file });
      expect(await opened.readWhole()).toEqual(Buffer.from(file));
      await opened.close();
      expect(fs.existsSync(Buffer.concat([Buffer.from(`${root}/`), bytesOfPath(file)]))).toBe(true);
    }
  });

  it("takes links to files for files, and names what it leaves out", async () => {
    put("real/file", "content");
    fs.symlinkSync("real/file", `${root}/link`);
    fs.symlinkSync("link", `${root}/link to link`);
    fs.symlinkSync("real", `${root}/folder link`);
    fs.symlinkSync("none", `${root}/dangling`);
    fs.symlinkSync("real/file/x", `${root}/through a file`);
    fs.symlinkSync("text".repeat(100), `${root}/no path`);
    fs.symlinkSync("loop", `${root}/loop`);
    execFileSync("mkfifo", [`${root}/fifo`]);
    fs.symlinkSync("fifo", `${root}/fifo link`);
    fs.mkdirSync(`${root}/empty`);
    const { paths, errors, skipped, entries } = await scan();
    expect(paths).toEqual(["link to link", "link", "real/file"]);
    expect(entries.every(({ size }) => size === 7)).toBe(true);
    expect(errors).toEqual([]);
    expect(Object.fromEntries(skipped)).toEqual({
      dangling: "a dangling link",
      "through a file": "a dangling link",
      "no path": "a dangling link",
      fifo: "not a regular file",
      "fifo link": "not a regular file",
      "folder link": "a link to a folder",
      loop: "a link to itself",
    });
  });

  it("leaves out what is to be ignored, and does not enter where the destination lies", async () => {
    for (const file of ["a.tmp", "b/a.tmp", "b/c", "backup/x", "backup2/x", "x/backup/y"]) put(file);
    const { paths } = await scan(exclusionsOf({ expressions: [/^(?:.*\.tmp)/v], prefixes: ["backup/"] }));
    expect(paths).toEqual(["b/c", "backup2/x", "x/backup/y"]);
    const unread = justBefore(`${root}/backup`, () => expect.unreachable("entered"));
    await scan(exclusionsOf({ expressions: [], prefixes: ["backup/"] }));
    unread();
  });

  it("names its own temporary folders at the top, and takes nothing else for one", async () => {
    const own = ".backup-tmp.host-1.1.2";
    for (const folder of [own, `sub/${own}`, ".backup-tmp.mine"]) put(`${folder}/0-0`);
    const { paths, skipped } = await scan();
    expect(paths).toEqual([".backup-tmp.mine/0-0", `sub/${own}/0-0`]);
    expect(skipped.map(([file]) => file)).toEqual([`${own}/`]);
  });

  it("stops when it is told to", async () => {
    for (let i = 0; i < 600; i++) put(`f${i}`, "");
    const stop = AbortSignal.abort(new Error("stop"));
    const run = async () => {
      for await (const _ of new LocalSource(root, NOTHING).scan(
        { onError() {}, onSkipped() {}, onNote() {} },
        stop,
      ));
    };
    await expect(run()).rejects.toThrow("stop");
  });
});

describe("what cannot be seen is unknown, not gone:", () => {
  it("a folder that was replaced while the scan went on is an error", async () => {
    put("a/x");
    put("b/x");
    const restore = justBefore(`${root}/b`, () => {
      fs.rmSync(`${root}/b`, { recursive: true });
      fs.symlinkSync("b", `${root}/b`); // ELOOP
    });
    const { paths, errors, source } = await scan();
    restore();
    expect(paths).toEqual(["a/x"]);
    expect(errors).toEqual([expect.objectContaining({ path: "b/", side: "source", code: "ELOOP" })]);
    expect(source.isUnknown("b/x")).toBe(true);
    expect(source.isUnknown("b/deep/er/x")).toBe(true);
    expect(source.isUnknown("b")).toBe(false);
    expect(source.isUnknown("b-/x")).toBe(false);
    expect(source.isUnknown("a/x")).toBe(false);
  });

  it("a folder that a link to another took the place of is an error, and nothing of the other is recorded", async () => {
    put("a/x");
    put("b/c/x");
    fs.mkdirSync(`${root}/b/c/d`);
    const elsewhere = fs.mkdtempSync(path.join(os.tmpdir(), "elsewhere-"));
    fs.cpSync(`${root}/b/c`, elsewhere, { recursive: true });
    const restore = justBefore(`${root}/b/c`, () => {
      fs.renameSync(`${root}/b/c`, `${root}/moved`);
      fs.symlinkSync(elsewhere, `${root}/b/c`);
    });
    const { paths, errors, source } = await scan(NOTHING, new LocalSource(root, NOTHING, { metadata: true }));
    restore();
    expect(paths.filter((file) => file.startsWith("b/c/.backup-meta"))).toEqual([]);
    expect(errors).toEqual([expect.objectContaining({ path: "b/c/", side: "source", code: "ELOOP" })]);
    expect(source.isUnknown("b/c/x")).toBe(true);
    fs.rmSync(elsewhere, { recursive: true });
  });

  it("a folder, or a file, that went away while the scan went on", async () => {
    put("a/x");
    put("b/x");
    put("b/sub/y");
    put("z");
    const restore = justBefore(`${root}/b`, () => fs.rmSync(`${root}/b`, { recursive: true }));
    const { paths, errors, source } = await scan();
    restore();
    expect(paths).toEqual(["a/x", "z"]);
    expect(errors).toEqual([]);
    expect(source.isUnknown("b/x")).toBe(true);
    expect(source.isUnknown("b/sub/y")).toBe(true);
    const undo = insteadOfReaddir((original, ...all) => {
      const found = original(...all);
      fs.rmSync(`${root}/z`, { force: true });
      return found;
    });
    const again = await scan();
    undo();
    expect(again.paths).toEqual(["a/x"]);
    expect(again.source.isUnknown("z")).toBe(true);
    expect((await scan()).source.isUnknown("z")).toBe(false); // the next run sees for sure
  });

  it("a folder that is there, though the system says of it that it is not", async () => {
    for (const file of ["a/1", "b/2"]) put(file);
    const restore = insteadOfReaddir((read, at, ...rest) =>
      at === `${root}/b/` ? failing("ENOENT")() : read(at, ...rest),
    );
    const { source, paths, errors } = await scan().finally(restore);
    expect(paths).toEqual(["a/1"]);
    expect(errors).toEqual([expect.objectContaining({ path: "b/", code: "ENOENT" })]);
    expect(source.isUnknown("b/2")).toBe(true);
  });

  it("a folder that cannot be looked at, and all else is found, though each is asked where it lies", async () => {
    for (const file of ["a/1", "b/2"]) put(file);
    const { lstatSync } = fs;
    const broken = (at: string, ...rest: []) =>
      path.relative(root, String(at)) === "b" ? failing("EACCES")() : lstatSync(at, ...rest);
    const restore = insteadOfReaddir((read, at, ...rest) =>
      at === `${root}/b/` ? failing("EACCES")() : read(at, ...rest),
    );
    const exclusions = exclusionsOf({ oneFileSystem: true });
    const backup = new BackupFolder({ kind: "local", path: os.tmpdir() });
    const { paths, errors } = await withFs({ lstatSync: broken }, () =>
      scan(NOTHING, new LocalSource(root, exclusions, { backup })),
    ).finally(restore);
    expect(paths).toEqual(["a/1"]);
    expect(errors).toEqual([expect.objectContaining({ path: "b/", code: "EACCES" })]);
  });

  it("the root itself, if it cannot be read", async () => {
    put("x");
    const undo = insteadOfReaddir(() => {
      throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
    });
    const { errors, source } = await scan();
    undo();
    expect(errors).toEqual([expect.objectContaining({ code: "EIO", path: root })]);
    expect(source.isUnknown("x")).toBe(true);
    expect(source.isUnknown("a/b")).toBe(true);
  });

  it.skipIf(!isRoot)(
    "a folder that this user may not read; to be ignored, it is passed over in silence",
    async () => {
      put("open/x");
      put("closed/x");
      fs.chmodSync(root, 0o755);
      fs.chmodSync(`${root}/closed`, 0o700);
      const script = `
      import { LocalSource } from ${JSON.stringify(path.resolve("src/scan/local-source.ts"))};
      import { exclusionsOf } from ${JSON.stringify(path.resolve("test/scan/exclusions.ts"))};
      process.setgroups([]); process.setgid(65534); process.setuid(65534);
      for (const rules of [[], [/^closed\\//v]]) {
        const errors = [], paths = [];
        const source = new LocalSource(${JSON.stringify(root)}, exclusionsOf({ expressions: rules, prefixes: [] }));
        for await (const batch of source.scan({ onError: (e) => errors.push(e), onSkipped() {}, onNote() {} })) paths.push(...batch.map((e) => e.path));
        console.log(JSON.stringify({ errors, paths, unknown: source.isUnknown("closed/x") }));
      }`;
      const file = path.join(root, "open", "as-nobody.mts");
      fs.writeFileSync(file, script);
      const output = execFileSync(process.execPath, ["--no-warnings", file], { encoding: "utf8" });
      const [told, ignored] = output
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(told.paths).toEqual(["open/as-nobody.mts", "open/x"]);
      expect(told.errors).toEqual([
        expect.objectContaining({
          path: "closed/",
          code: "EACCES",
          remedy: expect.stringContaining("ignore"),
        }),
      ]);
      expect(told.unknown).toBe(true);
      expect(ignored).toMatchObject({ errors: [], unknown: true });
    },
  );
});

describe("a file that is read", () => {
  const open = (file = "f") => new LocalSource(root, NOTHING).open({ path: file });
  const openFiles = () => fs.readdirSync("/proc/self/fd").length;

  it("has the size and time it had when it was opened, and closes", async () => {
    put("f", "hello");
    fs.utimesSync(`${root}/f`, 1_600_000_000, 1_600_000_000);
    const files = openFiles();
    const file = await open();
    expect(file).toMatchObject({ size: 5, mtime: 1_600_000_000 });
    expect((await file.readWhole()).toString()).toBe("hello");
    expect(await file.isUnchanged()).toBe(true);
    await file.close();
    expect(openFiles()).toBe(files);
  });

  it("says when it was changed meanwhile, even within its second and size, or by its time alone", async () => {
    for (const change of [
      () => fs.writeFileSync(`${root}/f`, "HELLO"),
      () => fs.appendFileSync(`${root}/f`, "!"),
      () => fs.truncateSync(`${root}/f`, 1),
      () => fs.utimesSync(`${root}/f`, 5, 5),
    ]) {
      put("f", "hello");
      const file = await open();
      await new Promise((resolve) => setTimeout(resolve, 12)); // a tick of the file system's clock
      change();
      expect(await file.isUnchanged(), String(change)).toBe(false);
      await file.close();
    }
  });

  it("gives no more than it had, and fails if it has less", async () => {
    put("f", "hello");
    const file = await open();
    fs.appendFileSync(`${root}/f`, " world");
    expect((await file.readWhole()).toString()).toBe("hello");
    let streamed = "";
    for await (const piece of file.read()) streamed += piece;
    expect(streamed).toBe("hello");
    fs.truncateSync(`${root}/f`, 2);
    await expect(file.readWhole()).rejects.toMatchObject({ code: "ESHORT", side: "source" });
    const streaming = async () => {
      for await (const _ of file.read());
    };
    await expect(streaming()).rejects.toMatchObject({ code: "ESHORT", side: "source" });
    await file.close();
  });

  it("that went away, or was replaced by something else, is told from others and never waited for", async () => {
    const files = openFiles();
    await expect(open("none")).rejects.toMatchObject({ code: "ENOENT", side: "source", path: "none" });
    execFileSync("mkfifo", [`${root}/fifo`]);
    await expect(open("fifo")).rejects.toThrow(/no longer a regular file/);
    fs.mkdirSync(`${root}/folder`);
    await expect(open("folder")).rejects.toThrow(/no longer a regular file/);
    expect(openFiles()).toBe(files);
  });
});

describe("a file below a folder that a link took the place of", () => {
  it.each([true, false])("is not there, wherever the link leads (metadata: %s)", async (metadata) => {
    put("folder/sub/f", "inside");
    const elsewhere = fs.mkdtempSync(path.join(os.tmpdir(), "elsewhere-"));
    fs.mkdirSync(`${elsewhere}/sub`);
    fs.writeFileSync(`${elsewhere}/sub/f`, "secret");
    fs.symlinkSync("f", `${elsewhere}/sub/link`);
    const link = `${root}-link`;
    fs.symlinkSync(root, link);
    const files = fs.readdirSync("/proc/self/fd").length;
    for (const at of [root, link]) {
      const source = new LocalSource(at, NOTHING, { metadata });
      const file = await source.open({ path: "folder/sub/f" });
      expect(String(await file.readWhole())).toBe("inside");
      await file.close();
      for (const replaced of ["folder", "folder/sub"]) {
        fs.renameSync(`${root}/${replaced}`, `${root}/moved`);
        fs.symlinkSync(path.join(elsewhere, path.relative("folder", replaced)), `${root}/${replaced}`);
        for (const name of metadata ? ["f"] : ["f", "link"]) {
          const opened = source.open({ path: `folder/sub/${name}` });
          await expect(opened, `${replaced} ${name}`).rejects.toMatchObject({
            code: "ENOENT",
            side: "source",
          });
        }
        fs.rmSync(`${root}/${replaced}`);
        fs.renameSync(`${root}/moved`, `${root}/${replaced}`);
      }
    }
    expect(fs.readdirSync("/proc/self/fd").length).toBe(files);
    fs.rmSync(elsewhere, { recursive: true });
    fs.rmSync(link);
  });

  it("is told by a look at each folder where the system does not tell, or by another name", async () => {
    put("folder/f", "inside");
    put("elsewhere/f", "secret");
    const { readlinkSync } = fs;
    const holder = fs as { readlinkSync: unknown };
    const telling = async (told: (place: Buffer) => Buffer, metadata: boolean) => {
      holder.readlinkSync = (link: string) => {
        const place = readlinkSync(link, { encoding: "buffer" });
        return String(place) === root ? place : told(place);
      };
      syncBuiltinESMExports();
      try {
        const opened = await new LocalSource(root, NOTHING, { metadata }).open({ path: "folder/f" });
        const text = String(await opened.readWhole());
        await opened.close();
        return text;
      } catch (error) {
        return (error as { code: string }).code;
      } finally {
        holder.readlinkSync = readlinkSync;
        syncBuiltinESMExports();
      }
    };
    const nothing = () => {
      throw Object.assign(new Error("no /proc"), { code: "ENOENT" });
    };
    const suffix = (end: string) => (place: Buffer) => Buffer.concat([place, Buffer.from(end)]);
    const otherCase = (place: Buffer) => Buffer.from(String(place).replace(/f$/, "F"));
    for (const metadata of [true, false]) {
      for (const told of [nothing, suffix(" (deleted)"), otherCase])
        expect(await telling(told, metadata)).toBe("inside");
      expect(await telling(suffix("x"), metadata)).toBe("ENOENT"); // the folder's, too
    }
    fs.renameSync(`${root}/folder`, `${root}/moved`);
    fs.symlinkSync("elsewhere", `${root}/folder`);
    for (const metadata of [true, false]) expect(await telling(nothing, metadata)).toBe("ENOENT");
    fs.rmSync(`${root}/folder`);
    fs.renameSync(`${root}/moved`, `${root}/folder`);
  });

  it("that was replaced while it was opened is opened again", async () => {
    put("f", "before");
    const { openSync } = fs;
    const holder = fs as { openSync: unknown };
    holder.openSync = (...all: Parameters<typeof openSync>) => {
      const fd = openSync(...all);
      fs.rmSync(`${root}/f`);
      put("f", "after");
      return fd;
    };
    syncBuiltinESMExports();
    const opened = await new LocalSource(root, NOTHING).open({ path: "f" }).catch((error) => error);
    holder.openSync = openSync;
    syncBuiltinESMExports();
    expect(opened).toMatchObject({ code: "ECHANGED", side: "source", path: "f" });
  });

  it("is read through a link of its own, and from wherever the source's link leads now", async () => {
    put("one/f", "1");
    put("two/f", "2");
    fs.symlinkSync("../two/f", `${root}/one/link`);
    fs.symlinkSync("one", `${root}/latest`);
    const source = new LocalSource(`${root}/latest`, NOTHING);
    const content = async (file: string) => {
      const opened = await source.open({ path: file });
      const text = String(await opened.readWhole());
      await opened.close();
      return text;
    };
    expect([await content("f"), await content("link")]).toEqual(["1", "2"]);
    fs.rmSync(`${root}/latest`);
    fs.symlinkSync("two", `${root}/latest`);
    expect(await content("f")).toBe("2");
  });
});

describe("a file that the scan did not meet", () => {
  it("may have come since, unless a rule leaves it out or it is a manifest", async () => {
    put("a");
    const exclusions = exclusionsOf({ exclude: ["*.tmp"], largerThan: 100 });
    const { source } = await scan(exclusions, new LocalSource(root, exclusions, { metadata: true }));
    put("b/file");
    put("b/file.tmp");
    put("b/large", "x".repeat(101));
    put(".backup-meta.x");
    expect(source.cameSince("b/file")).toBe(true);
    expect(source.cameSince("b/file.tmp")).toBe(false);
    expect(source.cameSince("b/large")).toBe(false);
    expect(source.cameSince("c")).toBe(false);
    expect(source.cameSince(".backup-meta=.x")).toBe(true);
    expect(source.cameSince("b/.backup-meta.0.0")).toBe(false);
  });
});

describe("a scan that was prepared", () => {
  const prepared = (signal = new AbortController().signal) => {
    const source = new LocalSource(root, NOTHING, { metadata: true });
    source.prepare(signal);
    return source;
  };

  it("finds what any other finds, and so does the one after it", async () => {
    for (const file of ["a", "b/c", "b/d"]) put(file);
    const paths = ({ entries }: { entries: Entry[] }) => entries.map(({ sortKey }) => sortKey);
    const plain = paths(await scan(NOTHING, new LocalSource(root, NOTHING, { metadata: true })));
    const source = prepared();
    expect(paths(await scan(NOTHING, source))).toEqual(plain);
    expect(paths(await scan(NOTHING, source))).toEqual(plain);
    await source.close();
  });

  it("tells what it found on the way when it is asked for, and once", async () => {
    put("a");
    execFileSync("mkfifo", [`${root}/fifo`]);
    put("b/c");
    const source = new LocalSource(root, NOTHING);
    const undo = insteadOfReaddir((original, folder, ...rest) => {
      if (String(folder).endsWith("/b/")) throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
      return original(folder, ...rest);
    });
    source.prepare();
    undo();
    expect(source.isUnknown("b/c")).toBe(false);
    const { paths, errors, skipped } = await scan(NOTHING, source);
    expect(paths).toEqual(["a"]);
    expect(errors).toEqual([expect.objectContaining({ code: "EIO", path: "b/" })]);
    expect(skipped).toEqual([["fifo", "not a regular file"]]);
    expect(source.isUnknown("b/c")).toBe(true);
  });

  it("says nothing of a folder that is removed before its turn; what was in it is unknown", async () => {
    for (const file of ["a", "b/c"]) put(file);
    const source = prepared();
    fs.rmSync(`${root}/b`, { recursive: true });
    const { paths, errors } = await scan(NOTHING, source);
    expect(paths).toEqual([".backup-meta.0.0", "a", "b/c"]);
    expect(errors).toEqual([]);
    expect(source.isUnknown("b/c")).toBe(true);
  });

  it("and never came leaves no process and no rejection behind, whether it is stopped or closed", async () => {
    const stop = new AbortController();
    const stopped = prepared(stop.signal);
    stop.abort();
    await stopped.close();
    await prepared().close();
    const children = () =>
      fs.readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").filter(Boolean);
    await expect.poll(children).toEqual([]);
  });
});
