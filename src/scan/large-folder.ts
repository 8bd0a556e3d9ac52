/**
 * The walk over a folder with more names than memory should hold. Names are sorted on disk; each is looked at in their
 * order; what is found waits on disk for the folder's manifests, which come early in the order of keys.
 */
import { comparePaths } from "../names/path-text.ts";
import { ExternalSorter } from "../spill/external-sorter.ts";
import { SpillList } from "../spill/spill-list.ts";
import { type FolderEntry, readLargeFolder } from "../storage/local/read-folder.ts";
import type { Entry } from "./entry.ts";
import type { Examiner } from "./examiner.ts";
import { KeyOrder, keyOf, type Sibling } from "./key-order.ts";
import { LargeFolderRecord } from "./large-folder-record.ts";
import type { Recorder, Xattrs } from "./recorded-entry.ts";
import type { Recording } from "./recording.ts";

const SORTED_IN_MEMORY = 8 * 1024 * 1024;
/** Names between two pauses. */
const PIECE = 500;
const NONE: ReadonlyMap<string, Xattrs> = new Map();

export class LargeFolder {
  private readonly folder: string;
  private readonly prefix: string;
  private readonly examiner: Examiner;
  private readonly names = new ExternalSorter<FolderEntry>(({ name }) => name, SORTED_IN_MEMORY);
  private readonly found = new SpillList<Sibling>();
  private record: LargeFolderRecord | undefined;

  /** @param prefix the folder's path with a trailing slash; the root's is empty. */
  constructor(root: string, prefix: string, examiner: Examiner) {
    this.folder = prefix === "" ? root : `${root}/${prefix}`;
    this.prefix = prefix;
    this.examiner = examiner;
  }

  /**
   * Its files, manifests and subfolders, in the order of their sort keys; undefined is a pause. Once.
   *
   * @param isRecorded whether also without entries; is asked when the folder's own rules are known.
   */
  *siblings(recording: Recording | undefined, isRecorded: () => boolean): Generator<Sibling | undefined> {
    try {
      if (!(yield* this.list())) return;
      const { prefix, names } = this;
      if (recording)
        this.record = new LargeFolderRecord(prefix.slice(0, -1), names.length, recording.knowledge);
      yield* this.lookAtAll(recording);
      yield* merged(this.found, this.record?.hasEntries || isRecorded() ? this.manifests(recording) : []);
    } finally {
      this.names.close();
      this.found.close();
      this.record?.close();
    }
  }

  /** Whether it could be listed. */
  private *list(): Generator<undefined, boolean> {
    const { examiner, prefix, names } = this;
    const rules = new Set<string>();
    try {
      for (const entry of readLargeFolder(this.folder)) {
        names.add(entry);
        if (examiner.isRules(entry)) rules.add(entry.name);
        if (names.length % PIECE === 0) yield;
      }
    } catch (error) {
      examiner.unknownFolder(prefix, error, "cannot be listed");
      return false;
    }
    for (const name of rules) examiner.takeRules(prefix, name);
    return true;
  }

  private *lookAtAll(recording: Recording | undefined): Generator<undefined> {
    const { prefix, examiner, found } = this;
    const order = new KeyOrder();
    let last: string | undefined;
    for (const piece of inPieces(this.names.sorted())) {
      const xattrs = this.xattrsOf(piece, recording);
      const recorder: Recorder = {
        add: (recorded) => this.record?.add(recorded, xattrs.get(recorded.entry.name)),
        miss: () => this.record?.miss(),
      };
      for (const entry of piece) {
        const { name } = entry;
        if (name === last) continue;
        last = name;
        for (const sibling of order.takeBefore(prefix + name)) found.append(sibling);
        const sibling = examiner.lookAt(prefix, entry, recorder);
        if (sibling !== undefined) order.add(sibling);
      }
      yield;
    }
    for (const sibling of order.takeAll()) found.append(sibling);
  }

  private xattrsOf(
    piece: readonly FolderEntry[],
    recording: Recording | undefined,
  ): ReadonlyMap<string, Xattrs> {
    if (recording === undefined || this.record === undefined) return NONE;
    try {
      return recording.xattrsOf(this.prefix, piece);
    } catch (error) {
      this.giveUpRecording(error);
      return NONE;
    }
  }

  private manifests(recording: Recording | undefined): Iterable<Entry> {
    if (recording === undefined || this.record === undefined) return [];
    try {
      return this.record.manifests(recording.ownOf(this.prefix));
    } catch (error) {
      this.giveUpRecording(error);
      return [];
    }
  }

  private giveUpRecording(error: unknown): void {
    this.examiner.unknownFolder(this.prefix, error, "cannot be examined");
    this.record?.close();
    this.record = undefined;
  }
}

function* inPieces<T>(all: Iterable<T>): Generator<T[]> {
  let piece: T[] = [];
  for (const one of all) {
    piece.push(one);
    if (piece.length < PIECE) continue;
    yield piece;
    piece = [];
  }
  if (piece.length > 0) yield piece;
}

/** What is in both, in order. */
function* merged(found: Iterable<Sibling>, manifests: Iterable<Entry>): Generator<Sibling> {
  const rest = manifests[Symbol.iterator]();
  let manifest = rest.next();
  for (const sibling of found) {
    for (; !manifest.done && comparePaths(manifest.value.sortKey, keyOf(sibling)) < 0; manifest = rest.next())
      yield manifest.value;
    yield sibling;
  }
  for (; !manifest.done; manifest = rest.next()) yield manifest.value;
}
