/**
 * Handing files to the workers and taking their outcomes: staged objects are published, everything is counted.
 */

import { reportOf } from "../../errors.ts";
import { LIVE } from "../../names/stamp.ts";
import { isLive, md5ToBase36, type StoredVersion } from "../../names/stored-name.ts";
import type { Version } from "../../plan/group.ts";
import type { Source } from "../../scan/source.ts";
import type { StagedObject, Storage } from "../../storage/storage.ts";
import type { Successor } from "../history/retirements.ts";
import type { ObjectSealer } from "../object/object-sealer.ts";
import type { Reporter } from "../reporter.ts";
import type { Tally } from "../tally.ts";
import { goesByEtag } from "../worker/by-etag.ts";
import { keyFor } from "../worker/store-context.ts";
import type { HashOutcome, Loss, ReadFile, SourceRef, StoreOutcome } from "../worker/tasks.ts";
import type { Workers } from "../worker/workers.ts";
import type { JoinFindings } from "./backup-state.ts";
import type { Publisher } from "./publisher.ts";
import type { UnfinishedUploads } from "./unfinished-uploads.ts";

export interface StoreRequest {
  readonly file: SourceRef;
  /** Versions whose content may be that of the file. */
  readonly sameSize: readonly StoredVersion[];
  /** Versions that the new one replaces; with history oldest first. */
  readonly previous: readonly Version[];
  /** Retired versions of the path, and tombstones. */
  readonly retired: readonly StoredVersion[];
}

/** That of a file that was not read yet may be as long. */
const LONGEST_MD5 = md5ToBase36(Buffer.alloc(16, 0xff));

export interface StoreContext {
  readonly source: Source;
  readonly destination: Storage;
  readonly workers: Workers;
  readonly publisher: Publisher;
  readonly tally: Tally;
  readonly reporter: Reporter;
  readonly unfinished: UnfinishedUploads;
  readonly sealer: ObjectSealer;
  readonly keepsHistory: boolean;
  /** Only tell what would be done. */
  readonly dryRun: boolean;
}

export class StorePhase {
  private readonly context: StoreContext;

  constructor(context: StoreContext) {
    this.context = context;
  }

  /** Queues one file; what it replaces is noted in `found` once the new version is durable. */
  async store(request: StoreRequest, found: JoinFindings): Promise<void> {
    if (this.context.dryRun) await this.foresee(request, found);
    else await this.submit(request, (outcome) => this.settle(request, outcome, found));
  }

  /**
   * Queues a new file, and leaves it to `then` what it counts as: called when it is durable, or, without `staged`, when it
   * could not be made so, which is counted already.
   */
  async storeUncounted(
    file: SourceRef,
    found: JoinFindings,
    then: (read: ReadFile, staged?: StagedObject) => void,
  ): Promise<void> {
    const { publisher, unfinished } = this.context;
    await this.submit({ file, sameSize: [], previous: [], retired: [] }, (outcome) => {
      if (outcome.kind === "same") throw new Error("there was nothing to be the same as");
      if (outcome.kind !== "stored") {
        this.settleLoss(file, outcome, found);
        if (outcome.kind === "failed" && outcome.read !== undefined) then(outcome.read);
        return;
      }
      const { read, staged } = outcome;
      publisher.add(staged, (error) => {
        if (error !== undefined) {
          this.settleUnpublished(file, error, found);
          then(read);
          return;
        }
        unfinished.completed(file.path);
        then(read, staged);
      });
    });
  }

  private async submit(request: StoreRequest, settle: (outcome: StoreOutcome) => void): Promise<void> {
    const { source, workers, unfinished, keepsHistory } = this.context;
    const { file, sameSize } = request;
    // The newest: with history they come oldest first, otherwise ranked by their claim.
    const previous = keepsHistory ? request.previous.findLast(isLive) : request.previous.find(isLive);
    const task = {
      do: "store",
      file,
      sameSize,
      unfinished: unfinished.of(file.path),
      ...(previous && { previous }),
      ...(await goesByEtag(source, file)),
    } as const;
    await workers.submit(task, (outcome) => settle(outcome as StoreOutcome));
  }

  private settle(request: StoreRequest, outcome: StoreOutcome, found: JoinFindings): void {
    switch (outcome.kind) {
      case "stored":
        // What a tombstone marks is stored anew.
        if (request.sameSize.some(({ md5 }) => md5 === outcome.read.md5)) {
          found.returned.append({ md5: outcome.read.md5, size: outcome.read.size });
        }
        this.publish(request, outcome.read, outcome.staged, actionOf(request), found);
        return;
      case "same":
        this.keepContent(request, outcome, found);
        return;
      default:
        this.settleLoss(request.file, outcome, found);
    }
  }

  /** Counts a file of which there is nothing. */
  settleLoss(file: SourceRef, outcome: Loss, found: JoinFindings): void {
    const { source, tally, reporter } = this.context;
    if (outcome.kind !== "stopped") found.unsettled.addUnread(file.size);
    found.rewritten.lose(file.path);
    if (outcome.kind === "vanished") {
      reporter.warning("vanished before it could be read", file.path);
      tally.count("vanished while running", file.size);
      if (!source.wasRemoved(file.path)) found.goneFiles++;
    } else if (outcome.kind === "failed") {
      tally.error({ ...outcome.report, path: file.path });
      if (file.manifest === undefined) tally.count("failed", file.size);
    }
  }

  private publish(
    request: StoreRequest,
    read: ReadFile,
    staged: StagedObject,
    action: string,
    found: JoinFindings,
  ): void {
    const { publisher, tally, reporter, unfinished } = this.context;
    const { file, retired } = request;
    publisher.add(afterEnds(staged, retired), (error) => {
      if (error !== undefined) {
        this.settleUnpublished(file, error, found);
        return;
      }
      if (file.manifest !== undefined) tally.manifest(staged.size);
      else {
        tally.count(action, read.size, { stored: staged.size, sent: staged.sent, processed: read.size });
        reporter.file(action, file.path, undefined, read.size);
      }
      this.retirePrevious(request, { key: staged.key, size: staged.size }, found);
      unfinished.completed(file.path);
    });
  }

  private settleUnpublished(file: SourceRef, error: Error, found: JoinFindings): void {
    const { tally } = this.context;
    found.unsettled.addUnread(file.size);
    found.rewritten.lose(file.path);
    tally.error({ ...reportOf(error, "destination"), path: file.path });
    if (file.manifest === undefined) tally.count("failed", file.size);
  }

  /** Notes what goes in favour of a version that is durable. */
  retirePrevious(
    { previous, retired }: Pick<StoreRequest, "previous" | "retired">,
    successor: Successor,
    found: JoinFindings,
  ): void {
    // Two runs side by side may store the very same version under the very same name.
    const versions = previous.filter(({ key }) => key !== successor.key);
    if (this.context.keepsHistory) found.history.retire({ versions, successor, why: "replaced", retired });
    else for (const version of versions) found.retirements.remove({ version, successor, why: "replaced" });
  }

  /** The content is there already, under another time or retired: a renaming, or a copy, brings it up to date. */
  private keepContent(
    request: StoreRequest,
    { read, version, staged }: StoreOutcome & { kind: "same" },
    found: JoinFindings,
  ): void {
    const { tally, reporter } = this.context;
    const { file, previous } = request;
    const wasLive = previous.some(({ key, stamp }) => key === version.key && stamp.form === "live");
    const action = wasLive ? "touched" : "revived";
    if (action === "revived") found.returned.append({ md5: read.md5, size: read.size });
    if (staged !== undefined) {
      this.publish(request, read, staged, action, found);
      return;
    }
    const others = { ...request, previous: previous.filter(({ key }) => key !== version.key) };
    if (wasLive && version.mtime === read.mtime) {
      tally.count("unchanged", read.size);
      this.retirePrevious(others, { key: version.key }, found);
      return;
    }
    tally.count(action, read.size, { processed: read.size });
    reporter.file(action, file.path, undefined, read.size);
    const to = { path: file.path, ...read, stamp: LIVE };
    found.retirements.rename({ version, to, why: action, surplus: others.previous });
  }

  /** Of a file whose content may be there already, only its md5 tells what would be done. */
  private async foresee(request: StoreRequest, found: JoinFindings): Promise<void> {
    const { file, sameSize, previous } = request;
    const { source, destination, workers, sealer, tally } = this.context;
    if (sameSize.length === 0) {
      try {
        keyFor(
          { path: file.path, size: file.size, mtime: file.mtime, md5: LONGEST_MD5, stamp: LIVE },
          { sealer, destination },
        );
        this.foresaw(actionOf(request), request);
      } catch (error) {
        this.settleLoss(file, { kind: "failed", report: reportOf(error, "destination") }, found);
      }
      return;
    }
    await workers.submit({ do: "hash", file, ...(await goesByEtag(source, file)) }, (outcome) => {
      const hashed = outcome as HashOutcome;
      if (hashed.kind !== "hashed") {
        this.settleLoss(file, hashed, found);
        return;
      }
      const { read } = hashed;
      const version = sameSize.find(({ md5 }) => md5 === read.md5);
      const wasLive = previous.some(({ key, stamp }) => key === version?.key && stamp.form === "live");
      if (version !== undefined && !wasLive) found.returned.append({ md5: read.md5, size: read.size });
      if (version !== undefined && wasLive && version.mtime === read.mtime) {
        tally.count("unchanged", read.size);
        return;
      }
      // What a tombstone marks is stored anew, as in keep-content.ts.
      const to = version && sealer.keyAfter(version.key, { path: file.path, ...read, stamp: LIVE });
      const isMarked = sameSize.some(({ key }) => key === to);
      if (version === undefined || isMarked) this.foresaw(actionOf(request), request);
      else this.foresaw(wasLive ? "touched" : "revived", request);
    });
  }

  private foresaw(action: string, { file }: StoreRequest): void {
    const { tally, reporter } = this.context;
    if (file.manifest !== undefined) {
      tally.manifest(0);
      return;
    }
    tally.count(action, file.size);
    reporter.file(action, file.path, undefined, file.size);
  }
}

/**
 * What is stored before the end that a tombstone tells of would be of the life that ended then. Such an end lies in the future
 * where a clock was ahead.
 */
function afterEnds(staged: StagedObject, retired: readonly StoredVersion[]): StagedObject {
  const ends = retired.flatMap(({ stamp }) => (stamp.form === "marker" ? [stamp.ceased] : []));
  return ends.length === 0 ? staged : { ...staged, notBefore: Math.max(...ends) * 1000 };
}

function actionOf({ previous }: StoreRequest): "changed" | "new" {
  return previous.some(isLive) ? "changed" : "new";
}
