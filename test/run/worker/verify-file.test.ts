/** What verifying one object says of it. */
import { expect, it } from "vitest";
import { LIVE, type Period, type Stamp } from "../../../src/names/stamp.ts";
import { md5ToBase36, parseStoredName, type StoredVersion } from "../../../src/names/stored-name.ts";
import { tombstoneSealer } from "../../../src/run/destination/tombstones.ts";
import { openKeys } from "../../../src/run/object/keys.ts";
import { openSealer } from "../../../src/run/object/object-sealer.ts";
import { verifyFile } from "../../../src/run/worker/verify-file.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { configOf, md5 } from "../world.ts";

const config = configOf(
  { dest: "/nonexistent" },
  { encrypt: false, compress: false, container: "segmented" },
);
const keys = await openKeys({ ...config, password: undefined });
const sealer = openSealer(config, keys, undefined, () => new Date(0));
const CONTENT = Buffer.from("the content");
const MARKER: Period = { form: "marker", began: 10, ceased: 20 };

function versionOf(stamp: Stamp): StoredVersion {
  const digest = md5ToBase36(Buffer.from(md5(CONTENT), "hex"));
  const fields = { path: "file", mtime: 1, size: CONTENT.length, md5: digest, stamp };
  return parseStoredName(sealer.keyFor(fields)) as StoredVersion;
}
const sealed = sealer.sealSmall(CONTENT, { path: "file", mtime: 1 }).bytes;
const tombstone = tombstoneSealer(config, keys.segmented, undefined)({ ...versionOf(MARKER), stamp: MARKER });

/** Verifies what is stored under a version's name; `stopsAt`: the question at which the run is to stop. */
async function verified(stored: Uint8Array, stamp: Stamp, stopsAt = Number.POSITIVE_INFINITY) {
  let asked = 0;
  let reads = 0;
  const part = (start = 0, end?: number) => Buffer.from(stored).subarray(start, end);
  const destination = {
    stat: async () => ({ size: stored.length, modified: 0 }),
    readWhole: async (_: string, { range }: { range?: { start: number; end?: number } } = {}) => {
      reads++;
      return Buffer.from(part(range?.start, range?.end));
    },
  } as unknown as Storage;
  const context = {
    config,
    keys,
    destination,
    signal: new AbortController().signal,
    stopped: () => ++asked >= stopsAt,
    progress() {},
  };
  return { outcome: await verifyFile({ do: "verify", version: versionOf(stamp) }, context), reads };
}

it("is intact, a file or a tombstone", async () => {
  expect((await verified(sealed, LIVE)).outcome).toEqual({ kind: "intact", isFile: true });
  expect((await verified(tombstone, MARKER)).outcome).toEqual({ kind: "intact", isFile: false });
});

it.each([
  ["a file that is named as a tombstone", sealed, MARKER],
  ["a tombstone that is named as a file", tombstone, LIVE],
  ["a classic object that is named as a tombstone", CONTENT, MARKER],
  ["a tombstone of another time", tombstone, { ...MARKER, ceased: 21 }],
])("is damage: %s", async (_, stored, stamp) => {
  const damage = { kind: "damaged", path: "file" };
  expect((await verified(stored, stamp)).outcome).toMatchObject({ kind: "failed", report: damage });
});

it("is nothing where the run is to stop, be it before or meanwhile", async () => {
  expect(await verified(sealed, LIVE, 1)).toEqual({ outcome: { kind: "stopped" }, reads: 0 });
  const cutOff = sealed.subarray(0, 50);
  expect((await verified(cutOff, LIVE, 2)).outcome).toEqual({ kind: "stopped" });
});
