/**
 * Telling moved files from new ones.
 *
 * A new path whose size and md5 equal those of a version that vanished in the same run is a move: its object is
 * copied at the destination instead of being uploaded. Only new files whose size some vanished version has are hashed
 * at all; then both are sorted by md5 and met, so that memory stays flat however many there are.
 */

import { reportOf } from "../errors.ts";
import { LIVE } from "../names/stamp.ts";
import type { StoredVersion } from "../names/stored-name.ts";
import type { Source } from "../scan/source.ts";
import { ExternalSorter } from "../spill/external-sorter.ts";
import { SpillList } from "../spill/spill-list.ts";
import { goesByEtag } from "./by-etag.ts";
import type { OpenDestination } from "./destination.ts";
import type { Publisher } from "./publisher.ts";
import type { Reporter } from "./reporter.ts";
import type { Tally } from "./tally.ts";
import type { CopyOutcome, HashOutcome, ReadFile, SourceRef } from "./tasks.ts";

export interface MoveContext {
  readonly source: Source;
  readonly destination: OpenDestination;
  readonly publisher: Publisher;
  readonly tally: Tally;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** Only tell what would be done. */
  readonly dryRun: boolean;
  /** Uploads a file that turned out not to be a move. */
  store(file: SourceRef): Promise<void>;
}

interface Hashed {
  readonly file: SourceRef;
  readonly read: ReadFile;
}

export class MovePhase {
  /**
   * Contents (`contentKey`) of moved files that did not get their copy: the vanished version may be the only one
   * there is, so it is left as it is until a later run.
   */
  readonly unsettled = new Set<string>();
  /** How many vanished versions live on under another path. */
  explained = 0;
  private readonly context: MoveContext;
  /** Moved files that have to be uploaded after all. */
  private readonly uncopied = new SpillList<SourceRef>();

  constructor(context: MoveContext) {
    this.context = context;
  }

  /** Copies or queues for upload every new file. */
  async run(newFiles: Iterable<SourceRef>, vanished: Iterable<{ version: StoredVersion }>): Promise<void> {
    const sizes = new Set<number>();
    for (const { version } of vanished) sizes.add(version.size);
    const hashed = new ExternalSorter<Hashed>(({ read }) => contentKey(read));
    const candidates = new ExternalSorter<StoredVersion>(contentKey);
    try {
      for (const file of newFiles) {
        this.context.signal.throwIfAborted();
        if (sizes.has(file.size)) await this.hash(file, hashed);
        else await this.context.store(file);
      }
      await this.context.destination.workers.drain();
      if (hashed.length === 0) return;
      for (const { version } of vanished) candidates.add(version);
      await this.meet(hashed.sorted(), candidates.sorted());
    } finally {
      hashed.close();
      candidates.close();
      this.uncopied.close();
    }
  }

  private async hash(file: SourceRef, hashed: ExternalSorter<Hashed>): Promise<void> {
    const { source, destination } = this.context;
    const task = { do: "hash", file, ...(await goesByEtag(source, file)) } as const;
    await destination.workers.submit(task, (outcome) => {
      const { kind, ...rest } = outcome as HashOutcome;
      if (kind === "hashed" && "read" in rest) hashed.add({ file, read: rest.read });
      else if (kind === "failed" && "report" in rest) {
        this.context.tally.error({ ...rest.report, path: rest.report.path ?? file.path });
        this.context.tally.count("failed", file.size);
      } else if (kind === "vanished") {
        this.context.reporter.warning("vanished before it could be read", file.path);
        this.context.tally.count("vanished while running", file.size);
      }
    });
  }

  /** Both come sorted by content; each vanished version whose content a new file has counts as explained. */
  private async meet(files: Iterator<Hashed>, versions: Iterator<StoredVersion>): Promise<void> {
    let version = versions.next();
    let file = files.next();
    while (!file.done) {
      this.context.signal.throwIfAborted();
      const key = contentKey(file.value.read);
      while (!version.done && contentKey(version.value) < key) version = versions.next();
      const moved = !version.done && contentKey(version.value) === key ? version.value : undefined;
      while (!file.done && contentKey(file.value.read) === key) {
        if (moved === undefined) await this.context.store(file.value.file);
        else await this.copy(moved, file.value);
        file = files.next();
      }
      while (!version.done && contentKey(version.value) === key) {
        this.explained++;
        version = versions.next();
      }
    }
    await this.context.destination.workers.drain();
    for (const uncopied of this.uncopied) await this.context.store(uncopied);
  }

  private async copy(version: StoredVersion, { file, read }: Hashed): Promise<void> {
    const { dryRun, tally, reporter } = this.context;
    if (dryRun) {
      tally.count("moved", read.size);
      reporter.file("moved", file.path, undefined, read.size);
      return;
    }
    const to = { path: file.path, ...read, stamp: LIVE };
    await this.context.destination.workers.submit({ do: "copy", version, to }, (outcome) => {
      const copied = outcome as CopyOutcome;
      if (copied.kind === "copied") this.publish(copied, file, read);
      if (copied.kind !== "failed") return;
      // Whatever keeps the storage from copying (a name too long, an archived object): an upload meets it too, and
      // then says so; or it works.
      this.unsettled.add(contentKey(read));
      this.uncopied.append(file);
    });
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
        this.unsettled.add(contentKey(read));
        tally.error({ ...reportOf(error, "destination"), path: file.path });
        tally.count("failed", file.size);
      }
    });
  }
}

/** What makes two contents count as the same. */
export function contentKey({ md5, size }: { md5: string; size: number }): string {
  return `${md5}.${size.toString(36)}`;
}
