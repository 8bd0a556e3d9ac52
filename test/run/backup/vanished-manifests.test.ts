import { expect, it } from "vitest";
import type { Manifest } from "../../../src/metadata/manifest.ts";
import { LIVE } from "../../../src/names/stamp.ts";
import type { StoredVersion } from "../../../src/names/stored-name.ts";
import type { Vanished } from "../../../src/run/backup/backup-state.ts";
import { LeftOut } from "../../../src/run/backup/left-out.ts";
import type { ManifestReader, TakeManifests } from "../../../src/run/backup/manifest-reader.ts";
import { RenumberedFolders } from "../../../src/run/backup/renumbered-folders.ts";
import { keepLeftOut } from "../../../src/run/backup/vanished-manifests.ts";
import type { Source } from "../../../src/scan/source.ts";
import { SpillList } from "../../../src/spill/spill-list.ts";

const OWNER = { mode: 0o644, uid: 1, gid: 2, seconds: 5, nanoseconds: 0, xattrs: {} };

/** Leaves out all names with a dot. */
const source = {
  mayLeaveOut: () => true,
  excludedBy: async (path: string) => (path.includes(".") ? "a rule" : undefined),
} as unknown as Source;

/** The manifest of one file; undefined: the storage does not give it for now. */
const manifestOf = (name: string | undefined): Manifest | undefined =>
  name === undefined
    ? undefined
    : { users: {}, groups: {}, entries: [{ ...OWNER, name, kind: "file", size: 1 }] };

/** What is stored, and what may go, of manifests of one folder, of which some file could not be stored (`unread`). */
async function keep(files: readonly (string | undefined)[], unread = false) {
  const vanished = new SpillList<Vanished>();
  for (const i of files.keys()) {
    const path = `f/.backup-meta.1.${i}`;
    const version = { key: path, path, mtime: 0, size: 1, md5: "0", stamp: LIVE, sealed: false };
    vanished.append({ version, surplus: [], versions: [version], expiring: [] });
  }
  const reader = {
    read: async ([version]: readonly StoredVersion[], take: TakeManifests) => {
      const manifest = manifestOf(files[Number(version?.path.at(-1))]);
      await take(manifest && [manifest]);
    },
    finish: async () => {},
  } as unknown as ManifestReader;
  const stored: string[] = [];
  const keeping = {
    store: async ({ file }: { file: { path: string } }) => void stored.push(file.path),
    keep: () => {},
  };
  const leftOut = new LeftOut(source, true);
  const others = await keepLeftOut(vanished, {
    reader,
    leftOut,
    isUnread: (folder) => unread && folder === "f",
    renumbered: new RenumberedFolders(),
    keeping,
  });
  return { stored, gone: [...others].map(({ version }) => version.path) };
}

it("keeps all manifests of a folder, or none", async () => {
  const both = ["f/.backup-meta.1.0", "f/.backup-meta.1.1"];
  expect(await keep(["a", "b.x"])).toEqual({ stored: both, gone: [] });
  expect(await keep(["a", "b"])).toEqual({ stored: [], gone: both });
});

it("leaves all as they are where the next run has to compare with them", async () => {
  expect(await keep(["a", "b.x"], true)).toEqual({ stored: [], gone: [] });
});

it("leaves all as they are where one is not given for now", async () => {
  // What could be read went, and a folder whose manifests are not all there is told as damaged.
  expect(await keep(["a", undefined])).toEqual({ stored: [], gone: [] });
  expect(await keep([undefined, "b.x"])).toEqual({ stored: [], gone: [] });
});
