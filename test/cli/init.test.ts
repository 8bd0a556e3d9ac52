import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type InitAnswers, initialize } from "../../src/cli/init.ts";
import type { Questions } from "../../src/cli/questions.ts";
import { loadConfig } from "../../src/config/load.ts";
import { COMMAND } from "../built.ts";
import { atTerminal, hasTerminals } from "./terminal.ts";

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "backup-init-"));
  fs.mkdirSync(path.join(folder, "src"));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

const FLAGS: InitAnswers = { config: undefined, src: "src", dest: "dest", passwordFile: "password" };
const NOTHING: InitAnswers = { config: undefined, src: undefined, dest: undefined, passwordFile: undefined };
const init = (answers: Partial<InitAnswers> = {}, questions?: Questions) =>
  initialize({ ...FLAGS, ...answers }, questions, folder);
const at = (name: string) => path.join(folder, name);
const modeOf = (name: string) => fs.statSync(at(name)).mode & 0o777;
const load = async (name = "config.json") =>
  (await loadConfig({ file: at(name), env: {}, cwd: folder, mode: "backup", tmpdir: folder })).config;

/** Somebody who answers in this order. */
function answering(...answers: string[]): Questions {
  const next = async () => {
    const answer = answers.shift();
    if (answer === undefined) throw new Error("asked too often");
    return answer;
  };
  return { ask: next, askSecret: next, close: () => {} };
}

describe("init", () => {
  it("writes a sound configuration, which nobody else can read", async () => {
    const told = await init();
    expect(told.join("\n")).toMatch(/backup plan/);
    expect([modeOf("config.json"), modeOf("password")]).toEqual([0o600, 0o600]);
    expect(fs.readFileSync(at("password"), "utf8")).toMatch(/^[a-z2-9]{32}\n$/);
    const config = await load();
    expect(config).toMatchObject({
      src: { kind: "local", path: at("src") },
      dest: { kind: "local", path: at("dest") },
      container: "segmented",
      metadata: true,
      versionsKeepDays: 30,
      encrypt: true,
      exclusions: { caches: true },
    });
    expect(config.salt).toHaveLength(16);
    expect(config.password).toHaveLength(32);
    expect(told.join("\n")).not.toContain(config.password);
  });

  it("takes the password of a file that is there, and leaves the salt out where a backup is there", async () => {
    fs.writeFileSync(at("password"), "of my own\n", { mode: 0o600 });
    fs.mkdirSync(at("dest"));
    fs.writeFileSync(at("dest/something"), "");
    await init();
    const config = await load();
    expect(config.password).toBe("of my own");
    expect(config.salt).toBeUndefined();
  });

  it("asks for what is missing, and for the password twice", async () => {
    await init(NOTHING, answering("src", "s3://bucket/some/where/", "secret", "secret"));
    expect(await load()).toMatchObject({
      dest: { kind: "s3", bucket: "bucket", basePath: "some/where" },
      password: "secret",
    });
    expect(modeOf("backup-password")).toBe(0o600);
    await init({ ...NOTHING, config: "other/config.json" }, answering("src", "dest", "", "")).catch(() => {});
    fs.mkdirSync(at("other"));
    await init({ ...NOTHING, config: "other/config.json" }, answering("src", "dest", ""));
    expect((await load("other/config.json")).password).toHaveLength(32);
  });

  it.each<[string, Partial<InitAnswers>, string[], RegExp]>([
    ["a configuration that is there", { config: "there.json" }, [], /is not replaced/],
    ["a source that is not there", { src: "none" }, [], /is no folder/],
    ["a destination that is the source", { dest: "src" }, [], /the same place/],
    ["passwords that differ", { passwordFile: undefined }, ["one", "two"], /not the same/],
    ["no answer", { src: undefined }, [""], /no answer/],
  ])("refuses %s, and leaves nothing behind", async (_, answers, given, message) => {
    fs.writeFileSync(at("there.json"), "{}");
    const before = fs.readdirSync(folder);
    await expect(init(answers, answering(...given))).rejects.toThrow(message);
    expect(fs.readdirSync(folder)).toEqual(before);
  });

  it.each(["src", "dest", "passwordFile"] as const)("without a terminal needs %s", async (name) => {
    await expect(init({ [name]: undefined })).rejects.toMatchObject({ kind: "config" });
  });

  it.each(["s3://", "s3:///x", "S3://bucket", "s3:bucket", "https://host/bucket"])(
    "does not take the address %s for the name of a folder",
    async (dest) => {
      await expect(init({ dest })).rejects.toMatchObject({ kind: "config", path: dest });
      expect(fs.readdirSync(folder)).toEqual(["src"]);
    },
  );

  it("does not take a file for a destination", async () => {
    fs.writeFileSync(at("dest"), "");
    await expect(init()).rejects.toThrow(/is no folder: nothing can be stored there/);
  });

  it("leaves nothing where the disk is full: the next one would take an empty password file as it is", () => {
    const args = [COMMAND, "init", "--src", "src", "--dest", "dest", "--password-file", "password"];
    const full = spawnSync("sh", ["-c", 'ulimit -f 0 && exec "$@"', "sh", process.execPath, ...args], {
      cwd: folder,
      env: { PATH: process.env.PATH },
      encoding: "utf8",
    });
    expect(full).toMatchObject({ status: 2, stderr: expect.stringMatching(/cannot be written \(EFBIG\)/) });
    expect(fs.readdirSync(folder)).toEqual(["src"]);
  });

  it("writes the configuration where the other commands look for it", () => {
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [COMMAND, ...args], {
        cwd: folder,
        env: { PATH: process.env.PATH, BACKUP_CONFIG: "mine.json" },
        encoding: "utf8",
      });
    const made = run("init", "--src", "src", "--dest", "dest", "--password-file", "password");
    expect(made).toMatchObject({ status: 0, stderr: "" });
    expect(fs.readdirSync(folder).sort()).toEqual(["mine.json", "password", "src"]);
    expect(run("plan")).toMatchObject({ status: 0, stderr: "" });
  });

  it.skipIf(!hasTerminals)("does not show at a terminal what is typed as a password", async () => {
    const { code, output } = await atTerminal(
      folder,
      ["init"],
      [
        ["backed up", "src\n"],
        ["Where to", "dest\n"],
        ["Password", "hidden words\n"],
        ["again", "hidden words\n"],
      ],
    );
    expect(output).toContain("Next: backup plan");
    expect(code).toBe(0);
    expect(output).not.toContain("hidden");
    expect((await load()).password).toBe("hidden words");
  });

  it.skipIf(!hasTerminals)("writes nothing for somebody who goes away instead of answering", async () => {
    // Both were internal errors.
    const left = await atTerminal(folder, ["init"], [["backed up", "\x03"]]);
    expect(left.code).toBe(130);
    expect(left.output).not.toContain("internal");
    const ended = await atTerminal(
      folder,
      ["init", "--src", "src", "--dest", "dest"],
      [["Password", "\x04"]],
    );
    expect(ended.output).toContain("error: config: there was no answer");
    expect(ended.code).toBe(2);
    expect(fs.readdirSync(folder)).toEqual(["src"]);
  });
});
