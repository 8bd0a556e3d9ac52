import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkLooking } from "../../src/cli/choices.ts";
import { Lines } from "../../src/cli/lines.ts";
import { type LookCommand, runLook } from "../../src/cli/looking.ts";
import { parseCommandLine } from "../../src/cli/options.ts";
import type { Config } from "../../src/config/config.ts";
import { periodField } from "../run/stored-by-hand.ts";
import { Recorder, World } from "../run/world.ts";

const zone = process.env.TZ;
let world: World;
let told: Recorder;
beforeEach(() => {
  process.env.TZ = "Europe/Berlin";
  world = new World();
  told = new Recorder();
});
afterEach(() => {
  process.env.TZ = zone;
  world.dispose();
});

const MD5 = "5ir3t0ozoelrnauhrwyu1xfgy"; // of "hello"
/** 2025-05-01T12:00:00Z. */
const NOON = 1_746_100_800;

/** Names alone: to look at them nothing has to be in them. */
function destination(...names: string[]): Config {
  for (const name of names) {
    const file = path.join(world.dest, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, "hello");
    fs.utimesSync(file, NOON + 200, NOON + 200);
  }
  return world.config({ encrypt: false, compress: false, versionsKeepDays: 30 });
}

const NAMES = [
  `a/b.txt.qgljwg.5.${MD5}.0.enc`,
  `a/b.txt.qgljwh.5.${MD5}.${periodField(NOON, NOON + 200)}.enc`,
  `gone\n.qgljwg.5.${MD5}.${periodField(NOON + 100, NOON + 200)}.enc`,
  `\u{202e}odd "name".qgljwg.5.${MD5}.0.enc`,
];

async function look(config: Config, line: string, ...moments: number[]) {
  const commandLine = (await parseCommandLine(line.split(" "))) as LookCommand;
  const texts: string[] = [];
  const lines = new Lines({ write: (text) => texts.push(text) });
  const options = {
    reporter: told,
    signal: new AbortController().signal,
    now: () => new Date((NOON + 86_400) * 1000),
  };
  const { errors } = await runLook(commandLine, moments, config, options, lines);
  lines.flush();
  return { shown: texts.join("").split("\n").slice(0, -1), errors: Object.fromEntries(errors) };
}

const shown = async (...args: Parameters<typeof look>) => (await look(...args)).shown;

describe("for people", () => {
  it("a list is aligned, and names are shown harmless", async () => {
    const config = destination(...NAMES);
    expect(await shown(config, "list")).toEqual([
      "             5  2020-09-13T14:26:40  a/b.txt",
      '             5  2020-09-13T14:26:40  \\u202eodd "name"',
    ]);
    expect(await shown(config, "list --all-versions a gone*")).toEqual([
      "             5  2020-09-13T14:26:41  5d41402a  2025-05-01T14:00:00  2025-05-01T14:03:20  a/b.txt",
      "             5  2020-09-13T14:26:40  5d41402a  2025-05-01T14:03:20  live                 a/b.txt",
      "             5  2020-09-13T14:26:40  5d41402a  2025-05-01T14:01:40  2025-05-01T14:03:20  gone\\n",
    ]);
  });

  it("a time that no calendar holds is told as a number", async () => {
    const most = Number.MAX_SAFE_INTEGER.toString(36);
    const config = destination(`far.${most}.5.${MD5}.0.enc`);
    expect(await shown(config, "list")).toEqual(["             5  @9007199254740991    far"]);
    expect(JSON.parse((await shown(config, "list --json"))[0] ?? "")).toMatchObject({
      mtime: "@9007199254740991",
    });
  });

  it("a difference has a sign", async () => {
    const config = destination(...NAMES);
    expect(await shown(config, "diff", NOON + 150)).toEqual([
      "T a/b.txt",
      "- gone\\n",
      '+ \\u202eodd "name"',
    ]);
  });
});

describe("for programs", () => {
  it("each line is an object, with the fields that are documented", async () => {
    const config = destination(...NAMES);
    const version = { size: 5, md5: "5d41402abc4b2a76b9719d911017c592" };
    const newer = { ...version, mtime: "2020-09-13T12:26:40Z" };
    const older = { ...version, mtime: "2020-09-13T12:26:41Z" };
    const objects = async (line: string, ...moments: number[]) =>
      (await shown(config, `${line} --json`, ...moments)).map((one) => JSON.parse(one));
    const life = { began: "2025-05-01T12:00:00Z", ceased: "2025-05-01T12:03:20Z" };
    expect(await objects("find *.txt")).toEqual([
      { path: "a/b.txt", ...older, live: false, ...life },
      { path: "a/b.txt", ...newer, live: true, began: "2025-05-01T12:03:20Z" },
    ]);
    expect(await objects("list --deleted gone*")).toEqual([
      { path: "gone\n", ...newer, live: false, ...life, began: "2025-05-01T12:01:40Z" },
    ]);
    expect(await objects("diff a", NOON, NOON + 200)).toEqual([
      { path: "a/b.txt", kind: "touched", before: older, after: newer },
    ]);
  });

  it("a byte that is not UTF-8 is the escape of a lone surrogate", async () => {
    const config = destination();
    fs.mkdirSync(world.dest);
    fs.writeFileSync(Buffer.from(`${world.dest}/\xe9.qgljwg.5.${MD5}.0.enc`, "latin1"), "hello");
    const [line = ""] = await shown(config, "list --json");
    expect(line).toContain('"path":"\\udce9"');
  });
});

describe("a path that nothing is found for", () => {
  it.each([
    ["list nothing", "nothing"],
    ["list a gone*", "gone*"], // deleted
    ["stats x/*", "x/*"],
    ["diff y", "y"],
  ])("is an error: %s", async (line, missing) => {
    const { errors } = await look(destination(...NAMES), line, ...(line.startsWith("diff") ? [NOON] : []));
    expect(errors).toEqual({ failed: 1 });
    expect(told.errors).toMatchObject([{ path: missing, code: "ENOMATCH", side: "destination" }]);
  });

  it("is none where there is something", async () => {
    const config = destination(...NAMES);
    for (const line of ["list a/b.txt --at 1d", "list --deleted gone*", "find nothing", "stats a gone*"]) {
      const moments = line.includes("--at") ? [NOON] : [];
      expect((await look(config, line, ...moments)).errors).toEqual({});
    }
    expect(told.errors).toEqual([]);
  });
});

describe("flags that would say nothing", () => {
  it.each([
    ["diff", /--at, once or twice, or --source/],
    ["diff --source --at 1d --at 2d", /once at most/],
    ["diff --at 1d --checksum", /--checksum belongs to --source/],
    ["list --source --at 1d", /exclude/],
    ["list --source --deleted", /exclude/],
    ["list --explain x --all-versions", /exclude/],
    ["list --explain x y", /one path/],
    ["list --at 1d --deleted", /exclude each other/],
  ])("are refused: %s", async (line, message) => {
    const commandLine = (await parseCommandLine(line.split(" "))) as LookCommand;
    expect(() => checkLooking(commandLine)).toThrow(message);
  });

  it.each([
    "diff --source --checksum --at 1d",
    "diff --at 1d",
    "list --all-versions --at 1d",
    "list --explain x",
  ])("others are not: %s", async (line) => {
    checkLooking((await parseCommandLine(line.split(" "))) as LookCommand);
  });
});
