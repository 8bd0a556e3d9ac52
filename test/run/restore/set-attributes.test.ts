/** Owners, attributes, modes and times of what a restore has made: which are set, in which order, and what goes on when one is not. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ExactTimes } from "../../../src/metadata/exact-times.ts";
import type { Attributes } from "../../../src/metadata/manifest.ts";
import { MetadataReport } from "../../../src/run/restore/metadata-report.ts";
import { AttributeSetter, type Target } from "../../../src/run/restore/set-attributes.ts";
import { Tally } from "../../../src/run/tally.ts";
import { RestoredTree } from "../../../src/run/target/restored-tree.ts";
import { failing, withFs } from "../../with-fs.ts";
import { Recorder, T0, World } from "../world.ts";

const isRoot = process.getuid?.() === 0;
const hasTools = spawnSync("setfattr", ["--version"]).status === 0;

let world: World;
let told: Recorder;
let report: MetadataReport;
beforeEach(() => {
  world = new World();
  told = new Recorder();
  fs.mkdirSync(world.restored);
  const { signal } = new AbortController();
  report = new MetadataReport({ root: world.restored, tally: new Tally(told), reporter: told, signal });
});
afterEach(() => world.dispose());

const at = (name: string) => path.join(world.restored, name);
const modeOf = (name: string) => fs.statSync(at(name)).mode & 0o7777;
const ownerOf = (name: string) => [fs.statSync(at(name)).uid, fs.statSync(at(name)).gid];
const notes = () => {
  report.tell();
  return told.infos.slice(1);
};

function setterWith(settings: { owner?: boolean; setid?: boolean }): AttributeSetter {
  const root = world.restored;
  return new AttributeSetter(
    { root, owner: true, setid: false, ...settings },
    new RestoredTree(root),
    report,
  );
}

/** Makes a file that is to get these attributes, by default those that it has. */
function made(setter: AttributeSetter, name: string, mode: number, wanted: Partial<Attributes>): Target {
  fs.writeFileSync(at(name), "");
  fs.chmodSync(at(name), mode);
  fs.utimesSync(at(name), T0, T0);
  const [uid = 0, gid = 0] = ownerOf(name);
  const attributes = { mode, uid, gid, seconds: T0, nanoseconds: 0, xattrs: {}, ...wanted };
  const stat = fs.lstatSync(at(name), { bigint: true });
  return setter.targetOf(name, attributes, stat, { users: {}, groups: {} });
}

describe.runIf(isRoot && hasTools)("owners", () => {
  it("are set where one of the two differs, and only where that is wanted", () => {
    const setter = setterWith({});
    const targets = [
      made(setter, "user", 0o644, { uid: 12_345 }),
      made(setter, "group", 0o644, { gid: 12_345 }),
    ];
    setterWith({ owner: false }).setOwnersAndXattrs(targets);
    expect([ownerOf("user"), ownerOf("group")]).toEqual([
      [0, 0],
      [0, 0],
    ]);
    setter.setOwnersAndXattrs(targets);
    expect([ownerOf("user"), ownerOf("group")]).toEqual([
      [12_345, 0],
      [0, 12_345],
    ]);
  });

  it("drop a setuid bit that was there before, which is set again, and file capabilities, which come after them", () => {
    const setter = setterWith({ setid: true });
    const capability = Buffer.from("0100000200040000000000000000000000000000", "hex").toString("base64");
    const targets = [
      made(setter, "setuid", 0o4755, { uid: 12_345 }),
      made(setter, "capable", 0o755, { uid: 12_345, xattrs: { "security.capability": capability } }),
    ];
    setter.setOwnersAndXattrs(targets);
    setter.setModes(targets);
    expect(modeOf("setuid")).toBe(0o4755);
    const shown = spawnSync("getfattr", ["-n", "security.capability", "-e", "base64", at("capable")]);
    expect(shown.stdout.toString()).toContain(capability);
    expect(told.errors).toEqual([]);
  });
});

describe("setuid and setgid bits", () => {
  it.each([
    ["4755", "755", "755", 1],
    ["2755", "755", "755", 1],
    ["6755", "4755", "4755", 1],
    ["4755", "4755", "4755", 0],
    ["755", "4755", "755", 0],
  ])(
    "of %s, where there is %s, are %s without --setid, with so many notes: %i",
    (wanted, before, after, count) => {
      const setter = setterWith({});
      const mode = Number.parseInt(wanted, 8);
      setter.setModes([made(setter, "a", Number.parseInt(before, 8), { mode })]);
      expect(modeOf("a").toString(8)).toBe(after);
      expect(notes()).toHaveLength(count);
    },
  );
});

it("what fails for one file is told of, and the others get theirs", async () => {
  const setter = setterWith({});
  const wanted = { uid: 12_345, mode: 0o600, nanoseconds: 5 };
  const targets = ["a", "b"].map((name) => made(setter, name, 0o644, wanted));
  const owned: string[] = [];
  const { chmodSync } = fs;
  const of =
    (does: (file: string, ...rest: number[]) => void) =>
    (file: string, ...rest: number[]) =>
      file === at("a") ? failing("EPERM")() : does(file, ...rest);
  const lchownSync = of((file) => owned.push(path.basename(file)));
  const faults = { lchownSync, chmodSync: of((file, mode) => chmodSync(file, mode as number)) };
  await withFs(faults, async () => {
    setter.setOwnersAndXattrs(targets);
    setter.setModes(targets);
  });
  const times: string[] = [];
  const set = async (file: string) => (file === "a" ? failing("EPERM")() : times.push(file));
  await setter.setTimes(targets, { set } as unknown as ExactTimes);
  expect([owned, modeOf("b"), times]).toEqual([["b"], 0o600, ["b"]]);
  const failed = { path: "a", code: "EPERM", side: "restore" };
  expect(told.errors).toEqual([failed, failed, failed].map((error) => expect.objectContaining(error)));
});

it.runIf(hasTools)("what setfattr complains of is a failure", () => {
  const setter = setterWith({});
  // An ACL that is none.
  const xattrs = { "system.posix_acl_access": Buffer.from("nonsense").toString("base64") };
  setter.setOwnersAndXattrs([made(setter, "a", 0o644, { xattrs })]);
  expect(told.errors).toEqual([expect.objectContaining({ side: "restore" })]);
});

it.runIf(hasTools)("no attribute is set that no backup records", () => {
  const setter = setterWith({ setid: true });
  const value = Buffer.from("x").toString("base64");
  const names = ["security.other", "system.other", "other", "user.one"];
  setter.setOwnersAndXattrs([
    made(setter, "a", 0o644, { xattrs: Object.fromEntries(names.map((name) => [name, value])) }),
  ]);
  const shown = spawnSync("getfattr", ["-m", "^(user|security\\.other|system)", at("a")]).stdout.toString();
  expect(shown.split("\n").filter((line) => line !== "" && !line.startsWith("#"))).toEqual(["user.one"]);
  expect(told.errors).toEqual([]);
});
