import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dateOrLive } from "../../../src/names/stamp.ts";
import { formatStoredName } from "../../../src/names/stored-name.ts";
import type { Version } from "../../../src/plan/group.ts";
import { JoinFindings, type Vanished } from "../../../src/run/backup/backup-state.ts";
import { markVanished, retireVanished } from "../../../src/run/backup/vanished.ts";
import { versionOf } from "../../plan/worlds.ts";
import { lastPhase } from "../recorded-storage.ts";

const TODAY = 20261120;
const NOW = 900;
const markedKey = (version: Version) => formatStoredName({ ...version, stamp: dateOrLive(TODAY) });
const retiredKey = (version: Version, began: number, ceased: number) =>
  formatStoredName({ ...version, stamp: { form: "stamp", began, ceased } });

const file = versionOf("f", { mtime: 2, size: 5, storedAt: 200_000 });
const double = versionOf("f", { mtime: 1, size: 5, storedAt: 100_000 });
const old = versionOf("f", { mtime: 3, stamp: { form: "stamp", began: 1, ceased: 50 } });
const mark = versionOf("f", { mtime: 2, size: 5, stamp: { form: "marker", began: 60, ceased: 70 } });
const manifest = versionOf("m", { mtime: 0, size: 5, storedAt: 200_000 });
const manifestDouble = versionOf("m", { mtime: 0, size: 6, storedAt: 100_000 });

let found: JoinFindings;
let phase: ReturnType<typeof lastPhase>;
beforeEach(() => {
  found = new JoinFindings();
  phase = lastPhase({ versionsKeepDays: 30 }, NOW * 1000);
  for (const { key, size, storedAt = 0 } of [file, double, manifest, manifestDouble])
    phase.storage.objects.set(key, { size, modified: storedAt });
});
afterEach(() => found.close());

const vanishes = (
  version: Version,
  surplus: Version[] = [],
  others: Version[] = [],
  expiring: string[] = [],
) => {
  const list = version.path === "m" ? found.vanishedManifests : found.vanished;
  const vanished: Vanished = { version, surplus, versions: [version, ...surplus, ...others], expiring };
  list.append(vanished);
};
/** What is done to names and objects. */
async function carryOut(): Promise<string[]> {
  await found.retirements.carryOut(phase.context);
  await found.history.carryOutRetirings(phase.context);
  await found.history.carryOutPurges(phase.context);
  return phase.storage.calls.filter((call) => /^(rename|remove)/.test(call));
}

describe("without history what vanished", () => {
  const mark = (deletedKeepDays: number | null) => markVanished({ found, deletedKeepDays, today: TODAY });

  it.each([null, 1])(
    "is marked with the date, its doubles going first (deleted_keep_days %s)",
    async (days) => {
      vanishes(file, [double]);
      vanishes(manifest, [manifestDouble]);
      mark(days);
      expect(await carryOut()).toEqual([
        `remove ${double.key}`,
        `rename ${manifest.key} ${markedKey(manifest)}`,
        `rename ${manifestDouble.key} ${markedKey(manifestDouble)}`,
        `rename ${file.key} ${markedKey(file)}`,
      ]);
      expect(phase.told.files).toEqual(["deleted f"]);
    },
  );

  it("goes with its doubles where nothing deleted is kept", async () => {
    vanishes(file, [double]);
    vanishes(manifest, [manifestDouble]);
    mark(0);
    expect(await carryOut()).toEqual([
      `remove ${double.key}`,
      `remove ${manifest.key} ${manifestDouble.key} ${file.key}`,
    ]);
    expect(phase.told.files).toEqual(["deleted f"]);
  });

  it("may have moved, and stays as it is while that is not settled", async () => {
    vanishes(file, [double]);
    found.unsettled.add(file);
    mark(null);
    expect(await carryOut()).toEqual([]);
  });

  it.each([
    [0, 0],
    [1, 2],
  ])(
    "has the size of a file that was not read: with %s days to keep %s calls change it",
    async (days, calls) => {
      vanishes(file, [double]);
      found.unsettled.addUnread(file.size);
      mark(days);
      expect(await carryOut()).toHaveLength(calls);
    },
  );
});

describe("with history what vanished", () => {
  it.each([
    [null, false],
    [0, true], // the purge delay keeps it for a while
    [1, false],
  ])(
    "is retired, its doubles for the time before (deleted_keep_days %s, delayed: %s)",
    async (days, isDelayed) => {
      vanishes(file, [double], [old]);
      vanishes(manifest);
      retireVanished({ found, deletedKeepDays: days, today: TODAY }, isDelayed);
      expect(await carryOut()).toEqual([
        `rename ${manifest.key} ${retiredKey(manifest, 200, NOW)}`,
        `rename ${double.key} ${retiredKey(double, 100, 200)}`,
        `rename ${file.key} ${retiredKey(file, 200, NOW)}`,
      ]);
      expect(phase.told.files).toEqual(["deleted f"]);
      expect(phase.outcomes()).toEqual({ deleted: 1 });
    },
  );

  it("gets no stamp that another version of the path has", async () => {
    const same = versionOf("f", { mtime: 2, size: 5, stamp: { form: "stamp", began: 200, ceased: NOW } });
    vanishes(file, [], [same]);
    retireVanished({ found, deletedKeepDays: null, today: TODAY }, false);
    expect(await carryOut()).toEqual([`rename ${file.key} ${retiredKey(file, 200, NOW + 1)}`]);
  });

  it("goes first where nothing deleted is kept, then all that was before, and tombstones last", async () => {
    vanishes(file, [double], [old, mark]);
    vanishes(manifest, [manifestDouble]);
    retireVanished({ found, deletedKeepDays: 0, today: TODAY }, false);
    expect(await carryOut()).toEqual([
      `remove ${manifest.key} ${file.key}`,
      `remove ${manifestDouble.key} ${double.key} ${old.key}`,
      `remove ${mark.key}`,
    ]);
    expect(phase.told.files).toEqual(["deleted f", "expired f", "expired f"]);
  });

  it("leaves to retention what goes by that in this run", async () => {
    vanishes(file, [], [old, mark], [old.key, mark.key]);
    retireVanished({ found, deletedKeepDays: 0, today: TODAY }, false);
    expect(await carryOut()).toEqual([`remove ${file.key}`]);
  });

  it.each([
    [0, 0],
    [1, 1],
  ])(
    "has the size of a file that was not read: with %s days to keep %s calls change it",
    async (days, calls) => {
      vanishes(file, [], [old]);
      found.unsettled.addUnread(file.size);
      retireVanished({ found, deletedKeepDays: days, today: TODAY }, false);
      expect(await carryOut()).toHaveLength(calls);
    },
  );
});
