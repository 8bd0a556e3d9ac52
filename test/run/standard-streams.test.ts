/** Standard output and standard error that cannot be written: by real processes, onto a full disk and into a closed pipe. */
import { execFileSync, spawn } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { COMMAND } from "../built.ts";
import { configure } from "./command.ts";
import { makeUnreadable } from "./defects/unreadable.ts";
import { treeOf, World } from "./world.ts";

/** Every write to it fails with ENOSPC. */
const FULL = "/dev/full";
const LOST =
  /^error: output: standard output could not be written \(ENOSPC\): not all that was said is there \(free some space.*\)\n$/;
const SHOWING = [
  ["list"],
  ["list", "--json"],
  ["find", "*"],
  ["stats"],
  ["diff", "--at", "1d"],
  ["cat", "large"],
  ["plan"],
] as const;

let world: World;
let config: string;
beforeEach(() => {
  world = new World();
  world.write("folder/file", "content");
  world.write("large", Buffer.alloc(1_000_000, 1));
  config = configure(world);
});
afterEach(() => world.dispose());

/** `closed`: a pipe that nobody reads from the start; `file`: what is written is in the result. */
type Place = "full" | "closed" | "file";

interface Ended {
  readonly code: number | null;
  readonly errors: string;
}

async function run(out: Place, err: Place, ...args: string[]): Promise<Ended> {
  const errorFile = world.at("errors");
  const fds: number[] = [];
  const placeOf = (place: Place, file: string) => {
    if (place === "closed") return "pipe" as const;
    fds.push(fs.openSync(place === "full" ? FULL : file, "w"));
    return fds.at(-1);
  };
  const stdio = ["ignore" as const, placeOf(out, world.at("output")), placeOf(err, errorFile)];
  const child = spawn(process.execPath, [COMMAND, ...args], {
    cwd: world.root,
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
    stdio,
  });
  for (const fd of fds) fs.closeSync(fd);
  child.stdout?.destroy();
  child.stderr?.destroy();
  const code = await new Promise<number | null>((resolve) => child.on("exit", resolve));
  return { code, errors: err === "file" ? fs.readFileSync(errorFile, "utf8") : "" };
}

const of = (...args: string[]) => [...args, "--config", config];

describe.skipIf(!fs.existsSync(FULL))("a full disk under standard output", () => {
  it("ended a backup with a stack trace, before anything was stored: all is stored, and the exit code is 1", async () => {
    expect(await run("full", "file", ...of("run"))).toEqual({ code: 1, errors: expect.stringMatching(LOST) });
    expect(world.stored()).toHaveLength(2);
    expect(await run("full", "file", ...of("verify"))).toEqual({
      code: 1,
      errors: expect.stringMatching(LOST),
    });
    expect(await run("full", "file", ...of("restore"))).toEqual({
      code: 1,
      errors: expect.stringMatching(LOST),
    });
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });

  it("was taken for success by what shows something: it is an error, in one line", async () => {
    await run("file", "file", ...of("run"));
    for (const args of [
      ...SHOWING.map((words) => of(...words)),
      ["--version"],
      ["--help"],
      ["generate-salt"],
    ]) {
      expect(await run("full", "file", ...args), args.join(" ")).toEqual({
        code: 1,
        errors: expect.stringMatching(LOST),
      });
    }
    const [object = ""] = world.stored();
    expect(await run("full", "file", ...of("decrypt", path.join(world.dest, object)))).toEqual({
      code: 1,
      errors: expect.stringMatching(LOST),
    });
  }, 60_000);

  it("leaves the exit code of a worse failure as it is", async () => {
    await run("file", "file", ...of("run"));
    const other = configure(world, undefined, { encryption_password: "another password" });
    expect(await run("full", "file", "verify", "--config", other)).toMatchObject({ code: 4 });
  });

  it("ended a run under standard error, at the first thing to report: the exit code tells", async () => {
    makeUnreadable(path.join(world.src, "large"));
    expect(await run("file", "full", ...of("run"))).toMatchObject({ code: 1 });
    expect(world.stored()).toHaveLength(1);
    expect(fs.readFileSync(world.at("output"), "utf8")).toContain("Done, with 1 error");
    expect(await run("full", "full", ...of("verify"))).toMatchObject({ code: 1 });
  });
});

it("a disk that takes only a part of the last write loses nothing in silence", async () => {
  await run("file", "file", ...of("run"));
  const errorFile = world.at("limited-errors");
  const command = `ulimit -f 1; exec "$0" "$@" >${world.at("limited")} 2>${errorFile}`;
  const args = ["-c", command, process.execPath, COMMAND, ...of("cat", "large")];
  expect(() => execFileSync("sh", args, { env: { PATH: process.env.PATH } })).toThrow();
  expect(fs.readFileSync(errorFile, "utf8")).toMatch(/^error: output: .* \(EFBIG\)/);
  const help = ["-c", command, process.execPath, COMMAND, "--help"];
  expect(() => execFileSync("sh", help, { env: { PATH: process.env.PATH } })).toThrow();
});

describe("a pipe that nobody reads", () => {
  it("ended a run midway: it goes on, quietly", async () => {
    expect(await run("closed", "file", ...of("run"))).toEqual({ code: 0, errors: "" });
    expect(world.stored()).toHaveLength(2);
    expect(await run("closed", "file", ...of("verify"))).toEqual({ code: 0, errors: "" });
    fs.mkdirSync(world.restored, { mode: 0o755 });
    expect(await run("closed", "file", ...of("restore"))).toEqual({ code: 0, errors: "" });
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    expect(fs.statSync(world.restored).mode & 0o777).toBe(0o755);
  });

  it("ends what only shows something, and is no failure", async () => {
    await run("file", "file", ...of("run"));
    for (const words of SHOWING) {
      expect(await run("closed", "file", ...of(...words)), words.join(" ")).toEqual({ code: 0, errors: "" });
    }
  }, 60_000);

  it("does not hide another failure, nor does standard error without a reader", async () => {
    await run("file", "file", ...of("run"));
    expect(await run("closed", "closed", ...of("verify", "absent"))).toMatchObject({ code: 1 });
  });
});
