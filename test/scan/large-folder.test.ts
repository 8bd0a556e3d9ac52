import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ErrorReport } from "../../src/errors.ts";
import { fsPath } from "../../src/names/path-text.ts";
import type { Entry } from "../../src/scan/entry.ts";
import type { Exclusions } from "../../src/scan/exclusions.ts";
import { LocalSource } from "../../src/scan/local-source.ts";
import { anyPath, isFilePath } from "../plan/worlds.ts";
import { assertProperty } from "../property.ts";
import { allLarge, failing, withFs } from "../with-fs.ts";
import { exclusionsOf } from "./exclusions.ts";

let root: string;
const hasXattrs = spawnSync("getfattr", ["--version"]).status === 0;
const openFiles = () => fs.readdirSync("/proc/self/fd").length;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "large-folder-"));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const put = (file: string, text = file) => {
  fs.mkdirSync(fsPath(path.dirname(`${root}/${file}`)), { recursive: true });
  fs.writeFileSync(fsPath(`${root}/${file}`), text);
};

/** All that a scan finds, and says. */
async function scan(metadata: boolean, exclusions: Exclusions = exclusionsOf()) {
  const source = new LocalSource(root, exclusions, { metadata });
  const entries: Entry[] = [];
  const told: unknown[] = [];
  const findings = {
    onError: ({ path, code }: ErrorReport) => told.push([path, code]),
    onSkipped: (...skipped: unknown[]) => told.push(skipped),
    onNote: (note: string) => told.push(note),
  };
  for await (const batch of source.scan(findings)) {
    expect(batch.length).toBeGreaterThan(0);
    entries.push(...batch);
  }
  await source.close();
  return { entries, told: told.map(String).sort(), source };
}

const scanLarge = (...given: Parameters<typeof scan>) => withFs(allLarge, () => scan(...given));

describe("a folder with more names than memory should hold", () => {
  it("is scanned as any other, with all that can be in it", async () => {
    for (const file of ["a", "a-b", "a.b", "c/x", "c.d", "c-d/y", ".backup-meta.0.0", ".backup-metb"])
      put(file);
    put("before manifests/-x");
    for (const file of ["\udcff", "é", "sub/CACHEDIR.TAG", "sub/deep/z", "rules/x.tmp", "rules/y"]) put(file);
    put("sub/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55");
    put("rules/.backupignore", "*.tmp\n[\n");
    put("ignored/x");
    fs.linkSync(`${root}/a-b`, `${root}/c/linked`);
    fs.linkSync(`${root}/a.b`, `${root}/a also`);
    fs.symlinkSync("a", `${root}/link`);
    fs.symlinkSync("none", `${root}/sub/dangling`);
    execFileSync("mkfifo", [`${root}/c/fifo`]);
    if (hasXattrs) {
      spawnSync("setfattr", ["-n", "user.one", "-v", "1", `${root}/a.b`, `${root}/c-d`, `${root}/c/x`]);
      spawnSync("setfattr", ["-n", "user.root", "-v", "1", root]);
    }
    const given = { expressions: [/^ignored/v], caches: true };
    for (const metadata of [true, false]) {
      const expected = await scan(metadata, exclusionsOf(given));
      const files = openFiles();
      const { entries, told } = await scanLarge(metadata, exclusionsOf(given));
      expect(entries).toEqual(expected.entries);
      expect(told).toEqual(expected.told);
      expect(openFiles()).toBe(files);
    }
  });

  it("is scanned in the same order, whatever the names", async () => {
    await assertProperty(
      fc.asyncProperty(fc.uniqueArray(anyPath.filter(isFilePath), { maxLength: 25 }), async (paths) => {
        fs.rmSync(root, { recursive: true });
        fs.mkdirSync(root);
        for (const file of paths) {
          try {
            put(file);
          } catch {
            // A file is in the place of a folder, or a folder in that of the file.
          }
        }
        expect((await scanLarge(false)).entries).toEqual((await scan(false)).entries);
      }),
      { numRuns: 50 },
    );
  });

  it("has each name once, however often it is told", async () => {
    for (const file of ["a", "a.b", "c/x"]) put(file);
    put(".backupignore", "[\n");
    const expected = await scan(true);
    const { opendirSync } = fs;
    const twice = (...given: Parameters<typeof opendirSync>) => {
      const folder = opendirSync(...given);
      const { readSync } = folder;
      let last: fs.Dirent | null = null;
      return Object.assign(folder, {
        readSync() {
          const again = last;
          last = again === null ? readSync.call(folder) : null;
          return again ?? last;
        },
      });
    };
    const { entries, told } = await withFs({ ...allLarge, opendirSync: twice }, () => scan(true));
    expect(entries).toEqual(expected.entries);
    expect(told).toEqual(expected.told);
  });

  it("that cannot be read to its end is unknown, not gone, and leaves nothing open", async () => {
    for (const file of ["a/x", "b/x", "b/y", "c/x"]) put(file);
    const { opendirSync } = fs;
    const broken = (at: string, ...rest: []) => {
      const folder = opendirSync(at, ...rest);
      if (at !== `${root}/b/`) return folder;
      const first = folder.readSync();
      const readSync = () => {
        Object.assign(folder, { readSync: failing("EIO") });
        return first;
      };
      return Object.assign(folder, { readSync });
    };
    const files = openFiles();
    const { entries, told, source } = await withFs({ ...allLarge, opendirSync: broken }, () => scan(true));
    const manifest = ".backup-meta.0.0";
    expect(entries.map(({ path }) => path)).toEqual([
      manifest,
      `a/${manifest}`,
      "a/x",
      `c/${manifest}`,
      "c/x",
    ]);
    expect(told).toEqual(["b/,EIO"]);
    expect([source.isUnknown("b/x"), source.isUnknown("a/x")]).toEqual([true, false]);
    expect(openFiles()).toBe(files);
  });

  it("is unknown, and not to blame, where the folder for temporary files does not take its names", async () => {
    put("large/x");
    put("y");
    const { opendirSync } = fs;
    const endless = (...given: Parameters<typeof opendirSync>) => {
      const folder = opendirSync(...given);
      const [at] = given;
      let left = String(at).endsWith("/large/") ? 12_000 : 0;
      const readSync = () => {
        const entry = Reflect.apply(fs.Dir.prototype.readSync, folder, []) as fs.Dirent | null;
        if (entry !== null || left === 0) return entry;
        return Object.assign(Object.create(fs.Dirent.prototype), {
          name: `${left--}`.padEnd(250, "x"),
          isFile: () => true,
          isDirectory: () => false,
        });
      };
      return Object.assign(folder, { readSync });
    };
    const full = { ...allLarge, opendirSync: endless, writeSync: failing("ENOSPC") };
    const reports: unknown[] = [];
    const source = new LocalSource(root, exclusionsOf(), { metadata: false });
    const entries: Entry[] = [];
    await withFs(full, async () => {
      const onError = ({ side, path, code }: ErrorReport) => reports.push([side, path, code]);
      for await (const batch of source.scan({ onError, onSkipped: () => {}, onNote: () => {} }))
        entries.push(...batch);
    });
    expect(reports).toEqual([["temporary", os.tmpdir(), "ENOSPC"]]);
    expect(entries.map(({ path }) => path)).toEqual(["y"]);
    expect(source.isUnknown("large/x")).toBe(true);
    await source.close();
  });

  it("that cannot be recorded has no manifest, and all of its files", async () => {
    for (const file of ["a/x", "b/x"]) put(file);
    const { lstatSync } = fs;
    const broken = (at: string, options: object) =>
      at === `${root}/b` ? failing("EIO")() : lstatSync(at, options);
    const { entries, told, source } = await withFs({ ...allLarge, lstatSync: broken }, () => scan(true));
    expect(entries.map(({ path }) => path)).toEqual([".backup-meta.0.0", "a/.backup-meta.0.0", "a/x", "b/x"]);
    expect(told).toEqual(["b/,EIO"]);
    expect(source.isUnknown("b/.backup-meta.0.0")).toBe(true);
  });

  // What xargs said then was taken for a failure of single names: a manifest without any attributes was stored in silence.
  it.runIf(hasXattrs)("has no manifest where no process can be made that reads attributes", async () => {
    for (const file of ["a/x", "b/x"]) put(file);
    spawnSync("setfattr", ["-n", "user.one", "-v", "1", `${root}/b/x`]);
    const tools = process.env.PATH;
    const bin = fs.mkdtempSync(path.join(os.tmpdir(), "large-folder-bin-"));
    fs.writeFileSync(`${bin}/xargs`, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    process.env.PATH = `${bin}:${tools}`;
    try {
      const expected = await scan(true);
      const { entries, told } = await scanLarge(true);
      expect(entries).toEqual(expected.entries);
      expect(entries.map(({ path }) => path)).toEqual([
        ".backup-meta.0.0",
        "a/.backup-meta.0.0",
        "a/x",
        "b/x",
      ]);
      expect(told).toEqual(expected.told);
    } finally {
      process.env.PATH = tools;
      fs.rmSync(bin, { recursive: true });
    }
  });

  it("says of its manifests that something is missing, as any other does", async () => {
    for (const file of ["a/x", "a/y"]) put(file);
    const { lstatSync } = fs;
    const lookAt = (at: string, options: object) =>
      at === `${root}/a/x` ? failing("EIO")() : lstatSync(at, options);
    const expected = await withFs({ lstatSync: lookAt }, () => scan(true));
    const { entries, told } = await withFs({ ...allLarge, lstatSync: lookAt }, () => scan(true));
    expect(entries).toEqual(expected.entries);
    expect(told).toEqual(["a/x,EIO"]);
    expect(entries.map(({ manifest }) => manifest?.isPartial)).toEqual([undefined, true, undefined]);
  });

  it("lets others have their turn while it is read, and closes its tables where nobody goes on", async () => {
    for (let i = 0; i < 3000; i++) put(`${i}`, "");
    const files = openFiles();
    const stop = new AbortController();
    await withFs(allLarge, async () => {
      const source = new LocalSource(root, exclusionsOf(), { metadata: true });
      const scanned = source.scan({ onError() {}, onSkipped() {}, onNote() {} }, stop.signal);
      let turns = 0;
      const ticking = setImmediate(function tick() {
        turns++;
        setImmediate(tick).unref();
      });
      await scanned.next();
      clearImmediate(ticking);
      expect(turns).toBeGreaterThan(6);
      await scanned.return(undefined);
      await source.close();
    });
    expect(openFiles()).toBe(files);
  });
});
