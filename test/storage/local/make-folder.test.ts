import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { makeFolder } from "../../../src/storage/local/make-folder.ts";

const MODULE = path.join(import.meta.dirname, "../../../src/storage/local/make-folder.ts");
const mayMount = spawnSync("unshare", ["-rm", "true"]).status === 0;

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "make-folder-"));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

/** A script that prints the code of the error that it throws. */
function telling(folder: string): string {
  return `import(${JSON.stringify(MODULE)}).then(({ makeFolder }) => makeFolder(${JSON.stringify(folder)})).catch(({ code }) => process.stdout.write(code))`;
}

/** The code of the error that it throws, where `root` is mounted read-only. */
function codeWhenReadOnly(folder: string): string {
  const mounting = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$1" -e "$2"';
  return spawnSync("unshare", ["-rm", "sh", "-c", mounting, root, process.execPath, telling(folder)], {
    encoding: "utf8",
  }).stdout;
}

it("makes a folder and those above it, closed to others, and leaves one that is there as it is", () => {
  const folder = path.join(root, "a/b");
  makeFolder(folder);
  expect(fs.statSync(folder).mode & 0o777).toBe(0o700);
  expect(fs.statSync(path.dirname(folder)).mode & 0o777).toBe(0o700);
  fs.chmodSync(folder, 0o750);
  makeFolder(folder);
  expect(fs.statSync(folder).mode & 0o777).toBe(0o750);
});

it.skipIf(!mayMount)("told ENOENT of a file system that is read-only", () => {
  fs.mkdirSync(path.join(root, "there"));
  expect(codeWhenReadOnly(path.join(root, "there/folder"))).toBe("EROFS");
  expect(codeWhenReadOnly(path.join(root, "a/b/c"))).toBe("EROFS");
  expect(codeWhenReadOnly(path.join(root, "there"))).toBe("");
});

it("tried for ever where the system says ENOENT of a folder that is there", () => {
  const made = spawnSync(process.execPath, ["-e", telling("/proc/none/folder")], {
    encoding: "utf8",
    timeout: 20_000,
  });
  expect(made).toMatchObject({ signal: null, stdout: "ENOENT" });
});

it("says ENOENT of a link to nothing, and of a file on the way that it is no folder", () => {
  fs.symlinkSync(path.join(root, "absent/folder"), path.join(root, "link"));
  expect(() => makeFolder(path.join(root, "link"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
  fs.writeFileSync(path.join(root, "file"), "");
  expect(() => makeFolder(path.join(root, "file/a/b"))).toThrow(expect.objectContaining({ code: "ENOTDIR" }));
});
