import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ManifestEntry } from "../../../src/metadata/manifest.ts";
import { RealFolders } from "../../../src/run/target/real-folders.ts";
import { RestoredTree } from "../../../src/run/target/restored-tree.ts";

let parent: string;
let root: string;
let tree: RestoredTree;
beforeEach(() => {
  parent = fs.mkdtempSync(path.join(os.tmpdir(), "restored-tree-"));
  root = path.join(parent, "root");
  fs.mkdirSync(path.join(root, "real/deep"), { recursive: true });
  fs.mkdirSync(path.join(parent, "outside/deep"), { recursive: true });
  fs.symlinkSync(path.join(parent, "outside"), path.join(root, "link"));
  fs.symlinkSync("real", path.join(root, "inner link"));
  fs.writeFileSync(path.join(root, "file"), "12345");
  fs.utimesSync(path.join(root, "file"), 1000, 1000);
  tree = new RestoredTree(root);
});
afterEach(() => fs.rmSync(parent, { recursive: true }));

const ROADS: [string, boolean][] = [
  ["", true],
  ["real", true],
  ["real/deep", true],
  ["real/none", false],
  ["link", false],
  ["link/deep", false],
  ["inner link/deep", false],
  ["file", false],
  ["real/deep", true],
  ["real", true],
  ["rea", false],
];

describe("a folder below the target", () => {
  it("is real where neither it nor any above it is a link, whatever was asked before", () => {
    const folders = new RealFolders(root);
    for (const [folder, isReal] of ROADS) expect(folders.isReal(folder), folder).toBe(isReal);
    for (const [folder, isReal] of [...ROADS].reverse())
      expect(tree.isRealFolder(folder), folder).toBe(isReal);
  });

  it("that was seen last is not looked at again, nor are those above it; any other is", () => {
    const folders = new RealFolders(root);
    expect(folders.unseen("real/deep")).toEqual(["real", "real/deep"]);
    folders.see("real/deep");
    expect(folders.unseen("real/deep")).toEqual([]);
    expect(folders.unseen("real")).toEqual([]);
    expect(folders.unseen("real/de")).toEqual(["real/de"]);
    expect(folders.unseen("real/deep/er")).toEqual(["real/deep/er"]);
    expect(folders.isReal("link/deep")).toBe(false);
    folders.see("");
    expect(folders.unseen("real/other")).toEqual(["real/other"]);
  });

  it("is made, with those above it", () => {
    tree.makeFolder("real/new/deep");
    tree.makeFolder("real/new");
    expect(fs.statSync(path.join(root, "real/new/deep")).isDirectory()).toBe(true);
    tree.checkFolder("real/other");
    expect(fs.existsSync(path.join(root, "real/other"))).toBe(false);
  });

  it.each([
    ["link/deep", /symbolic link/],
    ["link/new", /symbolic link/],
    ["inner link/new", /symbolic link/],
    ["file/new", /a file is in the place of a folder/],
  ])("is neither made nor passed where its way is no real one: %s", (folder, message) => {
    expect(() => tree.makeFolder(folder)).toThrow(message);
    expect(() => tree.checkFolder(folder)).toThrow(message);
    expect(fs.readdirSync(path.join(parent, "outside"))).toEqual(["deep"]);
    expect(fs.readdirSync(path.join(root, "real"))).toEqual(["deep"]);
  });
});

describe("what is recorded of a path", () => {
  const ATTRIBUTES = { mode: 0o600, uid: 0, gid: 0, seconds: 1000, nanoseconds: 0 };
  const file = { ...ATTRIBUTES, kind: "file", name: "file", size: 5 } as unknown as ManifestEntry;
  const link = {
    ...ATTRIBUTES,
    kind: "symlink",
    name: "inner link",
    target: "real",
  } as unknown as ManifestEntry;
  const matches = (at: string, entry: ManifestEntry) => tree.statIfMatching(at, entry) !== undefined;

  it("is for a file of that size and time only", () => {
    expect(matches("file", file)).toBe(true);
    expect(matches("none", file)).toBe(false);
    expect(matches("file", { ...file, size: 6 } as ManifestEntry)).toBe(false);
    expect(matches("file", { ...file, seconds: 1001 } as ManifestEntry)).toBe(false);
    expect(matches("inner link", file)).toBe(false);
  });

  it("is for a link to there only", () => {
    expect(matches("inner link", link)).toBe(true);
    expect(matches("inner link", { ...link, target: "elsewhere" } as ManifestEntry)).toBe(false);
    expect(matches("file", link)).toBe(false);
  });

  it("is for no folder, whatever kind of file it is to be", () => {
    for (const kind of ["file", "character", "block", "fifo"])
      expect(matches("real", { ...file, kind } as ManifestEntry), kind).toBe(false);
  });

  it("is for nothing that a link leads to", () => {
    fs.copyFileSync(path.join(root, "file"), path.join(parent, "outside/file"));
    fs.utimesSync(path.join(parent, "outside/file"), 1000, 1000);
    expect(matches("link/file", file)).toBe(false);
  });
});
