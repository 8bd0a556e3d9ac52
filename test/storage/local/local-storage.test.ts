import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LocalStorage } from "../../../src/storage/local/local-storage.ts";
import type { StagedObject } from "../../../src/storage/storage.ts";
import { allLarge, failing, withFs, withoutKinds } from "../../with-fs.ts";
import { list } from "../conformance.ts";

let folder: string;
let root: string;
let storage: LocalStorage;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "local-storage-"));
  root = path.join(folder, "store");
  fs.mkdirSync(root);
  storage = new LocalStorage(root, "destination");
});
afterEach(async () => {
  await storage.close();
  fs.rmSync(folder, { recursive: true, force: true });
});

const put = async (key: string, text = key) => {
  const [result] = await storage.publish([await storage.write(key, Buffer.from(text))]);
  expect(result?.error).toBeUndefined();
};
const keys = async () => (await list(storage)).map(({ key }) => key);
const staged = () =>
  (fs.readdirSync(root, { recursive: true }) as string[]).filter((name) =>
    /^\.backup-tmp\.[^/]*\/[^/]*\//.test(name),
  );

describe("publishing", () => {
  it.skipIf(spawnSync("strace", ["-V"]).status !== 0)(
    "flushes the data before the name is there, and the folders before it says so",
    () => {
      const script = path.join(folder, "publish.mts");
      const module = path.resolve("src/storage/local/local-storage.ts");
      fs.writeFileSync(
        script,
        `import type { StagedObject } from "../../../src/storage/storage.ts";
import { LocalStorage } from ${JSON.stringify(module)};
         import { writeSync } from "node:fs";
         const storage = new LocalStorage(${JSON.stringify(root)}, "destination");
         for (const count of [3, 40]) {
           const staged = [];
           for (let i = 0; i < count; i++) staged.push(await storage.write("new" + count + "/sub/k" + i, Buffer.from("x")));
           const results = await storage.publish(staged);
           writeSync(1, "published " + count + " " + results.filter((r) => r.error).length + "\\n");
         }
         await storage.close();`,
      );
      const log = path.join(folder, "strace");
      const calls = "trace=fsync,fdatasync,syncfs,rename,renameat,renameat2,mkdir,write,openat,close";
      execFileSync("strace", [
        "-f",
        "-y",
        "-s",
        "40",
        "-e",
        calls,
        "-o",
        log,
        process.execPath,
        "--no-warnings",
        script,
      ]);
      const lines = fs.readFileSync(log, "utf8").split("\n");
      // A call that another thread interrupted is there twice; where it *ended* is what counts for flushes.
      const at = (pattern: RegExp, from = 0) => lines.findIndex((line, i) => i >= from && pattern.test(line));
      const last = (pattern: RegExp, before: number) =>
        lines.slice(0, before).findLastIndex((line) => pattern.test(line));
      const rename = /rename(at2?)?\(.*new3\/sub/;
      const published3 = at(/published 3 0/);
      expect(published3).toBeGreaterThan(0);
      expect(lines.slice(0, published3).filter((line) => rename.test(line)).length).toBe(3);
      const flushed = lines.slice(0, at(rename)).filter((line) => /fsync\(\d+<[^>]*\.backup-tmp/.test(line));
      expect(flushed.length).toBe(3);
      // The folder of the new names, its parent, and the root that holds the parent.
      const afterNames = lines.slice(last(rename, published3), published3).join("\n");
      for (const place of ["/new3/sub>", "/new3>", "/store>"])
        expect(afterNames, place).toMatch(new RegExp(`fsync\\(\\d+<[^>]*${place}`));
      // Many: the whole file system before the first name, and again before the end (or each file, where that fails).
      const published40 = at(/published 40 0/);
      const firstName = at(/rename(at2?)?\(.*new40\/sub/);
      const lastName = last(/rename(at2?)?\(.*new40\/sub/, published40);
      expect(
        lines.slice(published3, firstName).some((line) => /syncfs\(|fsync\(\d+<[^>]*\.backup-tmp/.test(line)),
      ).toBe(true);
      expect(
        lines.slice(lastName, published40).some((line) => /syncfs\(|fsync\(\d+<[^>]*new40\/sub/.test(line)),
      ).toBe(true);
    },
    60_000,
  );

  it("of some that cannot be put in place leaves the others alone, and says which", async () => {
    await put("file");
    const objects: StagedObject[] = [];
    for (const key of ["a", "file/below", "b", "x".repeat(255), "y".repeat(256)])
      objects.push(await storage.write(key, Buffer.from("1")));
    const results = await storage.publish(objects);
    expect(results.map(({ error }) => (error as NodeJS.ErrnoException | undefined)?.code)).toEqual([
      undefined,
      "ENOTDIR",
      undefined,
      undefined,
      "ENAMETOOLONG",
    ]);
    expect(results.map(({ staged }) => staged)).toEqual(objects);
    expect(results[1]?.error).toMatchObject({ side: "destination", path: "file/below" });
    expect(await keys()).toEqual(["a", "b", "file", "x".repeat(255)]);
    expect(staged()).toEqual([]);
  });

  it("of one whose data does not reach the disk never gives it its name; the others get theirs", async () => {
    await put("b", "old");
    const objects: StagedObject[] = [];
    for (const key of ["a", "b", "c"]) objects.push(await storage.write(key, Buffer.from("new")));
    const open = fs.promises.open;
    fs.promises.open = async (file, ...rest) => {
      const handle = await open(file, ...rest);
      if (String(file) === objects[1]?.temporary) handle.sync = async () => failing("EIO")();
      return handle;
    };
    const results = await storage.publish(objects).finally(() => {
      fs.promises.open = open;
    });
    expect(results.map(({ error }) => (error as NodeJS.ErrnoException | undefined)?.code)).toEqual([
      undefined,
      "EIO",
      undefined,
    ]);
    expect((await storage.readWhole("b")).toString()).toBe("old");
    expect((await storage.readWhole("c")).toString()).toBe("new");
    expect(staged()).toEqual([]);
  });

  it("says nothing is durable when the folders could not be flushed", async () => {
    const object = await storage.write("sub/a", Buffer.from("x"));
    const open = fs.promises.open;
    fs.promises.open = async (file, ...rest) => {
      const handle = await open(file, ...rest);
      if (String(file).endsWith("/sub")) handle.sync = async () => failing("EIO")();
      return handle;
    };
    const results = await storage.publish([object]).finally(() => {
      fs.promises.open = open;
    });
    expect(results).toEqual([
      { staged: object, error: expect.objectContaining({ code: "EIO", side: "destination" }) },
    ]);
  });

  it("goes on when the folder was removed by another run, between two objects", async () => {
    await put("sub/deep/a");
    await storage.remove(["sub/deep/a"]);
    const other = new LocalStorage(root, "destination");
    await other.remove(["sub/deep/none"]);
    fs.rmSync(path.join(root, "sub"), { recursive: true });
    await put("sub/deep/b");
    expect(await keys()).toEqual(["sub/deep/b"]);
  });

  it("gives each the moment that it is told, or its own that is later; where it cannot, the object stays as written", async () => {
    const moment = Date.UTC(2020, 1, 1);
    const [early, late] = [
      await storage.write("early", Buffer.from("x")),
      await storage.write("late", Buffer.from("x")),
    ];
    const staged = [
      { ...early, notBefore: moment - 5000 },
      { ...late, notBefore: moment + 5000 },
    ];
    await storage.publish(staged, moment);
    for (const [key, modified] of [
      ["early", moment],
      ["late", moment + 5000],
    ] as const)
      expect(await storage.stat(key)).toMatchObject({ modified });
    const object = await storage.write("k", Buffer.from("x"));
    const results = await withFs({ utimesSync: failing("EPERM") }, () => storage.publish([object], moment));
    expect(results).toEqual([{ staged: object }]);
  });

  it("of nothing is nothing", async () => {
    expect(await storage.publish([])).toEqual([]);
  });
});

describe("removing", () => {
  it("and renaming are durable after the next flush", async () => {
    for (const key of ["a/x", "a/y", "b/x", "b/y"]) await put(key);
    const flushed: string[] = [];
    const open = fs.promises.open;
    fs.promises.open = async (file, ...rest) => {
      flushed.push(path.relative(root, String(file)));
      return open(file, ...rest);
    };
    try {
      await storage.remove(["a/x"]);
      await storage.rename("b/x", "c/x");
      await storage.flush();
    } finally {
      fs.promises.open = open;
    }
    expect(flushed.sort()).toEqual(["", "a", "b", "c"]);
  });

  it("says what could not be removed, and goes on with the rest", async () => {
    for (const key of ["a", "folder/b", "c"]) await put(key);
    const failures = await storage.remove(["a", "folder", "none", "c/below", "c"]);
    expect(failures).toMatchObject([{ key: "folder", error: { side: "destination", path: "folder" } }]);
    expect(await keys()).toEqual(["folder/b"]);
  });
});

it("knows nothing of what lies below a file, or is a folder", async () => {
  await put("file");
  await put("folder/file");
  expect(await storage.stat("file/below")).toBeUndefined();
  expect(await storage.stat("folder")).toBeUndefined();
});

describe("a key that a folder cannot hold", () => {
  const long = (bytes: number) =>
    Array.from({ length: Math.ceil(bytes / 200) }, () => "d".repeat(199))
      .join("/")
      .slice(0, bytes);

  it.each([
    ["", false],
    ["a//b", false],
    ["a/./b", false],
    ["../a", false],
    ["a\0b", false],
    ["d/.backup-tmp.host-1.1.2", true],
    [`d/${"x".repeat(255)}`, true],
    [`d/${"x".repeat(256)}/y`, false],
    [`d/${"\u00e9".repeat(127)}x`, true],
    [`d/${"\u00e9".repeat(128)}`, false],
    [`\udcff${"x".repeat(254)}`, true],
  ])("is told before, and no other: %j", async (key, fits) => {
    expect(storage.keyProblem(key) === undefined).toBe(fits);
    if (fits) await put(key, "x");
  });

  it("is one that makes the path longer than the system takes", async () => {
    const most = 4095 - Buffer.byteLength(root) - 1;
    expect(storage.keyProblem(long(most + 1))).toMatch(/longer than 4095/);
    expect(storage.keyProblem(long(most))).toBeUndefined();
    await put(long(most), "x");
    expect((await storage.readWhole(long(most))).toString()).toBe("x");
  });
});

describe("folders that became empty", () => {
  it("go with the flush, up to the root, and not before", async () => {
    await put("a/b/c/x");
    await put("a/y");
    await storage.remove(["a/b/c/x"]);
    expect(fs.existsSync(path.join(root, "a/b/c"))).toBe(true);
    await storage.flush();
    expect(fs.existsSync(path.join(root, "a/b"))).toBe(false);
    await storage.rename("a/y", "z");
    await storage.flush();
    expect(fs.readdirSync(root).filter((name) => !name.startsWith("."))).toEqual(["z"]);
    await put("a/b/c/x"); // the storage has not kept in mind that they were there
    expect(await keys()).toEqual(["a/b/c/x", "z"]);
  });

  it("stay while anything is in them, be it none of ours", async () => {
    await put("a/x");
    fs.writeFileSync(path.join(root, "a/.hidden"), "");
    await storage.remove(["a/x"]);
    await storage.flush();
    expect(fs.readdirSync(path.join(root, "a"))).toEqual([".hidden"]);
    expect(fs.existsSync(root)).toBe(true);
  });

  it("go where a killed run left them, but not the one that is the file system's", async () => {
    for (const left of ["left/behind", "lost+found"])
      fs.mkdirSync(path.join(root, left), { recursive: true });
    await put("a");
    expect(await keys()).toEqual(["a"]);
    await storage.flush();
    expect(fs.readdirSync(root).filter((name) => !name.startsWith("."))).toEqual(["a", "lost+found"]);
  });

  it("are not left by a renaming that failed", async () => {
    await expect(storage.rename("none", "new/folder/x")).rejects.toMatchObject({ code: "ENOENT" });
    await storage.flush();
    expect(fs.existsSync(path.join(root, "new"))).toBe(false);
  });

  it("are not made above the root", async () => {
    fs.rmSync(folder, { recursive: true });
    await expect(storage.rename("a", "new/x")).rejects.toMatchObject({ code: "ENOENT", path: "a" });
    expect(fs.existsSync(folder)).toBe(false);
  });
});

describe("a copy", () => {
  it("shares the bytes, and outlives the original", async () => {
    await put("a", "content");
    const copied = await storage.copy("a", "b");
    expect(await keys()).toEqual(["a"]);
    await storage.publish([copied]);
    expect(fs.statSync(path.join(root, "a")).ino).toBe(fs.statSync(path.join(root, "b")).ino);
    await storage.remove(["a"]);
    expect((await storage.readWhole("b")).toString()).toBe("content");
    await put("a", "other");
    expect((await storage.readWhole("b")).toString()).toBe("content");
  });

  it("moves the bytes where the file system has no links", async () => {
    await put("a", "content");
    const copied = await withFs({ linkSync: failing("EPERM") }, () => storage.copy("a", "b"));
    await storage.publish([copied]);
    expect(fs.statSync(path.join(root, "a")).ino).not.toBe(fs.statSync(path.join(root, "b")).ino);
    expect((await storage.readWhole("b")).toString()).toBe("content");
  });

  it("that fails leaves nothing", async () => {
    await put("a", "content");
    const copyFileSync = (_: string, to: string) => {
      fs.writeFileSync(to, "con");
      failing("ENOSPC")();
    };
    const copied = withFs({ copyFileSync }, () => storage.copy("a", "b", { separate: true }));
    await expect(copied).rejects.toMatchObject({ code: "ENOSPC", path: "a" });
    await expect(storage.copy("none", "b")).rejects.toMatchObject({ code: "ENOENT", path: "none" });
    expect(staged()).toEqual([]);
  });

  it("renamed onto its original leaves one of them, as renaming does", async () => {
    await put("a", "content");
    await storage.publish([await storage.copy("a", "b")]);
    await storage.rename("a", "b");
    expect(await keys()).toEqual(["b"]);
    expect((await storage.readWhole("b")).toString()).toBe("content");
  });
});

describe("a listing", () => {
  it("leaves out folders of temporary files at the top, and keeps them elsewhere", async () => {
    await storage.write("staged", Buffer.from("x"));
    await put("sub/.backup-tmp.host-1.1.2/a");
    await put(".backup-tmp.mine/a");
    expect(await keys()).toEqual([".backup-tmp.mine/a", "sub/.backup-tmp.host-1.1.2/a"]);
    expect(storage.keyProblem(".backup-tmp.host-1.1.2/a")).toMatch(/reserved/);
  });

  it("has links to files, and enters no links to folders", async () => {
    await put("a");
    await put("folder/b");
    for (const [name, target] of Object.entries({
      file: "a",
      folders: "folder",
      nothing: "none",
      loop: "loop",
    }))
      fs.symlinkSync(target, path.join(root, `link to ${name}`));
    execFileSync("mkfifo", [path.join(root, "pipe")]);
    expect(await keys()).toEqual(["a", "folder/b", "link to file"]);
  });

  it("is the same where folders are very large, or do not tell what is in them", async () => {
    for (const key of ["A", "a-b/x", "a/x", "a/y/z", "a.txt", "é/日", "sub/.backup-tmp.host-1.1.2/a"])
      await put(key);
    await storage.write("staged", Buffer.from("x"));
    fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/a/`), Buffer.from([0xff, 0x61])]), "");
    fs.symlinkSync("a.txt", path.join(root, "link"));
    fs.symlinkSync("none", path.join(root, "link to nothing"));
    fs.mkdirSync(path.join(root, "empty"));
    const listed = await keys();
    expect(listed).toHaveLength(9);
    expect(await withFs(allLarge, keys)).toEqual(listed);
    for (const size of [allLarge, {}])
      expect(await withFs({ ...size, ...withoutKinds() }, keys)).toEqual(listed);
  });

  it("of very large folders tells of those that cannot be read, or fails, and leaves nothing open", async () => {
    for (const key of ["a/x", "b/x", "c/x"]) await put(key);
    const { opendirSync } = fs;
    const open = fs.readdirSync("/proc/self/fd").length;
    const reading = (broken: string) => ({
      ...allLarge,
      opendirSync: (at: string, ...rest: []) => {
        const folder = opendirSync(at, ...rest);
        return at === broken ? Object.assign(folder, { readSync: failing("EIO") }) : folder;
      },
    });
    await withFs(reading(`${root}/b/`), async () => {
      await expect(keys()).rejects.toMatchObject({ code: "EIO", side: "destination" });
      const told: unknown[] = [];
      const found: string[] = [];
      for await (const batch of storage.list(undefined, (error) => told.push(error)))
        found.push(...batch.map(({ key }) => key));
      expect(found).toEqual(["a/x", "c/x"]);
      expect(told).toMatchObject([{ code: "EIO" }]);
    });
    await expect(withFs(reading(`${root}/`), keys)).rejects.toMatchObject({ code: "EIO" });
    expect(fs.readdirSync("/proc/self/fd").length).toBe(open);
  });

  it("comes in batches, and ends between two of them when it is told to", async () => {
    for (let i = 0; i < 1001; i++) fs.writeFileSync(path.join(root, `k${i}`), "");
    const batches: number[] = [];
    for await (const batch of storage.list()) batches.push(batch.length);
    expect(batches).toEqual([1000, 1]);
    const stop = new AbortController();
    const run = async () => {
      for await (const _ of storage.list(stop.signal)) stop.abort(new Error("stop"));
    };
    await expect(run()).rejects.toThrow("stop");
  });

  it("tells who asks of the folders that cannot be read, and goes on; the whole place is another matter", async () => {
    for (const key of ["a/x", "b/x", "c/x"]) await put(key);
    const read = fs.readdirSync as (...all: unknown[]) => unknown;
    const listed = async (closed: string) => {
      const readdirSync = (at: string, ...rest: unknown[]) =>
        at === closed ? failing("EACCES")() : read(at, ...rest);
      const told: unknown[] = [];
      const found: string[] = [];
      await withFs({ readdirSync }, async () => {
        for await (const batch of storage.list(undefined, (error) => told.push(error)))
          found.push(...batch.map(({ key }) => key));
      });
      return { told, found };
    };
    expect(await listed(`${root}/b/`)).toEqual({
      told: [expect.objectContaining({ code: "EACCES", side: "destination" })],
      found: ["a/x", "c/x"],
    });
    await expect(listed(`${root}/`)).rejects.toMatchObject({ code: "EACCES" });
  });

  it("fails where the system says of a folder that is there that it is not", async () => {
    for (const key of ["a/x", "b/x"]) await put(key);
    const read = fs.readdirSync as (...all: unknown[]) => unknown;
    const readdirSync = (at: string, ...rest: unknown[]) =>
      at.endsWith("/b/") ? failing("ENOENT")() : read(at, ...rest);
    await expect(withFs({ readdirSync }, keys)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("goes on past a folder that another run removed meanwhile", async () => {
    for (const key of ["a/x", "b/x", "c/x"]) await put(key);
    const read = fs.readdirSync as (...all: unknown[]) => unknown;
    const readdirSync = (at: string, ...rest: unknown[]) => {
      if (at.endsWith("/b/")) fs.rmSync(path.join(root, "b"), { recursive: true, force: true });
      return read(at, ...rest);
    };
    expect(await withFs({ readdirSync }, keys)).toEqual(["a/x", "c/x"]);
  });

  it("fails when the folder that is missing is the whole place, taken away meanwhile", async () => {
    for (const key of ["a/x", "b/x"]) await put(key);
    const read = fs.readdirSync as (...all: unknown[]) => unknown;
    const readdirSync = (at: string, ...rest: unknown[]) => {
      if (at.endsWith("/b/")) {
        fs.renameSync(root, `${root}.unmounted`);
        fs.mkdirSync(root); // the mount point
      }
      return read(at, ...rest);
    };
    await expect(withFs({ readdirSync }, keys)).rejects.toMatchObject({
      code: "ENOENT",
      side: "destination",
    });
  });

  it("fails as a whole when any folder cannot be read", async () => {
    await put("a/x");
    await put("b/x");
    const read = fs.readdirSync as (...all: unknown[]) => unknown;
    const readdirSync = (at: string, ...rest: unknown[]) =>
      at.endsWith("/b/") ? failing("EACCES")() : read(at, ...rest);
    await expect(withFs({ readdirSync }, keys)).rejects.toMatchObject({
      code: "EACCES",
      side: "destination",
    });
  });

  it("names the folder that cannot be read, out of many", async () => {
    await put("a/x");
    await put("a/b/x");
    const read = fs.readdirSync as (...all: unknown[]) => unknown;
    // Longer than any path that a system takes.
    const readdirSync = (at: string, ...rest: unknown[]) =>
      read(at.endsWith("/b/") ? `${"/".repeat(5000)}${at}` : at, ...rest);
    await expect(withFs({ readdirSync }, keys)).rejects.toMatchObject({
      code: "ENAMETOOLONG",
      path: expect.stringMatching(/\/a\/b$/),
    });
  });
});

describe("a destination that is unmounted in the midst of a run", () => {
  it.each(["before its data is flushed", "while it is"])(
    "gets nothing more: what came after would lie in the folder below (%s)",
    async (when) => {
      await storage.create();
      await put("a");
      const object = await storage.write("b", Buffer.from("b"));
      let isUnmounted = when !== "while it is";
      const { open } = fs.promises;
      fs.promises.open = async (file, ...rest) => {
        isUnmounted ||= file === object.temporary;
        return open(file, ...rest);
      };
      const stat = fs.statSync as (...all: unknown[]) => fs.Stats;
      const statSync = (at: string, ...rest: unknown[]) => {
        const found = stat(at, ...rest);
        return at === root && isUnmounted ? Object.assign(found, { dev: found.dev + 1 }) : found;
      };
      const [result] = await withFs({ statSync }, () => storage.publish([object])).finally(() => {
        fs.promises.open = open;
      });
      expect(result?.error).toMatchObject({ code: "EUNMOUNTED", side: "destination" });
      expect(await keys()).toEqual(["a"]);
      expect(staged()).toEqual([]);
    },
  );
});

describe("failures", () => {
  const openFiles = () => fs.readdirSync("/proc/self/fd").length;

  it.each(["writeSync", "openSync", "closeSync"])(
    "of %s name the side and the key, and leave nothing",
    async (call) => {
      const files = openFiles();
      await storage.write("warm up", Buffer.from("x")).then((object) => storage.discard([object]));
      const run = withFs({ [call]: failing("ENOSPC") }, () => storage.write("k", Buffer.from("x")));
      await expect(run).rejects.toMatchObject({
        code: "ENOSPC",
        side: "destination",
        path: "k",
        remedy: expect.stringContaining("space"),
      });
      expect(staged()).toEqual([]);
      if (call !== "closeSync") expect(openFiles()).toBe(files);
    },
  );

  it("while a large object is written are the destination's", async () => {
    const writer = await storage.createWriter("k", { sizeHint: 10, reserve: 2 });
    const expected = { code: "ENOSPC", side: "destination", path: "k" };
    await withFs({ writeSync: failing("ENOSPC") }, async () => {
      await expect(writer.write(Buffer.from("x"))).rejects.toMatchObject(expected);
      await expect(writer.finish({ head: Buffer.alloc(2) })).rejects.toMatchObject(expected);
    });
    await expect(writer.copyFrom("none", { start: 0, end: 1 })).rejects.toMatchObject({
      code: "ENOENT",
      side: "destination",
    });
    await withFs({ closeSync: failing("ENOSPC") }, async () => {
      await expect(writer.finish({ head: Buffer.alloc(2) })).rejects.toMatchObject(expected);
    });
    await withFs({ rmSync: failing("EIO") }, () => writer.abort()); // never throws
    const other = await storage.createWriter("k", { sizeHint: 10 });
    await withFs({ closeSync: failing("EIO") }, () => other.abort()); // nor this
  });

  it("or an end before the end leave nothing of a large object", async () => {
    await put("old", "0123456789");
    const files = openFiles();
    const writer = await storage.createWriter("k", { sizeHint: 10 });
    await writer.write(Buffer.from("x"));
    await writer.copyFrom("old", { start: 1, end: 5 });
    await expect(writer.copyFrom("old", { start: 5, end: 11 })).rejects.toMatchObject({ code: "ESHORT" });
    expect(staged()).toHaveLength(1);
    await writer.abort();
    expect(staged()).toEqual([]);
    expect(openFiles()).toBe(files);
  });

  it("of what is uploaded leave nothing", async () => {
    async function* body() {
      yield Buffer.from("x");
      throw new Error("no more");
    }
    await expect(storage.upload("k", body(), { sizeHint: 2 })).rejects.toMatchObject({ path: "k" });
    expect(staged()).toEqual([]);
  });

  it("to read an object that became shorter are no short reads", async () => {
    await put("k", "0123456789");
    const stat = fs.fstatSync;
    const fstatSync = (fd: number) => ({ ...stat(fd), size: 20 });
    await expect(withFs({ fstatSync }, () => storage.readWhole("k"))).rejects.toMatchObject({
      code: "ESHORT",
    });
    const streamed = async () => {
      for await (const _ of storage.read("k"));
    };
    await expect(withFs({ fstatSync }, streamed)).rejects.toMatchObject({ code: "ESHORT" });
  });
});

it("a large object takes its key when it is finished", async () => {
  const writer = await storage.createWriter("first", { sizeHint: 1 });
  await writer.write(Buffer.from("x"));
  await storage.publish([await writer.finish({ key: "last" })]);
  expect(await keys()).toEqual(["last"]);
});

it("closes what it reads, however the reading ends", async () => {
  await put("k", "x".repeat(1_000_000));
  const files = fs.readdirSync("/proc/self/fd").length;
  for await (const _ of storage.read("k")) break;
  await storage.readWhole("k");
  await storage.readWhole("none").catch(() => undefined);
  const stop = AbortSignal.abort(new Error("stop"));
  const run = async () => {
    for await (const _ of storage.read("k", { signal: stop }));
  };
  await expect(run()).rejects.toThrow("stop");
  expect(fs.readdirSync("/proc/self/fd").length).toBe(files);
});
