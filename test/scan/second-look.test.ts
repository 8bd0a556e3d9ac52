import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { cameSince, changedSince, type SecondLook } from "../../src/scan/second-look.ts";
import { failing, withFs } from "../with-fs.ts";

const HOUR = 3_600_000;
let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "second-look-"));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const put = (file: string) => {
  fs.mkdirSync(path.dirname(`${root}/${file}`), { recursive: true });
  fs.writeFileSync(`${root}/${file}`, file);
};
const look = (file: string, settings: Partial<SecondLook> = {}) =>
  cameSince(file, { root, followsLinks: false, since: Date.now(), isTooLarge: () => false, ...settings });

describe("a second look", () => {
  it("finds a file that is there now, and none that is not", () => {
    put("a/b/file");
    put("top");
    expect(look("a/b/file")).toBe(true);
    expect(look("top")).toBe(true);
    for (const gone of ["a/b/other", "a/c/file", "a/b/file/below", "a/b", "x"])
      expect(look(gone), gone).toBe(false);
  });

  it("takes what was there all the time for something that a scan would have met", () => {
    put("file");
    expect(look("file", { since: Date.now() + HOUR })).toBe(false);
  });

  it.each(["folder", "folder/link", "folder/../real"])(
    "finds what was there before where it came with %s",
    async (came) => {
      put("real");
      fs.mkdirSync(`${root}/folder`);
      fs.symlinkSync("../real", `${root}/folder/link`);
      const { lstatSync, statSync } = fs;
      const newcomer = path.join(root, came);
      const aged = (look: typeof fs.lstatSync | typeof fs.statSync) => (at: string) => {
        const stat = look(at);
        const isNew = (look === statSync ? fs.realpathSync(at) : at) === newcomer;
        return Object.assign(stat as fs.Stats, { ctimeMs: Date.now() - (isNew ? 0 : HOUR) });
      };
      await withFs({ lstatSync: aged(lstatSync), statSync: aged(statSync) }, async () => {
        expect(look("folder/link", { followsLinks: true })).toBe(true);
        expect(look("real", { followsLinks: false })).toBe(came === "folder/../real");
      });
    },
  );

  it("knows nothing of what it may not look at", async () => {
    await withFs({ lstatSync: failing("EACCES") }, async () => expect(look("closed/file")).toBe(true));
  });

  it("takes what is too large for something that is left out", () => {
    put("file");
    const isTooLarge = (file: string, size: number) => file === "file" && size === 4;
    expect(look("file", { isTooLarge })).toBe(false);
  });

  it("goes through no link, and takes one for a file only where links are followed", () => {
    put("real/file");
    fs.symlinkSync("real", `${root}/linked`);
    fs.symlinkSync("real/file", `${root}/link`);
    fs.symlinkSync("itself", `${root}/itself`);
    fs.symlinkSync("nowhere", `${root}/dangling`);
    for (const followsLinks of [false, true]) {
      expect(look("linked/file", { followsLinks })).toBe(false);
      expect(look("link", { followsLinks })).toBe(followsLinks);
      expect(look("itself", { followsLinks })).toBe(false);
      expect(look("dangling", { followsLinks })).toBe(false);
      expect(look("real", { followsLinks })).toBe(false);
    }
  });

  it("leaves the source for no path, and survives what is none", () => {
    put("file");
    fs.mkdirSync(`${root}/below`);
    for (const path of [
      "../file",
      "below/../file",
      "./file",
      "/file",
      "below//file",
      "",
      "a\0b",
      "x".repeat(256),
    ]) {
      expect(look(path, { root: path.startsWith("../") ? `${root}/below` : root }), path).toBe(false);
    }
  });
});

describe("a folder that a file is gone from", () => {
  const changed = (folder: string, since = Date.now(), followsLinks = false) =>
    changedSince(folder, { root, followsLinks, since });

  it("has changed since it was removed", () => {
    put("a/file");
    fs.rmSync(`${root}/a/file`);
    expect(changed("a")).toBe(true);
    expect(changed("")).toBe(true);
  });

  it("has not where it is the mount point of what is not mounted any more, or is gone as well", () => {
    fs.mkdirSync(`${root}/mount`);
    expect(changed("mount", Date.now() + HOUR)).toBe(false);
    expect(changed("none")).toBe(false);
  });

  it("is no other one behind a link, unless links are followed", () => {
    put("a/file");
    fs.symlinkSync("a", `${root}/link`);
    expect(changed("link")).toBe(false);
    expect(changed("link", Date.now(), true)).toBe(true);
  });
});
