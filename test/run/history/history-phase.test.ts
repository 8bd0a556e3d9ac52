import { beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { dateOrLive, type Period } from "../../../src/names/stamp.ts";
import { formatStoredName } from "../../../src/names/stored-name.ts";
import type { Version } from "../../../src/plan/group.ts";
import type { Purge } from "../../../src/plan/purge.ts";
import type { Retiring } from "../../../src/run/history/history-changes.ts";
import { HistoryPhase } from "../../../src/run/history/history-phase.ts";
import { versionOf } from "../../plan/worlds.ts";
import { lastPhase } from "../recorded-storage.ts";

const NOW = 900;
const stamp = (began: number, ceased: number, condemned?: number): Period => ({
  form: "stamp",
  began,
  ceased,
  ...(condemned !== undefined && { condemned }),
});
const marker = (began: number, ceased: number): Period => ({ form: "marker", began, ceased });
const keyOf = (version: Version, period: Period) => formatStoredName({ ...version, stamp: period });
const retiredAs = (version: Version, period: Period) =>
  versionOf(version.path, { ...version, stamp: period });
const live = (path: string, storedAt?: number, mtime = 1) =>
  versionOf(path, { mtime, ...(storedAt !== undefined && { storedAt: storedAt * 1000 + 999 }) });
const at = (seconds: number, size = 5) => ({ size, modified: seconds * 1000 + 500 });

let phase: ReturnType<typeof lastPhase>;
let history: HistoryPhase;
function begin(settings: Partial<Config> = {}): void {
  phase = lastPhase({ versionsKeepDays: 30, ...settings }, NOW * 1000 + 1);
  history = new HistoryPhase();
}
beforeEach(() => begin());

const retire = (retiring: Partial<Retiring> & Pick<Retiring, "versions">) =>
  history.retire({ why: "replaced", retired: [], ...retiring });
const purge = (given: Partial<Purge>, isManifest = false) =>
  history.purge({ remove: [], orphans: [], restamp: [], doubles: [], ended: [], ...given }, isManifest);
async function carryOut(dryRun = false): Promise<string[]> {
  await history.carryOutRetirings({ ...phase.context, dryRun });
  await history.carryOutPurges({ ...phase.context, dryRun });
  history.close();
  return phase.storage.calls;
}
const renamings = () => phase.storage.calls.filter((call) => call.startsWith("rename"));

describe("retiring", () => {
  const [first, second, third] = [live("f", 100), live("f", 200, 2), live("f", 250, 3)];

  it("ends each life when the next began, and the last when the successor did", async () => {
    phase.storage.objects.set("new", at(300));
    retire({ versions: [first, second, third], successor: { key: "new", size: 5 } });
    expect(await carryOut()).toEqual([
      "look at new",
      `rename ${first.key} ${keyOf(first, stamp(100, 200))}`,
      `rename ${second.key} ${keyOf(second, stamp(200, 250))}`,
      `rename ${third.key} ${keyOf(third, stamp(250, 300))}`,
      "flush",
    ]);
    expect(phase.told.files).toEqual([]);
  });

  it("ends the life of what vanished now, by the storage's clock, and tells of it", async () => {
    const unknown = live("f");
    phase.storage.objects.set(unknown.key, at(150));
    retire({ versions: [unknown], why: "deleted" });
    await carryOut();
    expect(renamings()).toEqual([`rename ${unknown.key} ${keyOf(unknown, stamp(150, NOW))}`]);
    expect(phase.told.files).toEqual(["deleted f"]);
    expect(phase.outcomes()).toEqual({ deleted: 1 });
  });

  it.each([
    ["removes what was copied under its retired name already", 5, "one", true],
    ["but nothing of which the copy has another size", 4, "one", false],
    ["but nothing of which the copy has another md5, where storage tells them", 5, "another", false],
  ])("%s", async (_, size, md5, removed) => {
    const copy = stamp(100, 300);
    phase.storage.objects.set("new", at(300));
    phase.storage.objects.set(first.key, { ...at(100), md5: "one" });
    phase.storage.objects.set(keyOf(first, copy), { ...at(100, size), md5 });
    retire({ versions: [first], successor: { key: "new", size: 5 }, retired: [retiredAs(first, copy)] });
    const calls = await carryOut();
    expect(calls.includes(`remove ${first.key}`)).toBe(removed);
    expect(renamings()).toHaveLength(removed ? 0 : 1);
  });

  // An encrypted name of the classic container is another one each time: each run made one more copy.
  it("removes what was copied already under a name that nobody could give once more", async () => {
    const copy = { ...retiredAs(first, stamp(100, 300)), key: "sealed" };
    phase.storage.objects.set(first.key, at(100)).set(copy.key, at(100));
    retire({ versions: [first], why: "deleted", retired: [copy] });
    expect((await carryOut()).slice(-2)).toEqual([`remove ${first.key}`, "flush"]);
    expect(renamings()).toEqual([]);
  });

  it("by a tombstone, whatever the settings, ends the life of an object that has one", async () => {
    retire({ versions: [first, second], why: "deleted", retired: [retiredAs(first, marker(50, 80))] });
    const mark = keyOf(first, marker(100, 200));
    expect(await carryOut()).toEqual([
      `write ${mark}`,
      `rename ${second.key} ${keyOf(second, stamp(200, NOW))}`,
      `publish ${mark} ${NOW * 1000 + 1}`,
      "flush",
    ]);
  });

  /** A version and its copy, as a bucket has them where a renaming was cut off. */
  const copied = (copy: Period, settings: Partial<Config> = {}) => {
    begin(settings);
    phase.storage.objects.set(first.key, at(100)).set(keyOf(first, copy), at(100));
    retire({ versions: [first], why: "deleted", retired: [retiredAs(first, copy)] });
  };

  it.each<[string, Period, Partial<Config>]>([
    ["a life that began at another second", stamp(99, 300), {}],
    ["a life that ended as it began: the same content may have come back since", stamp(100, 100), {}],
    ["the tombstone of another object", marker(100, 300), {}],
    ["any life where tombstones retire", stamp(100, 300), { retire: "tombstone" }],
  ])("removes nothing for %s", async (_, copy, settings) => {
    copied(copy, settings);
    expect((await carryOut()).filter((call) => call.startsWith("remove"))).toEqual([]);
    expect(phase.told.files).toEqual(["deleted f"]);
  });

  it("tells of what was copied already as of anything, in a dry run too, which removes nothing", async () => {
    for (const dryRun of [false, true]) {
      copied(stamp(100, 300));
      const calls = await carryOut(dryRun);
      expect(calls.filter((call) => call.startsWith("remove"))).toHaveLength(dryRun ? 0 : 1);
      expect(phase.told.files).toEqual(["deleted f"]);
    }
  });

  it("does not tell of what was copied already and cannot be removed but as a failure", async () => {
    copied(stamp(100, 300));
    phase.storage.remove = async ([key]) => [{ key: key as string, error: new Error("denied") }];
    await carryOut();
    expect(phase.told.errors).toMatchObject([{ path: "f", message: "denied" }]);
    expect(phase.told.files).toEqual([]);
  });

  it("leaves out what another run was quicker with, as if it had not been", async () => {
    const gone = live("f", undefined, 3);
    phase.storage.objects.set("new", at(300));
    retire({ versions: [first, gone], successor: { key: "new" } });
    await carryOut();
    expect(renamings()).toEqual([`rename ${first.key} ${keyOf(first, stamp(100, 300))}`]);
    expect(phase.told.errors).toEqual([]);
  });

  it.each([
    ["is not there", undefined],
    ["is another", at(300, 6)],
  ])("leaves a version as it is whose successor %s", async (_, stat) => {
    if (stat !== undefined) phase.storage.objects.set("new", stat);
    retire({ versions: [first], successor: { key: "new", size: 5 } });
    await carryOut();
    expect(renamings()).toEqual([]);
    expect(phase.told.warnings).toEqual([expect.stringMatching(/^f: .* so this one stays$/)]);
  });

  it("does nothing in favour of itself", async () => {
    retire({ versions: [first], successor: { key: first.key } });
    expect(history.retires).toBe(false);
    retire({ versions: [first, second], successor: { key: second.key } });
    expect(history.retires).toBe(true);
    phase.storage.objects.set(second.key, at(200));
    await carryOut();
    expect(renamings()).toEqual([`rename ${first.key} ${keyOf(first, stamp(100, 200))}`]);
  });

  it("gives no two versions of a path the same stamp", async () => {
    const doubles = [first, live("f", 100, 2), live("f", 100, 3)] as const;
    const taken = [stamp(100, NOW), stamp(99, NOW + 1), dateOrLive(20261120)];
    const retired = taken.map((of) => versionOf("f", { mtime: 9, stamp: of }));
    retire({ versions: doubles, why: "deleted", retired });
    await carryOut();
    expect(renamings().map((call) => call.split(" ")[2])).toEqual([
      keyOf(doubles[0], stamp(100, 100)),
      keyOf(doubles[1], stamp(100, 101)),
      keyOf(doubles[2], stamp(100, NOW + 1)),
    ]);
    expect(phase.told.files).toEqual(["deleted f"]);
  });

  it("of a life that would end before it began, for a clock that was set back, ends it now", async () => {
    phase.storage.objects.set("new", at(50));
    retire({ versions: [first], successor: { key: "new" } });
    await carryOut();
    expect(renamings()).toEqual([`rename ${first.key} ${keyOf(first, stamp(100, NOW))}`]);
  });

  it("tells what fails, and goes on with others", async () => {
    const [odd, quick, other] = [live("odd", 100), live("quick", 100), live("other", 100)];
    phase.storage.failing.set(odd.key, "EIO").set(quick.key, "ENOENT");
    for (const version of [odd, quick, other]) retire({ versions: [version], why: "deleted" });
    await carryOut();
    expect(phase.told.errors).toMatchObject([{ path: "odd", code: "EIO" }]);
    expect(phase.told.warnings).toEqual(["quick: another run was quicker, nothing to rename"]);
    expect(phase.told.files).toEqual(["deleted other"]);
  });

  it("leaves live what has no name that the storage can hold; of manifests without a word", async () => {
    const manifest = live("m", 100);
    for (const version of [first, manifest]) phase.storage.impossible.add(keyOf(version, stamp(100, NOW)));
    retire({ versions: [first], why: "deleted" });
    retire({ versions: [manifest], why: "outdated metadata" });
    await carryOut();
    expect(renamings()).toEqual([]);
    expect(phase.told.warnings).toEqual(["f: cannot be retired, and stays live: too long"]);
    expect(phase.outcomes()).toEqual({ "kept live": 1 });
  });

  it("by tombstones publishes those before it says so; each is of a later second than its object", async () => {
    begin({ retire: "tombstone" });
    const [bad, other] = [live("bad", 100), live("other", NOW)];
    const [badMark, mark] = [keyOf(bad, marker(100, NOW)), keyOf(other, marker(NOW, NOW + 1))];
    phase.storage.failing.set(`published ${badMark}`, "EIO");
    for (const version of [bad, other]) retire({ versions: [version], why: "deleted" });
    expect(await carryOut()).toEqual([
      `write ${badMark}`,
      `write ${mark}`,
      `publish ${badMark} ${mark} ${NOW * 1000 + 1}`,
      "flush",
    ]);
    expect(phase.told.errors).toMatchObject([{ path: "bad", code: "EIO" }]);
    expect(phase.told.files).toEqual(["deleted other"]);
  });
});

describe("ending", () => {
  const object = live("f", 100);
  const mark = versionOf("f", { stamp: marker(100, 200) });
  const life = { version: object, marker: mark, began: 100, ceased: 200 };

  it("removes objects before their tombstones, and tells once", async () => {
    phase.storage.objects.set(object.key, at(100));
    const retired = versionOf("g", { stamp: stamp(1, 2) });
    purge({ remove: [mark, object], ended: [life] });
    purge({ remove: [retired], ended: [{ version: retired, began: 1, ceased: 2 }] });
    expect(await carryOut()).toEqual([
      `look at ${object.key}`,
      `remove ${object.key} ${retired.key}`,
      `remove ${mark.key}`,
      "flush",
    ]);
    expect(phase.told.files).toEqual(["expired g", "expired f"]);
    expect(phase.outcomes()).toEqual({ expired: 2 });
  });

  it.each([
    ["was stored anew meanwhile: it is live, also without its tombstone", at(101)],
    ["has gone meanwhile", undefined],
  ])("leaves an object that %s", async (_, stat) => {
    if (stat !== undefined) phase.storage.objects.set(object.key, stat);
    purge({ remove: [object, mark], ended: [life] });
    expect((await carryOut()).filter((call) => call.startsWith("remove"))).toEqual([`remove ${mark.key}`]);
    expect(phase.told.errors).toEqual([]);
  });

  it("of a tombstone of nothing waits until every name was read: its object may be there", async () => {
    for (const isPartlyUnread of [true, false]) {
      begin();
      purge({ orphans: [mark] });
      await history.carryOutPurges({ ...phase.context, isPartlyUnread });
      expect(phase.storage.calls).toEqual(isPartlyUnread ? ["flush"] : [`remove ${mark.key}`, "flush"]);
    }
  });

  it("of manifests is not told", async () => {
    const manifest = versionOf("m", { stamp: stamp(1, 2) });
    purge({ remove: [manifest], ended: [{ version: manifest, began: 1, ceased: 2 }] }, true);
    expect(await carryOut()).toContain(`remove ${manifest.key}`);
    expect(phase.told.files).toEqual([]);
  });

  it("tells what cannot be condemned, and goes on with others", async () => {
    const [bad, other] = ["bad", "other"].map((path) => versionOf(path, { stamp: stamp(1, 2) })) as [
      Version,
      Version,
    ];
    phase.storage.failing.set(bad.key, "EIO");
    purge({ restamp: [bad, other].map((version) => ({ version, stamp: stamp(1, 2, 800) })) });
    await carryOut();
    expect(phase.told.errors).toMatchObject([{ path: "bad", code: "EIO" }]);
    expect(phase.told.files).toEqual(["condemned other"]);
  });

  it.each(["looked at", "removed"])(
    "leaves the tombstone of an object that cannot be %s, or that would look live",
    async (what) => {
      phase.storage.objects.set(object.key, at(100));
      if (what === "looked at") phase.storage.failing.set(object.key, "EIO");
      else
        phase.storage.remove = async (keys) => {
          phase.storage.calls.push(`remove ${keys.join(" ")}`);
          return keys.map((key) => ({ key, error: new Error("EIO") }));
        };
      const other = versionOf("g", { stamp: marker(1, 2) });
      purge({ remove: [object, mark], ended: [life] });
      purge({ remove: [other] });
      expect((await carryOut()).filter((call) => call.includes(mark.key))).toEqual([]);
      expect(phase.storage.calls).toContain(`remove ${other.key}`);
      expect(phase.told.errors[0]).toMatchObject({ path: "f" });
      expect(phase.told.files).toEqual([]);
    },
  );

  it("condemns and reprieves by another name", async () => {
    const [fresh, condemned] = [
      versionOf("a", { stamp: stamp(1, 2) }),
      versionOf("b", { stamp: stamp(1, 2, 700) }),
    ];
    purge({ restamp: [{ version: fresh, stamp: stamp(1, 2, 800) }] });
    purge({ restamp: [{ version: condemned, stamp: stamp(1, 2) }] });
    purge({ restamp: [{ version: versionOf("m", { stamp: stamp(1, 2) }), stamp: stamp(1, 2, 800) }] }, true);
    await carryOut();
    expect(renamings().slice(0, 2)).toEqual([
      `rename ${fresh.key} ${keyOf(fresh, stamp(1, 2, 800))}`,
      `rename ${condemned.key} ${keyOf(condemned, stamp(1, 2))}`,
    ]);
    expect(phase.told.files).toEqual(["condemned a", "reprieved b"]);
    expect(phase.outcomes()).toEqual({ condemned: 1, reprieved: 1 });
  });

  it.each([
    ["that is the same", 5, stamp(1, 2), true],
    ["but not beside another", 4, stamp(1, 2), false],
    ["but not where that has gone", undefined, stamp(1, 2), false],
    ["marked with a date", 5, dateOrLive(20240228), true],
    ["but not beside another, marked with a date", 4, dateOrLive(20240228), false],
  ])("removes a double beside what it is the double of, %s", async (_, size, told, removed) => {
    const [version, of] = [told, stamp(1, 2, 700)].map((one) => versionOf("a", { stamp: one })) as [
      Version,
      Version,
    ];
    phase.storage.objects.set(version.key, at(1));
    if (size !== undefined) phase.storage.objects.set(of.key, at(1, size));
    purge({ doubles: [{ version, of }] });
    expect((await carryOut()).filter((call) => call.startsWith("remove"))).toEqual(
      removed ? [`remove ${version.key}`] : [],
    );
    expect(phase.told.files).toEqual([]);
  });

  it("removes what was sealed anew under another name, of whatever size that is, where that is there", async () => {
    const again = { ...live("f", 200), key: "again" };
    for (const { key } of [object, again])
      phase.storage.objects.set(key, at(key === "again" ? 200 : 100, key.length));
    purge({ doubles: [{ version: object, of: again }] });
    purge({ doubles: [{ version: again, of: live("gone") }] });
    expect((await carryOut()).filter((call) => call.startsWith("remove"))).toEqual([`remove ${object.key}`]);
  });

  it("removes a tombstone beside another of the same life, and tells where it cannot be looked at", async () => {
    const condemned = versionOf("f", { stamp: { ...marker(100, 200), condemned: 700 } });
    phase.storage.objects.set(condemned.key, at(700, 6));
    const bad = versionOf("bad", { stamp: marker(100, 200) });
    phase.storage.failing.set(bad.key, "EIO");
    purge({ doubles: [{ version: mark, of: condemned }] });
    purge({ doubles: [{ version: condemned, of: bad }] });
    expect((await carryOut()).filter((call) => call.startsWith("remove"))).toEqual([`remove ${mark.key}`]);
    expect(phase.told.errors).toMatchObject([{ path: "f", code: "EIO" }]);
  });

  it("condemns a tombstone by a new one, and removes the old one once that is published", async () => {
    const condemned: Period = { ...marker(100, 200), condemned: 800 };
    const newKey = keyOf(mark, condemned);
    const bad = versionOf("bad", { stamp: marker(100, 200) });
    phase.storage.failing.set(`published ${keyOf(bad, condemned)}`, "EIO");
    for (const version of [mark, bad]) purge({ restamp: [{ version, stamp: condemned }] });
    expect((await carryOut()).slice(2)).toEqual([
      `publish ${newKey} ${keyOf(bad, condemned)} ${NOW * 1000 + 1}`,
      `remove ${mark.key}`,
      "flush",
    ]);
    expect(phase.told.files).toEqual(["condemned f"]);
    expect(phase.told.errors).toMatchObject([{ path: "bad", code: "EIO" }]);
  });

  it("leaves what has no name for its condemnation that the storage can hold", async () => {
    const version = versionOf("a", { stamp: stamp(1, 2) });
    phase.storage.impossible.add(keyOf(version, stamp(1, 2, 800)));
    purge({ restamp: [{ version, stamp: stamp(1, 2, 800) }] });
    expect(await carryOut()).toEqual(["flush"]);
    expect(phase.told.warnings).toEqual(["a: cannot be marked for removal, and stays: too long"]);
    expect(phase.told.files).toEqual([]);
  });
});

it("in a dry run tells the same, and changes nothing", async () => {
  begin({ retire: "tombstone" });
  const object = live("f", 100);
  const retired = versionOf("g", { stamp: stamp(1, 2) });
  phase.storage.objects.set(object.key, at(100));
  retire({ versions: [object], why: "deleted" });
  retire({ versions: [live("h", 100)], successor: { key: "not there yet" } });
  purge({ remove: [retired], ended: [{ version: retired, began: 1, ceased: 2 }] });
  purge({ restamp: [{ version: retired, stamp: stamp(1, 2, 800) }] });
  expect(await carryOut(true)).toEqual([]);
  expect(phase.told.files).toEqual(["deleted f", "condemned g", "expired g"]);
  expect(phase.told.warnings).toEqual([]);
});

it("does everything once, in groups, and ends between two of them after a signal", async () => {
  const many = Array.from({ length: 2001 }, (_, i) => live(`f${i}`, 100));
  for (const version of many) retire({ versions: [version], why: "deleted" });
  const flush = phase.storage.flush.bind(phase.storage);
  phase.storage.flush = async () => {
    if (phase.storage.calls.length > 1500) phase.stop.abort(new Error("stop"));
    return flush();
  };
  await expect(carryOut()).rejects.toThrow("stop");
  expect(phase.storage.calls.filter((call) => call === "flush")).toHaveLength(2);
  expect(new Set(renamings()).size).toBe(2000);
  expect(renamings()).toHaveLength(2000);
});

it("begins nothing after a signal", async () => {
  retire({ versions: [live("f", 100)], why: "deleted" });
  phase.stop.abort(new Error("stop"));
  await expect(carryOut()).rejects.toThrow("stop");
  expect(phase.storage.calls).toEqual([]);
});
