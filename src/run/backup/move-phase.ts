/**
 * Telling moved files from new ones.
 *
 * A new path whose size and md5 equal those of a version that vanished in the same run is a move: its object is
 * copied at the destination instead of being uploaded. Only new files whose size some vanished version has are hashed
 * at all; then both are sorted by md5 and met, so that memory stays flat however many there are. Files that are so small
 * that storing them takes less than a copy are stored at once, and what they count as is told by the same meeting.
 */

import { reportOf } from "../../errors.ts";
import { LIVE } from "../../names/stamp.ts";
import type { StoredVersion } from "../../names/stored-name.ts";
import type { Source } from "../../scan/source.ts";
import { ExternalSorter } from "../../spill/external-sorter.ts";
import { SpillList } from "../../spill/spill-list.ts";
import type { StagedObject } from "../../storage/storage.ts";
import type { OpenDestination } from "../destination/destination.ts";
import type { Reporter } from "../reporter.ts";
import type { Tally } from "../tally.ts";
import { goesByEtag } from "../worker/by-etag.ts";
import { isSealedAgain } from "../worker/keep-content.ts";
import type { CopyOutcome, HashOutcome, Loss, ReadFile, SourceRef } from "../worker/tasks.ts";
import { type Content, contentKey } from "./content.ts";
import type { Publisher } from "./publisher.ts";
import type { UnsettledMoves } from "./unsettled-moves.ts";

export interface MoveContext {
  readonly source: Source;
  readonly destination: OpenDestination;
  readonly publisher: Publisher;
  readonly tally: Tally;
  readonly reporter: Reporter;
  readonly unsettled: UnsettledMoves;
  readonly signal: AbortSignal;
  /** Only tell what would be done. */
  readonly dryRun: boolean;
  /** Uploads a file that turned out not to be a move. */
  store(file: SourceRef): Promise<void>;
  /** Uploads a file that may be a move: counts it only where that fails. */
  storeUncounted(file: SourceRef, then: (read: ReadFile, staged?: StagedObject) => void): Promise<void>;
  /** Hears of each vanished version that lives on under another path. */
  onExplained(version: StoredVersion): void;
  /** Counts a file that could not be read. */
  settleLoss(file: SourceRef, outcome: Loss): void;
}

/** A file whose content is known. Without `file` nothing is left to be done or told. */
interface Hashed {
  readonly read: Content;
  readonly file?: SourceRef;
}

/** A new file, stored at once where it is so small that no copy was tried. */
interface NewFile extends Hashed {
  readonly read: ReadFile;
  readonly file: SourceRef;
  readonly isStored?: boolean;
}

export class MovePhase {
  private readonly context: MoveContext;
  /** What is stored later than this (after a signal) is not met any more. */
  private ended = false;
  /** Moved files that have to be uploaded after all. */
  private readonly uncopied = new SpillList<NewFile>();

  constructor(context: MoveContext) {
    this.context = context;
  }

  /**
   * Copies or queues for upload every new file.
   *
   * @param returned contents that came back to a place where they had been: what vanished may be what came back.
   */
  async run(
    newFiles: Iterable<SourceRef>,
    returned: Iterable<Content>,
    vanished: Iterable<{ version: StoredVersion }>,
  ): Promise<void> {
    const sizes = new Set<number>();
    for (const { version } of vanished) sizes.add(version.size);
    const hashed = new ExternalSorter<Hashed | NewFile>(({ read }) => contentKey(read));
    const candidates = new ExternalSorter<StoredVersion>(contentKey);
    try {
      for (const file of newFiles) {
        this.context.signal.throwIfAborted();
        if (!sizes.has(file.size)) await this.context.store(file);
        else if (this.isStoredAtOnce(file)) await this.storeAtOnce(file, hashed);
        else await this.hash(file, hashed);
      }
      await this.context.destination.workers.drain();
      await this.context.publisher.flush();
      for (const read of returned) if (sizes.has(read.size)) hashed.add({ read });
      if (hashed.length === 0) return;
      for (const { version } of vanished) candidates.add(version);
      await this.meet(hashed.sorted(), candidates.sorted());
    } finally {
      this.ended = true;
      hashed.close();
      candidates.close();
      this.uncopied.close();
    }
  }

  private isStoredAtOnce({ size }: SourceRef): boolean {
    const { dryRun, destination } = this.context;
    return !dryRun && isSealedAgain(size, destination.sealer, destination.storage);
  }

  private async storeAtOnce(file: SourceRef, hashed: ExternalSorter<Hashed | NewFile>): Promise<void> {
    await this.context.storeUncounted(file, (read, staged) => {
      if (staged === undefined) {
        this.context.unsettled.add(read);
        return;
      }
      this.countStored(read, staged);
      if (!this.ended) hashed.add({ file, read, isStored: true });
    });
  }

  private async hash(file: SourceRef, hashed: ExternalSorter<Hashed | NewFile>): Promise<void> {
    const { source, destination, settleLoss } = this.context;
    const task = { do: "hash", file, ...(await goesByEtag(source, file)) } as const;
    await destination.workers.submit(task, (outcome) => {
      const hash = outcome as HashOutcome;
      if (hash.kind === "hashed") hashed.add({ file, read: hash.read });
      else settleLoss(file, hash);
    });
  }

  /** Both come sorted by content; each vanished version whose content a file has counts as explained. */
  private async meet(files: Iterator<Hashed | NewFile>, versions: Iterator<StoredVersion>): Promise<void> {
    let version = versions.next();
    let file = files.next();
    while (!file.done) {
      this.context.signal.throwIfAborted();
      const key = contentKey(file.value.read);
      while (!version.done && contentKey(version.value) < key) version = versions.next();
      const moved = !version.done && contentKey(version.value) === key ? version.value : undefined;
      while (!file.done && contentKey(file.value.read) === key) {
        await this.take(file.value, moved);
        file = files.next();
      }
      while (!version.done && contentKey(version.value) === key) {
        this.context.onExplained(version.value);
        version = versions.next();
      }
    }
    await this.context.destination.workers.drain();
    for (const uncopied of this.uncopied) await this.storeUncopied(uncopied);
  }

  /** @param moved what vanished and has the same content. */
  private async take(file: Hashed | NewFile, moved: StoredVersion | undefined): Promise<void> {
    if (!isNew(file)) return;
    if (file.isStored) this.tell(moved === undefined ? "new" : "moved", file);
    else if (moved === undefined) await this.context.store(file.file);
    else await this.copy(moved, file);
  }

  private async copy(version: StoredVersion, { file, read }: NewFile): Promise<void> {
    const { dryRun, tally, reporter } = this.context;
    if (dryRun) {
      tally.count("moved", read.size);
      reporter.file("moved", file.path, undefined, read.size);
      return;
    }
    const to = { path: file.path, ...read, stamp: LIVE };
    await this.context.destination.workers.submit({ do: "copy", version, to, file }, (outcome) => {
      const copied = outcome as CopyOutcome;
      if (copied.kind === "copied") this.publish(copied, file, read);
      if (copied.kind !== "failed") return;
      // Whatever keeps the storage from copying (a name too long, an archived object): an upload meets it too, and
      // then says so; or it works.
      this.context.unsettled.add(read);
      this.uncopied.append({ file, read });
    });
  }

  private async storeUncopied({ file, read: before }: NewFile): Promise<void> {
    await this.context.storeUncounted(file, (read, staged) => {
      if (staged === undefined) return;
      this.context.unsettled.settle(before);
      this.countStored(read, staged);
      this.tell(contentKey(read) === contentKey(before) ? "moved" : "new", { file, read });
    });
  }

  private countStored({ size }: ReadFile, staged: StagedObject): void {
    this.context.tally.done(size, { stored: staged.size, sent: staged.sent, processed: size });
  }

  private tell(action: "new" | "moved", { file, read }: NewFile): void {
    this.context.tally.add(action, read.size);
    this.context.reporter.file(action, file.path, undefined, read.size);
  }

  private publish(
    { staged, renewed }: CopyOutcome & { kind: "copied" },
    file: SourceRef,
    read: ReadFile,
  ): void {
    const { publisher, tally, reporter } = this.context;
    publisher.add(staged, (error) => {
      if (error === undefined) {
        tally.count("moved", read.size, renewed ? { stored: staged.size, sent: staged.sent } : {});
        reporter.file("moved", file.path, undefined, read.size);
      } else {
        this.context.unsettled.add(read);
        tally.error({ ...reportOf(error, "destination"), path: file.path });
        tally.count("failed", file.size);
      }
    });
  }
}

function isNew(file: Hashed | NewFile): file is NewFile {
  return file.file !== undefined;
}
