/**
 * The entries of folders that have another number of manifests than before: each lies in another one, so what these tell is
 * compared as a whole. It waits on disk.
 */
import type { Manifest, ManifestEntry } from "../../metadata/manifest.ts";
import { escapePath } from "../../names/manifest-name.ts";
import { comparePaths } from "../../names/path-text.ts";
import { ExternalSorter } from "../../spill/external-sorter.ts";
import { below } from "../target/restored-tree.ts";

/** What tells whether a file was written since. */
type Written = Pick<ManifestEntry, "kind" | "size" | "seconds" | "nanoseconds">;

interface Told extends Written {
  /** As it is stored. */
  readonly path: string;
}

export class RenumberedEntries {
  private readonly folders = new Set<string>();
  private readonly before = new ExternalSorter<Told>(({ path }) => path);
  private readonly now = new ExternalSorter<Told>(({ path }) => path);

  add(folder: string): void {
    this.folders.add(folder);
  }

  has(folder: string): boolean {
    return this.folders.has(folder);
  }

  toldBefore(folder: string, manifest: Manifest): void {
    for (const told of filesIn(folder, manifest)) this.before.add(told);
  }

  isToldNow(folder: string, manifest: Manifest): void {
    for (const told of filesIn(folder, manifest)) this.now.add(told);
  }

  /** Stored paths of files that may have been written since, or of which nothing was told. Once. */
  *changed(): Generator<string> {
    const before = this.before.sorted();
    let old = before.next();
    for (const told of this.now.sorted()) {
      while (!old.done && comparePaths(old.value.path, told.path) < 0) old = before.next();
      let isChanged = old.done || old.value.path !== told.path;
      // Two tell of what a rule left out for a while (left-out.ts): either may be right.
      for (; !old.done && old.value.path === told.path; old = before.next()) {
        if (!isSame(told, old.value)) isChanged = true;
      }
      if (isChanged) yield told.path;
    }
  }

  close(): void {
    this.before.close();
    this.now.close();
  }
}

export function isSame(entry: Written, other: Written | undefined): boolean {
  return (
    other?.kind === entry.kind &&
    other.size === entry.size &&
    other.seconds === entry.seconds &&
    other.nanoseconds === entry.nanoseconds
  );
}

function* filesIn(folder: string, { entries }: Manifest): Generator<Told> {
  for (const { name, kind, size, seconds, nanoseconds } of entries) {
    if (kind === "file") yield { path: escapePath(below(folder, name)), kind, size, seconds, nanoseconds };
  }
}
