/**
 * What a restore knows of metadata while it goes on: the manifests read so far, of them what was selected, which files
 * are to be sparse, and which folders have no manifest.
 */
import type { Attributes, Manifest, ManifestEntry } from "../../metadata/manifest.ts";
import { folderOf } from "../../names/folders.ts";
import { parseManifestPath } from "../../names/manifest-name.ts";
import type { Selection } from "../../plan/selection.ts";
import { stripPrefix } from "../../plan/strip-prefix.ts";
import { ExternalSorter } from "../../spill/external-sorter.ts";
import { SpillList } from "../../spill/spill-list.ts";
import { checkTargetPath } from "../target/local-target.ts";

/** What is to be applied in one folder. */
export interface FolderMetadata {
  /** Empty for the root. */
  readonly folder: string;
  /** Of the folder itself, where it was selected. */
  readonly own?: Attributes;
  readonly users: Readonly<Record<string, string>>;
  readonly groups: Readonly<Record<string, string>>;
  readonly entries: readonly ManifestEntry[];
}

/** Of a record that is gone through as a whole. */
const ENTRIES_MOST = 1000;

/** A trace of a folder: that it has a manifest, or that a file in it was restored. */
type Trace = { readonly folder: string; readonly log?: number };

export class RestoredMetadata {
  readonly folders = new SpillList<FolderMetadata>();
  /** Paths of files that have holes. */
  readonly sparse = new Set<string>();
  private readonly selection: Selection;
  private readonly prefix: string | undefined;
  private readonly traces = new ExternalSorter<Trace>(({ folder }) => folder);
  /** First components of folders that have a manifest; empty: the root has one. */
  private readonly recorded = new Set<string>();
  private lastFolder: string | undefined;

  /** @param prefix of the backup's folders, the one that becomes the root of the target */
  constructor(selection: Selection, prefix?: string) {
    this.selection = selection;
    this.prefix = prefix;
  }

  /** Takes what was selected of a manifest. Throws StorageError when its folder may not be restored to. */
  add(path: string, { folder: own, users, groups, entries }: Manifest): void {
    const { folder, log } = parseManifestPath(path) as { folder: string; log: number };
    const target = stripPrefix(folder, this.prefix);
    if (target === undefined) return;
    if (target !== "") checkTargetPath(target);
    this.traces.add({ folder: target, log });
    this.recorded.add(firstOf(target));
    const { selection } = this;
    const below = (name: string) => (folder === "" ? name : `${folder}/${name}`);
    const selected = entries.filter(({ name }) => selection.selects(below(name)));
    for (const { name, sparse } of selected) if (sparse) this.sparse.add(below(name));
    // A glob that meets the folder and nothing in it would leave it there as if it had been empty.
    const isEmptied = entries.length > 0 && selected.length === 0;
    const isSelected = () => (folder === "" ? selection.everything : selection.selects(folder));
    const withFolder = own !== undefined && !isEmptied && isSelected();
    if (!withFolder && selected.length === 0) return;
    for (let at = 0; at === 0 || at < selected.length; at += ENTRIES_MOST) {
      const entries = selected.slice(at, at + ENTRIES_MOST);
      this.folders.append({ folder: target, ...(at === 0 && withFolder && { own }), users, groups, entries });
    }
  }

  /** Notes a manifest that is not to be applied. */
  noteRecorded(path: string): void {
    const { folder } = parseManifestPath(path) as { folder: string };
    const target = stripPrefix(folder, this.prefix);
    if (target !== undefined) this.recorded.add(firstOf(target));
  }

  /** Notes that a live file was restored: its folder should have a manifest. */
  expectFor(path: string): void {
    const folder = folderOf(path);
    if (folder === this.lastFolder) return;
    this.lastFolder = folder;
    const target = stripPrefix(folder, this.prefix);
    if (target !== undefined) this.traces.add({ folder: target });
  }

  /**
   * Folders that have files, but not all of their manifests. Of several sources only those that were recorded count: a
   * bucket has none.
   */
  *lost(): Generator<string> {
    for (const folder of this.incomplete()) {
      if (this.isRecorded(folder)) yield folder;
    }
  }

  private *incomplete(): Generator<string> {
    if (this.folders.length === 0) return;
    let current: string | undefined;
    let manifests = new Map<number, number>();
    const isComplete = () => [...manifests].some(([log, count]) => count >= 2 ** log);
    for (const { folder, log } of this.traces.sorted()) {
      if (folder !== current) {
        if (current !== undefined && !isComplete()) yield current;
        current = folder;
        manifests = new Map();
      }
      if (log !== undefined) manifests.set(log, (manifests.get(log) ?? 0) + 1);
    }
    if (current !== undefined && !isComplete()) yield current;
  }

  /** Whether the folders of the source that a path comes from have manifests. */
  isRecorded(path: string): boolean {
    return this.recorded.has("") || this.recorded.has(firstOf(path));
  }

  get isRecordedAnywhere(): boolean {
    return this.recorded.size > 0;
  }

  close(): void {
    this.folders.close();
    this.traces.close();
  }
}

function firstOf(folder: string): string {
  const end = folder.indexOf("/");
  return end < 0 ? folder : folder.slice(0, end);
}
