/** What a scan records of a folder that is too large for memory: on disk, but for one manifest at a time. */
import { type ManifestEntry, manifestIndexOf } from "../metadata/manifest.ts";
import { comparePaths } from "../names/path-text.ts";
import { SpillPartitions } from "../spill/spill-partitions.ts";
import type { Entry } from "./entry.ts";
import type { OwnRecord, ScanKnowledge } from "./folder-record.ts";
import { logOfCount, manifestOf, PartSizes } from "./manifest-parts.ts";
import { attributesOf, completeEntry, type RecordedEntry, type Xattrs } from "./recorded-entry.ts";

export class LargeFolderRecord {
  private readonly folder: string;
  private readonly knowledge: ScanKnowledge;
  /** Of partitions, as a power of two: the manifests that there will be, unless few are recorded, or long ones. */
  private log: number;
  private partitions: SpillPartitions<ManifestEntry>;
  private readonly sizes = new PartSizes();
  /** Whether there is anything to record beside the folder itself. */
  hasEntries = false;
  private isPartial = false;

  /**
   * @param folder without a trailing slash; the root's is empty.
   * @param most entries that may come.
   */
  constructor(folder: string, most: number, knowledge: ScanKnowledge) {
    this.folder = folder;
    this.knowledge = knowledge;
    this.log = logOfCount(most);
    this.partitions = new SpillPartitions(2 ** this.log);
  }

  /** In the order of names. */
  add(recorded: RecordedEntry, xattrs: Xattrs | undefined): void {
    const entry = completeEntry(recorded, this.folder, xattrs, this.knowledge.links);
    this.hasEntries = true;
    this.sizes.add(entry);
    this.partitions.append(manifestIndexOf(entry.name, this.log), entry);
  }

  /** Notes that there is an entry that could not be looked at. */
  miss(): void {
    this.isPartial = true;
    this.hasEntries = true;
  }

  /** The folder's manifests in the order of their sort keys. */
  *manifests(own: OwnRecord): Generator<Entry> {
    this.spreadOver(this.sizes.log);
    const { folder, knowledge, log, partitions, isPartial } = this;
    const attributes = attributesOf(own.stat, own.xattrs);
    for (const index of Array.from({ length: 2 ** log }, (_, i) => i).sort(byManifestName)) {
      const entries = [...partitions.read(index)].sort((a, b) => comparePaths(a.name, b.name));
      yield manifestOf(folder, attributes, { log, index, entries, isPartial }, knowledge.accounts);
    }
  }

  close(): void {
    this.partitions.close();
  }

  private spreadOver(log: number): void {
    if (log === this.log) return;
    const spread = new SpillPartitions<ManifestEntry>(2 ** log);
    for (let partition = 0; partition < 2 ** this.log; partition++) {
      for (const entry of this.partitions.read(partition))
        spread.append(manifestIndexOf(entry.name, log), entry);
    }
    this.partitions.close();
    this.partitions = spread;
    this.log = log;
  }
}

/** Manifest 10 comes before 2. */
function byManifestName(a: number, b: number): number {
  return comparePaths(`${a.toString(36)}.`, `${b.toString(36)}.`);
}
