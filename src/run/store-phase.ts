/**
 * Handing files to the workers and taking their outcomes: staged objects are published, everything is counted.
 */

import { reportOf } from "../errors.ts";
import { LIVE } from "../names/stamp.ts";
import type { StoredVersion } from "../names/stored-name.ts";
import { isLive } from "../names/stored-name.ts";
import type { StagedObject } from "../storage/storage.ts";
import type { Publisher } from "./publisher.ts";
import type { Reporter } from "./reporter.ts";
import type { Retirements } from "./retirements.ts";
import type { Tally } from "./tally.ts";
import type { ReadFile, SourceRef, StoreOutcome } from "./tasks.ts";
import type { UnfinishedUploads } from "./unfinished-uploads.ts";
import type { Workers } from "./workers.ts";

export interface StoreRequest {
  readonly file: SourceRef;
  /** Versions whose content may be that of the file. */
  readonly sameSize: readonly StoredVersion[];
  /** Versions that the new one replaces. */
  readonly previous: readonly StoredVersion[];
}

export class StorePhase {
  private readonly workers: Workers;
  private readonly publisher: Publisher;
  private readonly tally: Tally;
  private readonly reporter: Reporter;
  private readonly unfinished: UnfinishedUploads;

  constructor(
    workers: Workers,
    publisher: Publisher,
    tally: Tally,
    reporter: Reporter,
    unfinished: UnfinishedUploads,
  ) {
    this.workers = workers;
    this.publisher = publisher;
    this.tally = tally;
    this.reporter = reporter;
    this.unfinished = unfinished;
  }

  /** Queues one file; what it replaces is noted in `retirements` once the new version is durable. */
  async store(request: StoreRequest, retirements: Retirements): Promise<void> {
    const { file, sameSize } = request;
    const previous = request.previous.find(isLive);
    const unfinished = this.unfinished.of(file.path);
    const task = { do: "store", file, sameSize, unfinished, ...(previous && { previous }) } as const;
    await this.workers.submit(task, (outcome) => this.settle(request, outcome as StoreOutcome, retirements));
  }

  private settle(request: StoreRequest, outcome: StoreOutcome, retirements: Retirements): void {
    const { file } = request;
    switch (outcome.kind) {
      case "stored":
        this.publish(request, outcome.read, outcome.staged, actionOf(request), retirements);
        return;
      case "same":
        this.keepContent(request, outcome, retirements);
        return;
      case "vanished":
        this.reporter.warning("vanished before it could be read", file.path);
        this.tally.count("vanished while running", file.size);
        return;
      case "failed":
        this.tally.error({ ...outcome.report, path: outcome.report.path ?? file.path });
        if (file.manifest === undefined) this.tally.count("failed", file.size);
        return;
      case "stopped":
        return;
    }
  }

  private publish(
    { file, previous }: StoreRequest,
    read: ReadFile,
    staged: StagedObject,
    action: string,
    retirements: Retirements,
  ): void {
    this.publisher.add(staged, (error) => {
      if (error !== undefined) {
        this.tally.error({ ...reportOf(error, "destination"), path: file.path });
        if (file.manifest === undefined) this.tally.count("failed", file.size);
        return;
      }
      if (file.manifest !== undefined) this.tally.stored(staged.size);
      else {
        this.tally.count(action, read.size, { stored: staged.size, sent: staged.sent, processed: read.size });
        this.reporter.file(action, file.path);
      }
      for (const version of previous) {
        // Two runs side by side may store the very same version under the very same name.
        if (version.key === staged.key) continue;
        retirements.remove({ version, successor: { key: staged.key, size: staged.size }, why: "replaced" });
      }
      this.unfinished.completed(file.path);
    });
  }

  /** The content is there already, under another time or marked deleted: a renaming brings it up to date. */
  private keepContent(
    request: StoreRequest,
    { read, version, staged }: StoreOutcome & { kind: "same" },
    retirements: Retirements,
  ): void {
    const { file, previous } = request;
    const surplus = previous.filter(({ key }) => key !== version.key);
    if (isLive(version) && version.mtime === read.mtime) {
      this.tally.count("unchanged", read.size);
      for (const other of surplus) {
        retirements.remove({ version: other, successor: { key: version.key }, why: "surplus" });
      }
      return;
    }
    const action = isLive(version) ? "touched" : "revived";
    if (staged !== undefined) {
      this.publish(request, read, staged, action, retirements);
      return;
    }
    this.tally.count(action, read.size, { processed: read.size });
    this.reporter.file(action, file.path);
    retirements.rename({ version, to: { path: file.path, ...read, stamp: LIVE }, why: action, surplus });
  }
}

function actionOf({ previous }: StoreRequest): "changed" | "new" {
  return previous.some(isLive) ? "changed" : "new";
}
