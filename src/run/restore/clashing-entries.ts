/**
 * Links and special files that a manifest tells of where a file is stored, too. One state never has both: the run that found the
 * one in the place of the other was cut off, or could not record the folder. The file is restored, since it has content.
 */
import { StorageError } from "../../errors.ts";
import type { ManifestEntry } from "../../metadata/manifest.ts";
import { below } from "../target/restored-tree.ts";
import type { FolderMetadata } from "./restored-metadata.ts";

/** Paths that are looked for at a time. */
const PATHS_MOST = 100_000;

/** The paths of such entries. @param files paths of files of the state; may be gone through several times. */
export function clashesOf(
  folders: Iterable<FolderMetadata>,
  files: Iterable<string>,
  most = PATHS_MOST,
): ReadonlySet<string> {
  const clashes = new Set<string>();
  let paths = new Set<string>();
  const look = () => {
    if (paths.size === 0) return;
    for (const file of files) if (paths.has(file)) clashes.add(file);
    paths = new Set();
  };
  for (const { folder, entries } of folders) {
    for (const { kind, name } of entries) if (kind !== "file") paths.add(below(folder, name));
    if (paths.size >= most) look();
  }
  look();
  return clashes;
}

export function clash(path: string, { kind }: ManifestEntry): StorageError {
  const what = kind === "symlink" ? "a symbolic link" : "a special file";
  return new StorageError(
    "restore",
    `is recorded as ${what}, and stored as a file: it was restored as that`,
    {
      path,
      code: "ECLASH",
      remedy: "a backup that found the change was not complete: the next one settles it",
    },
  );
}
