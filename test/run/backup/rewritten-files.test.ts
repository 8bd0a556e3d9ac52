import { afterEach, beforeEach, expect, it } from "vitest";
import { formatManifest, type Manifest } from "../../../src/metadata/manifest.ts";
import { LIVE } from "../../../src/names/stamp.ts";
import type { Version } from "../../../src/plan/group.ts";
import { LeftOut } from "../../../src/run/backup/left-out.ts";
import type { ManifestReader, TakeManifests } from "../../../src/run/backup/manifest-reader.ts";
import { RewrittenFiles } from "../../../src/run/backup/rewritten-files.ts";
import type { StoreRequest } from "../../../src/run/backup/store-phase.ts";
import { manifestFile } from "../../../src/scan/manifest-parts.ts";
import { madeSource } from "../../scan/made-source.ts";

const OWN = { mode: 0o644, uid: 1, gid: 2, seconds: 5, xattrs: {}, kind: "file", size: 1 } as const;
const SOURCE = madeSource({ mayLeaveOut: () => true });

let rewritten: RewrittenFiles;
beforeEach(() => {
  rewritten = new RewrittenFiles();
});
afterEach(() => rewritten.close());

/** Of files whose nanoseconds are given. */
const manifestOf = (files: Record<string, number>): Manifest => ({
  users: {},
  groups: {},
  entries: Object.entries(files).map(([name, nanoseconds]) => ({ ...OWN, name, nanoseconds })),
});

const versionOf = (path: string): Version => ({
  key: path,
  path,
  mtime: 0,
  size: 1,
  md5: "0",
  stamp: LIVE,
  sealed: false,
});

const requestOf = (file: StoreRequest["file"], previous: readonly Version[]): StoreRequest => ({
  file,
  sameSize: [],
  previous,
  retired: [],
});

/** What is suspected of three files that look unchanged, and stored, where these manifests were there before. */
async function suspects(before: Record<string, Manifest | undefined>, vanished: readonly string[]) {
  const now = manifestFile("d/.backup-meta.0.0", formatManifest(manifestOf({ a: 1, b: 2, c: 3 })));
  rewritten.hold(requestOf(now, now.path in before ? [versionOf(now.path)] : []));
  for (const name of ["a", "b", "c"]) {
    const version = versionOf(`d/${name}`);
    if (rewritten.mayConcern(version.path)) rewritten.consider(requestOf(version, [version]));
  }
  const reader = {
    read: async ([version]: readonly Version[], take: TakeManifests) => {
      const manifest = before[version?.key ?? ""];
      await take(manifest && [manifest]);
    },
    finish: async () => {},
  } as unknown as ManifestReader;
  const suspected: string[] = [];
  const stored: string[] = [];
  await rewritten.storeAll({
    reader,
    leftOut: new LeftOut(SOURCE, true),
    store: async ({ file }) => void stored.push(file.path),
    keep: () => {},
    onSuspect: ({ file }) => void suspected.push(file.path),
    settle: async () => {},
    vanished: [],
    vanishedManifests: vanished.map((path) => ({ version: versionOf(path), surplus: [] })),
  });
  return { suspected, stored };
}

const [OLD, LEFT, RIGHT] = ["d/.backup-meta.0.0", "d/.backup-meta.1.0", "d/.backup-meta.1.1"] as const;

it("suspects what its manifest tells otherwise, or did not tell", async () => {
  const before = { [OLD]: manifestOf({ a: 1, b: 9 }) };
  expect(await suspects(before, [])).toEqual({ suspected: ["d/b", "d/c"], stored: ["d/b", "d/c", OLD] });
});

it("suspects the same where there were more manifests", async () => {
  const before = { [LEFT]: manifestOf({ b: 9 }), [RIGHT]: manifestOf({ a: 1, z: 1 }) };
  expect((await suspects(before, [LEFT, RIGHT])).suspected).toEqual(["d/b", "d/c"]);
});

it("suspects nothing of which manifests of either number tell the same", async () => {
  // What is left out stays in manifests of the earlier number: with these alone all others seemed new.
  const before = { [OLD]: manifestOf({ a: 1, b: 9, c: 3 }), [LEFT]: manifestOf({ b: 2, z: 1 }) };
  expect(await suspects(before, [LEFT])).toEqual({ suspected: ["d/b"], stored: ["d/b", OLD] });
});

it("suspects what they tell differently", async () => {
  const before = {
    [OLD]: manifestOf({ a: 1, b: 2, c: 3 }),
    [LEFT]: manifestOf({ b: 9 }),
    [RIGHT]: manifestOf({ c: 3 }),
  };
  expect((await suspects(before, [LEFT, RIGHT])).suspected).toEqual(["d/b"]);
});

it("stores no manifest while one of those before it is not given", async () => {
  const before = { [LEFT]: manifestOf({ a: 1 }), [RIGHT]: undefined };
  expect((await suspects(before, [LEFT, RIGHT])).stored).not.toContain(OLD);
  expect(rewritten.isUnread("d")).toBe(true);
});
