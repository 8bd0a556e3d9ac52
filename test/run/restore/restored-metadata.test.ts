import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Manifest, ManifestEntry } from "../../../src/metadata/manifest.ts";
import { manifestPath } from "../../../src/names/manifest-name.ts";
import { Selection } from "../../../src/plan/selection.ts";
import { RestoredMetadata } from "../../../src/run/restore/restored-metadata.ts";

const own = { mode: 0o755, uid: 1, gid: 2, seconds: 3, nanoseconds: 4, xattrs: {} };
const users = { 1: "somebody" };
const groups = {};
const entry = (name: string, sparse = false): ManifestEntry => ({
  name,
  kind: "file",
  size: 1,
  ...own,
  ...(sparse && { sparse }),
});

let open: RestoredMetadata[];
beforeEach(() => {
  open = [];
});
afterEach(() => {
  for (const metadata of open) metadata.close();
});

function collect(only: string[] = [], prefix?: string): RestoredMetadata {
  const metadata = new RestoredMetadata(new Selection(only), prefix);
  open.push(metadata);
  return metadata;
}

function add(metadata: RestoredMetadata, folder: string, manifest: Partial<Manifest>, log = 0, index = 0) {
  metadata.add(manifestPath(folder, log, index), { users, groups, entries: [], ...manifest });
}

describe("what is to be applied", () => {
  it("is all of a manifest, however long, and what the folder has itself once", () => {
    const metadata = collect();
    const entries = Array.from({ length: 2001 }, (_, i) => entry(`${i}`));
    add(metadata, "a", { folder: own, entries });
    const folders = [...metadata.folders];
    const names = folders.flatMap((part) => part.entries.map(({ name }) => name));
    expect(names.join()).toBe(entries.map(({ name }) => name).join());
    expect(folders.map((part) => part.own)).toEqual([own, undefined, undefined]);
    for (const part of folders) expect(part).toMatchObject({ folder: "a", users, groups });
  });

  it("is what was selected, of folders, too", () => {
    const metadata = collect(["a", "b/one"]);
    for (const folder of ["", "a", "b", "c"])
      add(metadata, folder, { folder: own, entries: [entry("one", true), entry("two", true)] });
    const applied = [...metadata.folders].map((part) => [
      part.folder,
      part.own !== undefined,
      ...part.entries.map(({ name }) => name),
    ]);
    expect(applied).toEqual([
      ["a", true, "one", "two"],
      ["b", false, "one"],
    ]);
    expect([...metadata.sparse]).toEqual(["a/one", "a/two", "b/one"]);
  });

  it("is not a folder whose glob meets nothing in it, which would come back as if it had been empty", () => {
    const metadata = collect(["*"]);
    add(metadata, "full", { folder: own, entries: [entry("one")] });
    add(metadata, "empty", { folder: own });
    expect([...metadata.folders].map(({ folder }) => folder)).toEqual(["empty"]);
  });

  it("is what lies in the folder that becomes the target", () => {
    const metadata = collect([], "a/b");
    for (const folder of ["a", "a/b", "a/b/c", "a/bc"])
      add(metadata, folder, { folder: own, entries: [entry("one", true)] });
    expect([...metadata.folders].map(({ folder }) => folder)).toEqual(["", "c"]);
    expect([...metadata.sparse]).toEqual(["a/b/one", "a/b/c/one"]);
    for (const file of ["a/bc/file", "a/b/c/file"]) metadata.expectFor(file);
    expect([...metadata.lost()]).toEqual([]);
  });

  it.each(["..", "a/../..", "/etc", "a//b"])("is never outside of the target: %s", (folder) => {
    const metadata = collect();
    expect(() => add(metadata, folder, { folder: own })).toThrow(
      expect.objectContaining({ code: "EREFUSED" }),
    );
    expect([...metadata.folders]).toEqual([]);
  });
});

describe("a folder with files", () => {
  it("has lost a manifest unless all of some number of them are there", () => {
    const metadata = collect();
    add(metadata, "", { folder: own });
    const parts: Record<string, [log: number, index: number][]> = {
      all: [[0, 0]],
      both: [
        [1, 0],
        [1, 1],
      ],
      half: [[1, 1]],
      "more than were needed": [
        [0, 0],
        [1, 0],
      ],
      none: [],
      "none of any number": [
        [1, 0],
        [2, 0],
        [2, 1],
        [2, 3],
      ],
    };
    for (const [folder, there] of Object.entries(parts)) {
      for (const [log, index] of there) add(metadata, folder, {}, log, index);
      for (const file of ["one", "two"]) metadata.expectFor(`${folder}/${file}`);
    }
    expect([...metadata.lost()]).toEqual(["half", "none", "none of any number"]);
  });

  it("has lost none where its source has none, or nothing was recorded at all", () => {
    const metadata = collect();
    for (const file of ["local/sub/file", "bucket/file", "unused/file"]) metadata.expectFor(file);
    expect([...metadata.lost()]).toEqual([]);
    expect(metadata.isRecordedAnywhere).toBe(false);
    add(metadata, "local", { folder: own });
    expect([...metadata.lost()]).toEqual(["local/sub"]);
    metadata.noteRecorded(manifestPath("unused/sub", 0, 0));
    expect(["local/x", "unused/x", "bucket/x"].map((file) => metadata.isRecorded(file))).toEqual([
      true,
      true,
      false,
    ]);
    expect(metadata.isRecordedAnywhere).toBe(true);
  });
});
