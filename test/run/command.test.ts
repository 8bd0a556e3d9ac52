/** The command from end to end: what it says where, and the code it exits with. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { COMMAND } from "../built.ts";
import { configure, PASSWORD, start } from "./command.ts";
import { makeUnreadable } from "./defects/unreadable.ts";
import { treeOf, World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

/** Runs the command; its secret must never show. */
async function run(config: string, ...args: string[]) {
  const { code, output, errors } = await start(config, ...args).ended;
  expect(output + errors).not.toContain(PASSWORD);
  return { code, output, errors, errorLines: errors.split("\n").filter((line) => line !== "") };
}

describe("exit codes and standard error", () => {
  it.each([
    ["22.19.9", 2],
    ["22.20.0", 0],
    ["23.11.0", 2],
    ["24.0.0", 0],
  ])("with Node %s: %i", (node, code) => {
    const versions = `Object.defineProperty(process, "versions", { value: { node: "${node}" } })`;
    const pretending = ["--import", `data:text/javascript,${encodeURIComponent(versions)}`];
    const { status, stderr } = spawnSync(process.execPath, [...pretending, COMMAND, "--version"]);
    expect([status, stderr.includes("needs Node 22.20 or later, or 24")]).toEqual([code, code === 2]);
  });

  it("0 and silence: backing up, verifying, restoring, and once more", async () => {
    world.write("folder/file", "content");
    const config = configure(world);
    const first = await run(config);
    expect(first).toMatchObject({ code: 0, errors: "" });
    expect(first.output).toMatch(/encrypt yes \(aes\), compress yes/);
    expect(first.output).toMatch(/\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\] new folder\/file\n/);
    expect(first.output).toMatch(/\] Done!\n/);
    expect(await run(config, "--verify")).toMatchObject({
      code: 0,
      errors: "",
      output: expect.stringMatching(/OK folder\/file\n/),
    });
    expect(await run(config, "--restore")).toMatchObject({ code: 0, errors: "" });
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    const again = await run(config);
    expect(again).toMatchObject({ code: 0, errors: "" });
    expect(again.output).not.toContain("folder/file");
  });

  it("0, and names of files are those at the source, where they are kept out of the way of manifests", async () => {
    const name = "folder/.backup-meta.0.0";
    world.write(name, "one");
    world.write("file", "content");
    const config = configure(world, undefined, { container: "segmented" });
    expect((await run(config, "run", "--json")).output).toContain(`"new","path":"${name}"`);
    expect((await run(config, "restore")).output).toContain(`restored ${name}\n`);
    world.remove(name);
    expect((await run(config)).output).toContain(`deleted ${name} (marked)`);
  });

  it("1: some files failed, each named in one line; the others are done", async () => {
    world.write("good", "content");
    world.write("bad", "content");
    makeUnreadable(path.join(world.src, "bad"));
    const { code, errorLines, output } = await run(configure(world));
    expect(code).toBe(1);
    expect(errorLines).toEqual([expect.stringMatching(/^error: source: bad: cannot be read \(EACCES\)/)]);
    expect(output).toContain("new good");
    expect(output).toContain("Done, with 1 error");
  });

  it("2: the configuration or the command line is wrong, and nothing is touched", async () => {
    world.write("file", "content");
    const unknown = configure(world, undefined, { encryption_pasword: "x" });
    const typo = await run(unknown);
    expect(typo.code).toBe(2);
    expect(typo.errors).toContain("encryption_password");
    const config = configure(world);
    for (const args of [
      ["--restore-only", "x"],
      ["--restore-deleted"],
      ["--verify", "--restore"],
      ["--no-such"],
    ]) {
      expect(await run(config, ...args)).toMatchObject({ code: 2, output: "" });
    }
    expect(fs.existsSync(world.dest)).toBe(false);
  });

  it("3: damage is found; every damaged file is named, and nothing else", async () => {
    for (const name of ["a", "b", "c"]) world.write(name, `content ${name}`);
    const config = configure(world);
    await run(config);
    const [a = "", , c = ""] = world.stored();
    for (const name of [a, c]) {
      const bytes = fs.readFileSync(path.join(world.dest, name));
      bytes[20] = (bytes[20] ?? 0) ^ 4;
      fs.writeFileSync(path.join(world.dest, name), bytes);
    }
    const { code, errorLines, output } = await run(config, "--verify");
    expect(code).toBe(3);
    expect(errorLines.map((line) => line.slice(0, 17)).sort()).toEqual([
      "error: crypto: a:",
      "error: crypto: c:",
    ]);
    expect(output).toContain("OK b");
  });

  it("4: the password opens nothing", async () => {
    world.write("file", "content");
    await run(configure(world));
    const before = world.stored();
    world.write("another", "content");
    const config = configure(world, undefined, { encryption_password: "another password" });
    for (const args of [[], ["--verify"], ["--restore"]]) {
      const { code, errorLines } = await run(config, ...args);
      expect(code).toBe(4);
      expect(errorLines).toHaveLength(1);
    }
    expect(world.stored()).toEqual(before);
  });

  it("5: a guard refuses, and says with which flag it would go on", async () => {
    for (let i = 0; i < 12; i++) world.write(`file ${i}`, `content ${i}`);
    const config = configure(world);
    await run(config);
    fs.rmSync(world.src, { recursive: true });
    expect(await run(config)).toMatchObject({ code: 5 });
    fs.mkdirSync(world.src);
    const refused = await run(config);
    expect(refused.code).toBe(5);
    expect(refused.errors).toContain("--allow-mass-delete");
    expect(world.stored().every((name) => name.endsWith(".0.enc"))).toBe(true);
    expect(await run(config, "--allow-mass-delete")).toMatchObject({ code: 0, errors: "" });
    expect(world.stored().every((name) => !name.endsWith(".0.enc"))).toBe(true);
  });
});

it("raw names went to the log, newlines and terminal escapes included: now they are escaped", async () => {
  world.write("two\nlines [2026-01-01T00:00:00] forged", "content");
  world.write("\x1b[2Jcleared", "content");
  makeUnreadable(path.join(world.src, "\x1b[2Jcleared"));
  const { output, errors } = await run(configure(world));
  expect(output).toContain("new two\\nlines");
  expect(errors).toContain("\\x1b[2Jcleared");
  expect(output + errors).not.toContain("\x1b");
  for (const line of (output + errors).trimEnd().split("\n")) expect(line).toMatch(/^(\[\d{4}-|error: )/);
});

it("the environment alone is enough, and is laid over the file key by key", async () => {
  world.write("keep/file", "content");
  world.write("tmp/file", "content");
  const config = configure(world);
  const spawned = (env: Record<string, string>, ...args: string[]) =>
    spawnSync(process.execPath, [COMMAND, ...args], {
      cwd: world.at("restored-from"),
      env: { PATH: process.env.PATH, ...env },
      encoding: "utf8",
    });
  fs.mkdirSync(world.at("restored-from"));
  const alone = spawned({
    SRC_LOCAL_PATH: world.src,
    DEST_LOCAL_PATH: world.dest,
    ENCRYPTION_PASSWORD: PASSWORD,
    IGNORE_REGEX: "^tmp/",
  });
  expect(alone).toMatchObject({ status: 0, stderr: "" });
  expect(world.stored().map((name) => name.split(".")[0])).toEqual(["keep/file"]);
  const known = { DEST_LOCAL_PATH: world.dest, ENCRYPTION_PASSWORD: PASSWORD };
  const nowhere = spawned({ ...known, TMPDIR: world.root }, "restore");
  const place = path.join(world.root, "encrypted_s3_backup_restore");
  expect(nowhere.stdout).toContain(`To ${place}, since neither the settings nor --to say where\n`);
  expect(treeOf(place)).toEqual({ "keep/file": expect.anything() });
  // A stray variable does not put the file aside.
  const over = spawned({ COMPRESS: "1" }, "--config", config);
  expect(over).toMatchObject({ status: 0, stderr: "" });
  expect(world.stored()).toHaveLength(2);
});

describe("in a folder that was removed meanwhile", () => {
  function runThere(...args: string[]) {
    const gone = world.at("gone");
    fs.mkdirSync(gone);
    const script = 'cd "$0" && rmdir "$0" && exec "$@"';
    return spawnSync("sh", ["-c", script, gone, process.execPath, COMMAND, ...args], {
      env: { PATH: process.env.PATH },
      encoding: "utf8",
    });
  }

  it("everything ended with an internal error: absolute paths are enough", () => {
    world.write("file", "content");
    const config = configure(world);
    for (const words of [["run"], ["verify"], ["restore"], ["restore", "--in-place", "--yes"], ["list"]]) {
      expect(runThere(...words, "--config", config), words.join(" ")).toMatchObject({
        status: 0,
        stderr: "",
      });
    }
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    const object = path.join(world.dest, world.stored()[0] ?? "");
    expect(runThere("decrypt", object, "--config", config)).toMatchObject({ status: 0, stdout: "content" });
  });

  it("a relative path is an error of the configuration, and is taken from nowhere else", () => {
    world.write("file", "content");
    const config = configure(world);
    const message = expect.stringMatching(/^error: config: tmp: is a relative path, and .*\n$/);
    const refused = { status: 2, stderr: message };
    for (const words of [
      ["restore", "--to", "tmp"],
      ["decrypt", "tmp"],
      ["decrypt", world.src, "-o", "tmp"],
    ]) {
      expect(runThere(...words, "--config", config), words.join(" ")).toMatchObject(refused);
    }
    expect(runThere("--config", "tmp")).toMatchObject(refused);
    expect(runThere("--config", configure(world, { local_path: "tmp" }))).toMatchObject(refused);
    const both = { src: { local_path: "tmp" } };
    expect(runThere("--config", configure(world, undefined, both))).toMatchObject(refused);
    const words = ["init", "--src", "tmp", "--dest", world.dest, "--password-file", world.at("password")];
    expect(runThere(...words, "--config", world.at("new.json"))).toMatchObject(refused);
  });
});
