/** The folder that a restore goes to, before anything is in it. */
import * as fs from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareTarget } from "../../../src/run/restore/prepare-target.ts";
import { failing, withFs } from "../../with-fs.ts";
import { World } from "../world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const prepare = (restoreIsDefault = false) => prepareTarget({ ...world.config(), restoreIsDefault });
const modeOf = () => fs.statSync(world.restored).mode & 0o7777;
const make = (mode: number) => {
  fs.mkdirSync(world.restored);
  fs.chmodSync(world.restored, mode);
};

describe("a folder that is named", () => {
  it("is made, closed while it is filled, and then as new folders are", () => {
    const reopen = prepare();
    expect(modeOf()).toBe(0o777 & ~process.umask() & 0o700);
    reopen();
    expect(modeOf()).toBe(0o777 & ~process.umask());
  });

  it("that is empty is closed meanwhile, and keeps its mode; one with files in it stays as it is", () => {
    make(0o2775);
    const reopen = prepare();
    expect(modeOf()).toBe(0o2700);
    reopen();
    expect(modeOf()).toBe(0o2775);
    fs.writeFileSync(`${world.restored}/file`, "");
    prepare();
    expect(modeOf()).toBe(0o2775);
  });

  it("is filled all the same where this user may not change its mode", async () => {
    make(0o755);
    await withFs({ chmodSync: failing("EPERM") }, async () => prepare()());
    expect(modeOf()).toBe(0o755);
  });

  it("has to be one", () => {
    fs.writeFileSync(world.restored, "");
    expect(() => prepare()).toThrow(expect.objectContaining({ side: "config", path: world.restored }));
  });
});

describe("the default folder", () => {
  it("is closed to others, whatever it was, and stays so", () => {
    prepare(true)();
    expect(modeOf()).toBe(0o700);
    fs.chmodSync(world.restored, 0o777);
    prepare(true)();
    expect(modeOf()).toBe(0o700);
  });

  it("is refused where it is a link, or somebody else's", () => {
    const refusal = expect.objectContaining({ kind: "refused", path: world.restored });
    fs.symlinkSync(world.src, world.restored);
    expect(() => prepare(true)).toThrow(refusal);
    fs.unlinkSync(world.restored);
    if (process.getuid?.() !== 0) return;
    make(0o700);
    fs.chownSync(world.restored, 12_345, 12_345);
    expect(() => prepare(true)).toThrow(refusal);
  });
});
