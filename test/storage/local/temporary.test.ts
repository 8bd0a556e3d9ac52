import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  isTemporaryFolder,
  sweepOwnTemporaryFolders,
  sweepTemporaryFolders,
  TemporaryFolder,
} from "../../../src/storage/local/temporary.ts";

let root: string;
const NOW = Date.now();
const HOUR = 3_600_000;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "temporary-"));
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

/** The parts of this process's own folder name: host, pid, start. */
const [host, pid, started] = path
  .basename(new TemporaryFolder("/").path)
  .replace(".backup-tmp.", "")
  .split(".") as [string, string, string];

function litter(name: string, ageMs = 0): string {
  const folder = path.join(root, `.backup-tmp.${name}`);
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, "0-0"), "unfinished");
  const time = (NOW - ageMs) / 1000;
  for (const place of [path.join(folder, "0-0"), folder]) fs.utimesSync(place, time, time);
  return folder;
}
const sweep = (maxAgeMs = HOUR) => sweepTemporaryFolders(root, maxAgeMs, NOW);
const startOf = (process: number) =>
  fs
    .readFileSync(`/proc/${process}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .split(" ")[19];

describe("temporary folders", () => {
  it("are private, made when needed, and go with all that is in them", () => {
    const own = new TemporaryFolder(root);
    expect(fs.readdirSync(root)).toEqual([]);
    const paths = [own.newPath(), own.newPath(), new TemporaryFolder(root).path];
    expect(new Set(paths).size).toBe(3);
    expect(fs.statSync(own.path).mode & 0o777).toBe(0o700);
    expect(isTemporaryFolder(path.basename(own.path))).toBe(true);
    expect(path.basename(own.path).endsWith(".enc")).toBe(false);
    fs.writeFileSync(paths[0] as string, "x");
    own.remove();
    own.remove();
    expect(fs.readdirSync(root)).toEqual([]);
    expect(fs.existsSync(path.dirname(own.newPath()))).toBe(true); // and can be made again
  });

  it("that could not be removed hid the error that had ended the run: they stay for a later one", () => {
    const own = new TemporaryFolder(root);
    own.newPath();
    const { rmSync } = fs;
    fs.rmSync = () => {
      throw Object.assign(new Error("EACCES, Permission denied"), { code: "EACCES" });
    };
    syncBuiltinESMExports();
    try {
      expect(() => own.remove()).not.toThrow();
    } finally {
      fs.rmSync = rmSync;
      syncBuiltinESMExports();
    }
    expect(fs.existsSync(own.path)).toBe(true);
  });

  it("name the host, this process and when it started", () => {
    expect(pid).toBe(String(process.pid));
    expect(started).toBe(startOf(process.pid));
    expect(host).toMatch(/^[A-Za-z0-9_-]+-[0-9a-f]{8}-\d+$/);
  });

  it("of this process stay, however old", () => {
    const folder = litter(`${host}.${pid}.${started}`, 1000 * HOUR);
    expect(sweep()).toBe(0);
    expect(fs.existsSync(folder)).toBe(true);
  });

  it("of a living process stay; once it is dead they go at once", async () => {
    const child = spawn("sleep", ["60"]);
    const folder = litter(`${host}.${child.pid}.${startOf(child.pid as number)}`);
    expect(sweep()).toBe(0);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(sweep()).toBe(1);
    expect(fs.existsSync(folder)).toBe(false);
  });

  it("of a process whose number another one has now go at once", () => {
    litter(`${host}.${process.ppid}.1`);
    expect(sweep()).toBe(1);
  });

  it.each([
    ["another host", "elsewhere-00000000-1.1.1"],
    ["a host of the same name", `${host.replace(/-[0-9a-f]{8}-/, "-ffffffff-")}.99999999.1`],
    ["another container of this host", `${host.replace(/\d+$/, "1")}.99999999.1`],
    [
      "this host, by a release that did not name the machine",
      `${host.replace(/-[0-9a-f]{8}-/, "-")}.99999999.1`,
    ],
  ])("of %s go by age alone", (_, name) => {
    const folder = litter(name, 0.9 * HOUR);
    expect(sweep()).toBe(0);
    fs.rmSync(folder, { recursive: true });
    litter(name, 1.1 * HOUR);
    expect(sweep()).toBe(1);
    expect(fs.readdirSync(root)).toEqual([]);
  });

  it("of others are as young as the youngest file in them", () => {
    const folder = litter("elsewhere-1.1.1", 5 * HOUR);
    const time = (NOW - 1000) / 1000;
    fs.mkdirSync(path.join(folder, "1-0"));
    fs.writeFileSync(path.join(folder, "1-0/0"), "");
    fs.utimesSync(path.join(folder, "1-0/0"), time, time); // a large file that grows
    for (const at of ["1-0", "."]) fs.utimesSync(path.join(folder, at), 0, 0);
    expect(sweep()).toBe(0);
    fs.utimesSync(path.join(folder, "1-0/0"), 0, 0);
    fs.utimesSync(path.join(folder, "0-0"), time, time); // one of an older release
    expect(sweep()).toBe(0);
  });

  it("are told from everything else, however old", () => {
    const full = ".backup-tmp.elsewhere-00000000-1.1.1";
    fs.mkdirSync(path.join(root, "sub", full), { recursive: true });
    fs.mkdirSync(path.join(root, ".backup-tmp"));
    fs.writeFileSync(path.join(root, "a.1.1.1.0.enc"), "");
    fs.writeFileSync(path.join(root, full), "a file");
    fs.symlinkSync("sub", path.join(root, full.replace("1.1.1", "1.1.2")));
    const before = fs.readdirSync(root).sort();
    expect(sweep(-HOUR)).toBe(0);
    expect(fs.readdirSync(root).sort()).toEqual(before);
    expect(fs.readdirSync(path.join(root, "sub"))).toEqual([full]);
  });

  // The prefix once was enough, and a folder of the user's went when it was a week old.
  it.each([
    "mine",
    "",
    "elsewhere.1.1",
    "elsewhere-00000000-1.1",
    `${host}.${pid}`,
    `${host}.99999999.1.old`,
    `${host}.99999999.x`,
    `${host}.99999999.1\n`,
    `a ${host}.99999999.1`,
  ])("are not what is only named like one: %j", (name) => {
    const folder = litter(name, 1000 * HOUR);
    expect(isTemporaryFolder(path.basename(folder))).toBe(false);
    expect(sweep()).toBe(0);
    expect(sweepOwnTemporaryFolders(root)).toBe(0);
    expect(fs.readdirSync(folder)).toEqual(["0-0"]);
  });

  it("among the user's files go only if a process of this host made them that is dead", () => {
    const others = [
      `${host}.${pid}.${started}`,
      "elsewhere-00000000-1.1.1",
      `${host.replace(/-[0-9a-f]{8}-/, "-")}.99999999.1`,
    ].map((name) => litter(name, 1000 * HOUR));
    litter(`${host}.99999999.1`);
    expect(sweepOwnTemporaryFolders(root)).toBe(1);
    expect(fs.readdirSync(root).sort()).toEqual(others.map((folder) => path.basename(folder)).sort());
  });

  it("need no root to be swept", () => {
    expect(sweepTemporaryFolders(path.join(root, "none"), 0, NOW)).toBe(0);
  });
});
