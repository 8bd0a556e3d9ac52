import { beforeEach, describe, expect, it } from "vitest";
import { dateOrLive } from "../../../src/names/stamp.ts";
import { formatStoredName } from "../../../src/names/stored-name.ts";
import type { Version } from "../../../src/plan/group.ts";
import { Retirements } from "../../../src/run/history/retirements.ts";
import { versionOf } from "../../plan/worlds.ts";
import { lastPhase } from "../recorded-storage.ts";

const marked = (version: Version) => ({ ...version, stamp: dateOrLive(20261120) });
const markedKey = (version: Version) => formatStoredName(marked(version));
const [a, b, c, d] = ["a", "b", "c", "d"].map((path) => versionOf(path)) as [
  Version,
  Version,
  Version,
  Version,
];
const size = 5;
const THERE = { size, modified: 0 };

let phase: ReturnType<typeof lastPhase>;
let retirements: Retirements;
beforeEach(() => {
  phase = lastPhase();
  retirements = new Retirements();
});
const carryOut = async (dryRun = false) => {
  await retirements.carryOut({ ...phase.context, dryRun });
  retirements.close();
  return phase.storage.calls;
};

it("removes doubles, then renames, then removes the rest, each made durable before the next", async () => {
  phase.storage.objects.set("new", THERE);
  retirements.remove({ version: a, successor: { key: "new", size }, why: "replaced" });
  retirements.remove({ version: d, why: "expired" });
  retirements.rename({ version: b, to: marked(b), why: "deleted", surplus: [] });
  retirements.removeFirst({ version: c, successor: { key: "new" }, why: "surplus" });
  expect(await carryOut()).toEqual([
    "look at new",
    `remove ${c.key}`,
    "flush",
    `rename ${b.key} ${markedKey(b)}`,
    "flush",
    "look at new",
    `remove ${a.key} ${d.key}`,
    "flush",
  ]);
  expect(phase.outcomes()).toEqual({ deleted: 1, expired: 1 });
  expect(phase.told.files).toEqual(["deleted b", "expired d"]);
});

it("removes nothing in favour of itself", async () => {
  for (const successor of [{ key: a.key }]) {
    retirements.remove({ version: a, successor, why: "surplus" });
    retirements.removeFirst({ version: a, successor, why: "surplus" });
  }
  expect(await carryOut()).toEqual(["flush", "flush"]);
});

it("removes nothing whose successor is not there, or another, or cannot be looked at", async () => {
  phase.storage.objects.set("other", { ...THERE, size: size + 1 });
  phase.storage.failing.set("odd", "EIO");
  for (const [version, key] of [
    [a, "none"],
    [b, "other"],
    [c, "odd"],
  ] as const)
    retirements.remove({ version, successor: { key, size }, why: "replaced" });
  retirements.remove({ version: d, successor: { key: "other" }, why: "replaced" });
  expect((await carryOut()).filter((call) => call.startsWith("remove"))).toEqual([`remove ${d.key}`]);
  const stays = "the version in its place is not there any more, so this one stays";
  expect(phase.told.warnings).toEqual([`a: ${stays}`, `b: ${stays}`]);
  expect(phase.told.errors).toMatchObject([{ path: "c", code: "EIO" }]);
});

it("tells of removals that fail, and counts them as nothing else", async () => {
  phase.storage.failing.set(a.key, "EACCES");
  for (const version of [a, b]) retirements.remove({ version, why: "deleted" });
  retirements.remove({ version: c, why: "replaced" });
  retirements.remove({ version: d, why: "outdated metadata" });
  await carryOut();
  expect(phase.told.errors).toMatchObject([{ path: "a", code: "EACCES" }]);
  expect(phase.told.files).toEqual(["deleted b"]);
  expect(phase.outcomes()).toEqual({ deleted: 1 });
});

describe("a renaming", () => {
  const rename = (version: Version, why: "deleted" | "touched" | "outdated metadata" = "deleted") =>
    retirements.rename({ version, to: marked(version), why, surplus: [d] });

  it("takes with it what is beside it, once the new name is there", async () => {
    phase.storage.objects.set(markedKey(a), THERE);
    rename(a, "touched");
    expect((await carryOut()).slice(-4)).toEqual([
      "flush",
      `look at ${markedKey(a)}`,
      `remove ${d.key}`,
      "flush",
    ]);
    expect(phase.outcomes()).toEqual({});
  });

  it("that fails is told of, and takes nothing with it", async () => {
    phase.storage.failing.set(a.key, "EIO").set(b.key, "ENOENT");
    for (const version of [a, b]) rename(version);
    expect((await carryOut()).filter((call) => call.startsWith("remove"))).toEqual([]);
    expect(phase.told.errors).toMatchObject([{ path: "a", code: "EIO" }]);
    expect(phase.told.warnings).toEqual(["b: another run was quicker, nothing to rename"]);
    expect(phase.outcomes()).toEqual({});
  });

  it("to a name that the storage cannot hold is not tried where it only marks", async () => {
    for (const version of [a, b]) phase.storage.impossible.add(markedKey(version));
    rename(a);
    rename(b, "outdated metadata");
    expect(await carryOut()).toEqual(["flush", "flush", "flush"]);
    expect(phase.told.warnings).toEqual([expect.stringMatching(/^a: .* stays live: too long$/)]);
    expect(phase.outcomes()).toEqual({ "kept live": 1 });
  });

  it("of what is live is tried whatever its new name: the storage then says why not", async () => {
    phase.storage.impossible.add(markedKey(a));
    rename(a, "touched");
    expect(await carryOut()).toContain(`rename ${a.key} ${markedKey(a)}`);
  });
});

it("in a dry run tells what it would do, and looks at nothing", async () => {
  retirements.remove({ version: a, successor: { key: "new" }, why: "deleted" });
  retirements.rename({ version: b, to: marked(b), why: "deleted", surplus: [c] });
  expect(await carryOut(true)).toEqual(["flush", "flush", "flush"]);
  expect(phase.told.files).toEqual(["deleted b", "deleted a"]);
});

it("removes everything once, in groups, and ends between two of them after a signal", async () => {
  const many = Array.from({ length: 2001 }, (_, i) => versionOf(`f${i}`));
  for (const version of many) retirements.remove({ version, why: "replaced" });
  const remove = phase.storage.remove.bind(phase.storage);
  phase.storage.remove = async (keys) => {
    if (keys.includes(many[1000]?.key as string)) phase.stop.abort(new Error("stop"));
    return remove(keys);
  };
  await expect(carryOut()).rejects.toThrow("stop");
  const removed = phase.storage.calls
    .filter((call) => call !== "flush")
    .map((call) => call.split(" ").slice(1));
  expect(removed).toEqual(
    [many.slice(0, 1000), many.slice(1000, 2000)].map((group) => group.map(({ key }) => key)),
  );
});

it.each(["removal", "renaming"])("begins no %s after a signal", async (what) => {
  if (what === "removal") retirements.removeFirst({ version: a, why: "surplus" });
  else retirements.rename({ version: a, to: marked(a), why: "deleted", surplus: [] });
  phase.stop.abort(new Error("stop"));
  await expect(carryOut()).rejects.toThrow("stop");
  expect(phase.storage.calls.filter((call) => call !== "flush")).toEqual([]);
});
