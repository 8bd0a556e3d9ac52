/**
 * Restoring: for every path its current version, back to where files live.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Config } from "../config/config.ts";
import { BackupError, ConfigError, errorCode, InterruptedError, RefusedError } from "../errors.ts";
import type { PathGroup, Version } from "../plan/group.ts";
import { currentVersion } from "../plan/plan-path.ts";
import { Selection } from "../plan/selection.ts";
import { sweepTemporaryFolders } from "../storage/local/temporary.ts";
import { type OpenDestination, openDestination, withSortedFallback } from "./destination.ts";
import { openTarget } from "./open-target.ts";
import type { Overwrite } from "./restore-file.ts";
import { type RunOptions, withDefaults } from "./run-options.ts";
import { storedGroups, withStoredTimes } from "./stored-groups.ts";
import { type RunResult, Tally } from "./tally.ts";
import type { RestoreOutcome } from "./tasks.ts";

const DAY_MS = 86_400_000;

export interface RestoreOptions extends RunOptions {
  /** Restore files that were deleted at the source, too. */
  readonly deleted?: boolean;
  /** Only these paths, folders and globs; empty: everything. */
  readonly only?: readonly string[];
  readonly overwrite?: Overwrite;
  /** Compare the content of files that look identical. */
  readonly checksum?: boolean;
}

/**
 * Runs one restore. Failures of single files are reported and counted; the result's `errors` tell.
 * @throws BackupError where nothing could be done at all; `InterruptedError` after a signal.
 */
export async function runRestore(config: Config, options: RestoreOptions): Promise<RunResult> {
  const complete = withDefaults(options);
  const { deleted = false, only = [], overwrite = "always", checksum = false } = options;
  const tally = new Tally(options.reporter);
  const selection = new Selection(only);
  const storage = await complete.openStorage(config.dest, "destination");
  let destination: OpenDestination | undefined;
  const stop = () => destination?.workers.stop();
  options.signal.addEventListener("abort", stop);
  const target = await openTarget(config.restore, complete.openStorage);
  try {
    destination = await openDestination(config, storage, complete, tally, {
      mode: "restore",
      overwrite,
      checksum,
    });
    await prepareTarget(config, complete.now());
    const restore = new Restore(destination, options, tally, selection, deleted);
    await withSortedFallback(destination, (versions) => restore.pass(versions));
    await destination.workers.drain();
    for (const text of selection.unmatched()) tally.error(nothingMatches(text));
    await target.flush();
    options.signal.throwIfAborted();
    return tally.result();
  } catch (error) {
    throw options.signal.aborted ? new InterruptedError() : error;
  } finally {
    options.signal.removeEventListener("abort", stop);
    destination?.workers.stop();
    await destination?.workers.close();
    await target.close();
    await storage.close();
  }
}

class Restore {
  private readonly destination: OpenDestination;
  private readonly options: RestoreOptions;
  private readonly tally: Tally;
  private readonly selection: Selection;
  private readonly deleted: boolean;
  private files = 0;
  private bytes = 0;

  constructor(
    destination: OpenDestination,
    options: RestoreOptions,
    tally: Tally,
    selection: Selection,
    deleted: boolean,
  ) {
    this.destination = destination;
    this.options = options;
    this.tally = tally;
    this.selection = selection;
    this.deleted = deleted;
  }

  async pass(versions: AsyncIterable<Version[]>): Promise<void> {
    this.files = 0;
    this.bytes = 0;
    for await (const groups of storedGroups(versions)) {
      for (const group of groups) await this.restoreGroup(group);
      this.options.signal.throwIfAborted();
    }
    this.tally.expect(this.files, this.bytes);
  }

  private async restoreGroup(listed: PathGroup): Promise<void> {
    if (!this.selection.selects(listed.path)) return;
    const { versions } = await withStoredTimes(listed, this.destination.storage);
    const version = currentVersion(versions);
    if (version === undefined || (version.deleted !== 0 && !this.deleted)) return;
    this.files++;
    this.bytes += version.size;
    await this.destination.workers.submit({ do: "restore", version }, (outcome) =>
      this.settle(version, outcome as RestoreOutcome),
    );
  }

  private settle({ path: file, size }: Version, outcome: RestoreOutcome): void {
    if (outcome.kind === "stopped") return;
    this.tally.count(outcome.kind, size, { processed: outcome.kind === "restored" ? size : 0 });
    if (outcome.kind === "failed") {
      this.tally.error({ ...outcome.report, path: outcome.report.path ?? file });
    } else if (outcome.kind === "restored") {
      this.options.reporter.file("restored", file);
    } else if (outcome.kind === "kept") {
      this.options.reporter.file("kept", file, "another file is there");
    }
  }
}

function nothingMatches(text: string) {
  return {
    side: "destination",
    kind: "failed",
    message: "nothing at the destination matches this",
    path: text,
    code: "ENOMATCH",
    remedy:
      "give a path as it is stored, a folder, or a glob; --restore-deleted looks among deleted files too",
  } as const;
}

/**
 * Makes the target folder, and clears away what restores that were cut off left in it. The default one lies under a known name in a folder that everyone may write to, so it has
 * to be a real folder, ours, and closed to others.
 */
async function prepareTarget(
  { restore, restoreIsDefault, unfinishedKeepDays }: Config,
  now: Date,
): Promise<void> {
  if (restore.kind !== "local") return;
  const root = path.resolve(restore.path);
  try {
    if (restoreIsDefault) makePrivate(root);
    else fs.mkdirSync(root, { recursive: true });
    sweepTemporaryFolders(root, unfinishedKeepDays * DAY_MS, now.getTime());
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new ConfigError(`the restore folder cannot be made (${errorCode(error)})`, {
      path: root,
      cause: error,
    });
  }
}

function makePrivate(root: string): void {
  try {
    fs.mkdirSync(root, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
  const stat = fs.lstatSync(root);
  if (!stat.isDirectory() || (process.getuid !== undefined && stat.uid !== process.getuid())) {
    throw new RefusedError("restore", "the default restore folder belongs to somebody else", {
      path: root,
      remedy: "set `restore` to a folder of your own",
    });
  }
  fs.chmodSync(root, 0o700);
}
