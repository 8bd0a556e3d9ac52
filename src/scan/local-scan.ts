/**
 * The walk over a local folder: its files, and the manifests of its folders, in the order of their sort keys.
 *
 * All of it is synchronous, which is ten times cheaper than promises; whoever walks lets others have their turn between
 * batches.
 */
import { setImmediate } from "node:timers/promises";
import type { XattrSurvey } from "../metadata/xattrs.ts";
import { sortPaths } from "../names/path-text.ts";
import { type FolderEntry, isLargeFolder, readFolder } from "../storage/local/read-folder.ts";
import type { Entry } from "./entry.ts";
import { Examiner, type LocalFindings, type LocalScanSettings } from "./examiner.ts";
import type { Exclusions } from "./exclusions.ts";
import { FolderRecord } from "./folder-record.ts";
import { keyOf, type Sibling } from "./key-order.ts";
import { LargeFolder } from "./large-folder.ts";
import { Recording } from "./recording.ts";

const BATCH = 500;
/** Entries that are looked at before the walk itself begins: some 15 MB. */
const AHEAD_MOST = 30_000;
/** Entries between two looks at whether that is still needed. */
const TURN = 500;

/** One folder as it was found. */
interface FoundFolder {
  /** But for folders that are left out, and are not to be touched. Undefined when it could not be read. */
  readonly listed: readonly FolderEntry[] | undefined;
  readonly found: Map<string, Sibling>;
  readonly record: FolderRecord;
}

export class LocalScan {
  private readonly settings: LocalScanSettings;
  private readonly exclusions: Exclusions;
  private readonly findings: LocalFindings;
  private readonly examiner: Examiner;
  /** Folders that were read before the walk came to them, by their paths with a trailing slash. */
  private readonly ahead = new Map<string, FoundFolder>();

  /** @param exclusions gain the rules that lie in the folders. */
  constructor(settings: LocalScanSettings, exclusions: Exclusions, findings: LocalFindings) {
    this.settings = settings;
    this.exclusions = exclusions;
    this.findings = findings;
    this.examiner = new Examiner(settings, exclusions, findings);
  }

  /**
   * Looks at folders in the order of the walk before it begins: a bounded number of them, as long as it is not known what it
   * needs (`waits`). None that are too large for memory.
   */
  async readAhead(waits: () => boolean): Promise<void> {
    const next = [""];
    let entries = 0;
    let turn = TURN;
    while (waits() && entries < AHEAD_MOST) {
      const prefix = next.pop();
      if (prefix === undefined) return;
      const folder = this.readOne(prefix);
      if (folder === undefined) continue;
      this.ahead.set(prefix, folder);
      const folders = [...folder.found.values()].filter((sibling) => typeof sibling === "string");
      next.push(...sortPaths(folders).reverse());
      entries += 1 + folder.found.size;
      if (entries < turn) continue;
      turn = entries + TURN;
      await setImmediate();
    }
  }

  /**
   * Everything in batches, ascending by sort key; an empty one is a pause. To be called once.
   *
   * @param survey where extended attributes are; needed while metadata are recorded.
   */
  *walk(survey?: XattrSurvey): Generator<Entry[]> {
    const recording = survey && new Recording(this.settings.root, survey, (path) => this.tellTooMany(path));
    let batch: Entry[] = [];
    const path = [this.siblings("", recording)];
    try {
      for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
        const { value: sibling, done } = last.next();
        if (done) path.pop();
        else if (typeof sibling === "string") path.push(this.siblings(sibling, recording));
        else if (sibling !== undefined) batch.push(sibling);
        const isPause = !done && sibling === undefined;
        if (batch.length < BATCH && !isPause) continue;
        yield batch;
        batch = [];
      }
      if (batch.length > 0) yield batch;
    } finally {
      for (const unread of path) unread.return?.();
    }
    this.tellNotes(survey);
  }

  /** One folder's files, manifests and subfolders, in the order of their sort keys; undefined is a pause. */
  private siblings(prefix: string, recording: Recording | undefined): Iterator<Sibling | undefined> {
    const folder = this.ahead.get(prefix) ?? this.readOne(prefix);
    this.ahead.delete(prefix);
    if (folder === undefined) {
      const large = new LargeFolder(this.settings.root, prefix, this.examiner);
      return large.siblings(recording, () => this.isRecorded(prefix));
    }
    const { found } = folder;
    for (const manifest of this.manifestsOf(prefix, folder, recording)) found.set(manifest.sortKey, manifest);
    return sortPaths([...found.keys()])
      .map((key) => found.get(key) as Sibling)
      .values();
  }

  private manifestsOf(
    prefix: string,
    { listed, record }: FoundFolder,
    recording: Recording | undefined,
  ): Entry[] {
    if (recording === undefined || listed === undefined) return [];
    try {
      if (this.isRecorded(prefix) || record.hasEntries) return recording.manifestsOf(prefix, listed, record);
      recording.passThrough(prefix, listed);
      return [];
    } catch (error) {
      this.examiner.unknownFolder(prefix, error, "cannot be examined");
      return [];
    }
  }

  /** Whatever is in it. One that is left out is recorded, too, for what is considered in it. */
  private isRecorded(prefix: string): boolean {
    const { exclusions } = this;
    if (prefix === "" || exclusions.isMountPoint(prefix) || exclusions.leadsThrough(prefix)) return true;
    return exclusions.reasonFor(prefix) === undefined;
  }

  /** Undefined of a folder with more names than memory should hold. */
  private readOne(prefix: string): FoundFolder | undefined {
    const { examiner } = this;
    const isMountPoint = this.exclusions.isMountPoint(prefix);
    const record = new FolderRecord(prefix.slice(0, -1), isMountPoint);
    const found = new Map<string, Sibling>();
    if (isMountPoint) return { listed: [], found, record };
    const folder = prefix === "" ? this.settings.root : `${this.settings.root}/${prefix}`;
    let listed: readonly FolderEntry[];
    try {
      if (isLargeFolder(folder)) return undefined;
      listed = readFolder(folder);
    } catch (error) {
      examiner.unknownFolder(prefix, error, "cannot be listed");
      return { listed: undefined, found, record };
    }
    for (const entry of listed) if (examiner.isRules(entry)) examiner.takeRules(prefix, entry.name);
    const considered: FolderEntry[] = [];
    for (const entry of listed) {
      const sibling = examiner.lookAt(prefix, entry, record);
      if (sibling !== undefined) found.set(keyOf(sibling), sibling);
      if (sibling !== undefined || entry.kind !== "folder") considered.push(entry);
    }
    return { listed: considered, found, record };
  }

  private tellNotes(survey: XattrSurvey | undefined): void {
    const { onNote } = this.findings;
    const { specials } = this.examiner;
    if (specials > 0) onNote(`${specials} devices, sockets and FIFOs are recorded, not opened`);
    if (survey?.available === false) {
      onNote(
        "getfattr is not installed (Debian's package attr): extended attributes and ACLs are not recorded",
      );
    }
  }

  private tellTooMany(path: string): void {
    this.findings.onNote(
      `${path}: its extended attributes are not recorded, since they are more than 768 KiB`,
    );
  }
}
