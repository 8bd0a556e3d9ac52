import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { errorCode } from "../../../src/errors.ts";
import { isClosed, settleUnrecorded } from "../../../src/run/target/unrecorded-files.ts";
import { Recorder } from "../world.ts";

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "unrecorded-"));
});
afterEach(() => fs.rmSync(root, { recursive: true }));

const make = (...names: string[]) => {
  for (const name of names) fs.writeFileSync(path.join(root, name), name, { mode: 0o644 });
};
const modes = () => {
  const modeOf = (name: string) => fs.statSync(path.join(root, name)).mode & 0o777;
  return Object.fromEntries(fs.readdirSync(root).map((name) => [name, modeOf(name)]));
};

/** @returns what was told, and of which files it failed. */
function settle(made: readonly string[], fitting: readonly string[] = [], isRecorded = true) {
  const reporter = new Recorder();
  const failed: [string, unknown][] = [];
  settleUnrecorded(made, fitting, {
    root,
    reporter,
    isRecorded: (file) => isRecorded && !file.startsWith("bucket"),
    onFailure: (error, file) => failed.push([file, errorCode(error)]),
  });
  return { warned: reporter.warnings.map((text) => text.split(":")[0]), failed };
}

it("a file of unknown mode is its owner's alone, where any were recorded; those that have theirs keep them", () => {
  make("a", "b", "c", "d", "bucket");
  const files = openFiles();
  expect(settle(["d", "bucket", "b", "a"], ["c", "b", "ab", "aa"])).toEqual({
    warned: ["a", "d"],
    failed: [],
  });
  const usual = 0o666 & ~process.umask();
  expect(modes()).toEqual({ a: 0o600, b: 0o644, bucket: usual, c: 0o644, d: 0o600 });
  expect(openFiles()).toBe(files);
});

it("one that cannot get its mode is told of, and the others get theirs", () => {
  make("a", "c");
  expect(settle(["a", "b", "c"])).toEqual({ warned: ["a", "c"], failed: [["b", "ENOENT"]] });
  expect(modes()).toEqual({ a: 0o600, c: 0o600 });
});

it("what took a file's place is left alone, and what a link leads to", () => {
  make("other");
  fs.symlinkSync("other", path.join(root, "link"));
  fs.mkdirSync(path.join(root, "folder"), { mode: 0o755 });
  execFileSync("mkfifo", ["-m", "644", path.join(root, "pipe")]);
  const before = modes();
  expect(settle(["folder", "link", "pipe"])).toEqual({ warned: [], failed: [] });
  expect(modes()).toEqual(before);
});

it("a folder is closed that nobody but its owner gets into", () => {
  for (const [mode, expected] of [
    [0o700, true],
    [0o710, false],
    [0o701, false],
    [0o740, false],
  ] as const) {
    fs.chmodSync(root, mode);
    expect(isClosed(root)).toBe(expected);
  }
});

function openFiles(): number {
  return fs.readdirSync("/proc/self/fd").length;
}
