/** What a scan records of one folder, and the manifests it becomes: entries of the source whose content is at hand. */
import type * as fs from "node:fs";
import { type ManifestEntry, manifestIndexOf } from "../metadata/manifest.ts";
import { comparePaths } from "../names/path-text.ts";
import type { Entry } from "./entry.ts";
import { type AccountNames, logFor, manifestOf } from "./manifest-parts.ts";
import {
  attributesOf,
  completeEntry,
  type LinkTable,
  MOUNT_POINT_TIME,
  type RecordedEntry,
  type Recorder,
  type Xattrs,
} from "./recorded-entry.ts";

/** What only the whole scan knows. */
export interface ScanKnowledge {
  readonly links: LinkTable;
  readonly accounts: AccountNames;
}

/** Of a folder itself. */
export interface OwnRecord {
  readonly stat: fs.BigIntStats;
  readonly xattrs: Xattrs;
}

export class FolderRecord implements Recorder {
  private readonly folder: string;
  private readonly isMountPoint: boolean;
  private readonly recorded: RecordedEntry[] = [];
  private isPartial = false;

  /**
   * @param folder without a trailing slash; the root's is empty.
   * @param isMountPoint of a file system that is left out: its time is that of what is mounted there, and changes with it.
   */
  constructor(folder: string, isMountPoint = false) {
    this.folder = folder;
    this.isMountPoint = isMountPoint;
  }

  add(recorded: RecordedEntry): void {
    this.recorded.push(recorded);
  }

  miss(): void {
    this.isPartial = true;
  }

  /** Whether there is anything to record beside the folder itself. */
  get hasEntries(): boolean {
    return this.recorded.length > 0 || this.isPartial;
  }

  /** The folder's manifests in the order of their sort keys. */
  manifests(
    own: OwnRecord,
    xattrs: ReadonlyMap<string, Xattrs>,
    { links, accounts }: ScanKnowledge,
  ): Entry[] {
    const { folder, isPartial, isMountPoint } = this;
    this.recorded.sort((a, b) => comparePaths(a.entry.name, b.entry.name));
    const entries = this.recorded.map((recorded) =>
      completeEntry(recorded, folder, xattrs.get(recorded.entry.name), links),
    );
    const log = logFor(entries);
    const attributes = { ...attributesOf(own.stat, own.xattrs), ...(isMountPoint && MOUNT_POINT_TIME) };
    const manifests = spread(entries, log).map((part, index) =>
      manifestOf(folder, attributes, { log, index, entries: part, isPartial }, accounts),
    );
    return manifests.sort((a, b) => comparePaths(a.sortKey, b.sortKey));
  }
}

/** The entries of each of 2^log manifests. */
function spread(entries: readonly ManifestEntry[], log: number): (readonly ManifestEntry[])[] {
  if (log === 0) return [entries];
  const parts = Array.from({ length: 2 ** log }, () => [] as ManifestEntry[]);
  for (const entry of entries) (parts[manifestIndexOf(entry.name, log)] as ManifestEntry[]).push(entry);
  return parts;
}
