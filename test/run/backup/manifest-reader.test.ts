import { expect, it } from "vitest";
import type { ErrorReport } from "../../../src/errors.ts";
import { LIVE } from "../../../src/names/stamp.ts";
import type { Version } from "../../../src/plan/group.ts";
import { ManifestReader } from "../../../src/run/backup/manifest-reader.ts";
import type { ManifestOutcome } from "../../../src/run/worker/tasks.ts";
import type { Workers } from "../../../src/run/worker/workers.ts";

const MANIFEST = { kind: "manifest", manifest: { users: {}, groups: {}, entries: [] } } as const;
const DAMAGED = {
  kind: "failed",
  report: { side: "crypto", kind: "damaged", message: "is damaged" },
} as const;
const ARCHIVED = failed("InvalidObjectState");
const AWAY = failed("ServiceUnavailable");

function failed(code: string) {
  const report: ErrorReport = { side: "destination", kind: "failed", message: "cannot be read", code };
  return { kind: "failed", report } as const;
}

const versionOf = (key: string) => ({
  key,
  path: key,
  mtime: 0,
  size: 1,
  md5: "0",
  stamp: LIVE,
  sealed: false,
});

/** How many manifests were taken of each path, whose versions have these outcomes (-1: unknown), and what trouble was told. */
async function read(paths: readonly (readonly ManifestOutcome[])[], mustKnow = false) {
  const answers = paths.flat()[Symbol.iterator]();
  const workers = {
    submit: async (_: unknown, done: (outcome: ManifestOutcome) => void) =>
      done(answers.next().value as ManifestOutcome),
    drain: async () => {},
  } as unknown as Workers;
  const taken: Record<number, number> = {};
  const told: string[] = [];
  const reader = new ManifestReader(workers, mustKnow, ({ code, kind }) => told.push(code ?? kind));
  for (const [i, outcomes] of paths.entries()) {
    const versions = outcomes.map((_, n) => versionOf(`${i}.${n}`));
    await reader.read(versions, async (manifests) => {
      taken[i] = manifests?.length ?? -1;
    });
  }
  await reader.finish();
  return { taken, told };
}

it("takes what can be read, and what cannot for nothing", async () => {
  const given = await read([[MANIFEST], [MANIFEST, DAMAGED], [ARCHIVED], [{ kind: "file" }]]);
  expect(given).toEqual({ taken: { 0: 1, 1: 1, 2: 0, 3: 0 }, told: [] });
});

it("takes the newest first, whichever comes first", async () => {
  const waiting: (() => void)[] = [];
  const workers = {
    submit: async ({ version }: { version: Version }, done: (outcome: ManifestOutcome) => void) => {
      const users = { "1": version.key };
      waiting.unshift(() => done({ kind: "manifest", manifest: { users, groups: {}, entries: [] } }));
    },
    drain: async () => {
      for (const answer of waiting) answer();
    },
  } as unknown as Workers;
  const reader = new ManifestReader(workers, false, () => {});
  const versions = [1, 3, 2].map((storedAt) => ({ ...versionOf(`${storedAt}`), storedAt }));
  let taken: unknown[] = [];
  await reader.read(versions, async (manifests) => {
    taken = (manifests ?? []).map(({ users }) => users["1"]);
  });
  await reader.finish();
  expect(taken).toEqual(["3", "2", "1"]);
});

it("knows nothing of a path that the storage does not give for now, and tells so", async () => {
  expect(await read([[AWAY], [MANIFEST, AWAY]])).toEqual({
    taken: { 0: -1, 1: -1 },
    told: ["ServiceUnavailable", "ServiceUnavailable"],
  });
});

it("tells what cannot be read where that may be nowhere else, and gives up only what is damaged or gone", async () => {
  // Links that a rule left out were lost without a word.
  const given = await read(
    [[MANIFEST, DAMAGED], [ARCHIVED], [failed("AccessDenied")], [failed("ENOENT")]],
    true,
  );
  expect(given).toEqual({
    taken: { 0: 1, 1: -1, 2: -1, 3: 0 },
    told: ["damaged", "InvalidObjectState", "AccessDenied"],
  });
});

it("takes nothing after a stop", async () => {
  const stopped = { kind: "stopped" } as const;
  expect(await read([[stopped], [MANIFEST, stopped], [MANIFEST]])).toEqual({ taken: { 2: 1 }, told: [] });
});

it("tells what taking threw", async () => {
  const workers = {
    submit: async (_: unknown, done: (outcome: ManifestOutcome) => void) => done(MANIFEST),
    drain: async () => {},
  } as unknown as Workers;
  const reader = new ManifestReader(workers, false, () => {});
  await reader.read([versionOf("a")], async () => {
    throw new Error("no space for it");
  });
  await expect(reader.finish()).rejects.toThrow("no space for it");
});
