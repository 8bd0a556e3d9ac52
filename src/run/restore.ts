/**
 * Restoring: for every path its current version, back to where files live.
 */

import * as fs from "node:fs";
import * as path from "node:path";
import type { Config } from "../config/config.ts";
import { BackupError, ConfigError, errorCode, InterruptedError, RefusedError, reportOf } from "../errors.ts";
import type { Manifest } from "../metadata/manifest.ts";
import { parseManifestPath, unescapePath } from "../names/manifest-name.ts";
import { isLive } from "../names/stored-name.ts";
import type { PathGroup, Version } from "../plan/group.ts";
import { currentVersion } from "../plan/plan-path.ts";
import { Selection } from "../plan/selection.ts";
import { SPARSE_LEAST } from "../scan/folder-record.ts";
import { SpillList } from "../spill/spill-list.ts";
import { sweepTemporaryFolders } from "../storage/local/temporary.ts";
import { MetadataApplier } from "./apply-metadata.ts";
import { type OpenDestination, openDestination, withSortedFallback } from "./destination.ts";
import { mayBeManifest } from "./manifest-record.ts";
import { reservesNames } from "./open-source.ts";
import { openTarget } from "./open-target.ts";
import type { Overwrite } from "./restore-file.ts";
import { RestoredMetadata } from "./restored-metadata.ts";
import { type RunOptions, withDefaults } from "./run-options.ts";
import { storedGroups, withStoredTimes } from "./stored-groups.ts";
import { type RunResult, Tally } from "./tally.ts";
import type { ManifestOutcome, RestoreOutcome } from "./tasks.ts";

const DAY_MS = 86_400_000;

export interface RestoreOptions extends RunOptions {
  /** Restore files that were deleted at the source, too. */
  readonly deleted?: boolean;
  /** Only these paths, folders and globs; empty: everything. */
  readonly only?: readonly string[];
  readonly overwrite?: Overwrite;
  /** Compare the content of files that look identical. */
  readonly checksum?: boolean;
  /** Set owner and group; undefined: where the process is root's. */
  readonly owner?: boolean;
  /** Set setuid and setgid bits, and file capabilities. */
  readonly setid?: boolean;
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
    const reopen = await prepareTarget(config, complete.now());
    const restore = new Restore(config, destination, options, tally, selection, deleted);
    try {
      await withSortedFallback(destination, (versions) => restore.pass(versions));
      await restore.finish(reopen);
    } finally {
      restore.close();
    }
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
  private readonly config: Config;
  private metadata: RestoredMetadata;
  /** Where there are manifests, large files wait until all are read: they tell the sparse ones. */
  private large = new SpillList<Version>();
  private hasManifests: boolean;
  private unapplied = false;
  private readonly destination: OpenDestination;
  private readonly options: RestoreOptions;
  private readonly tally: Tally;
  private readonly selection: Selection;
  private readonly deleted: boolean;
  private files = 0;
  private bytes = 0;

  constructor(
    config: Config,
    destination: OpenDestination,
    options: RestoreOptions,
    tally: Tally,
    selection: Selection,
    deleted: boolean,
  ) {
    this.config = config;
    this.metadata = new RestoredMetadata(selection);
    this.hasManifests = reservesNames(config);
    this.destination = destination;
    this.options = options;
    this.tally = tally;
    this.selection = selection;
    this.deleted = deleted;
  }

  async pass(versions: AsyncIterable<Version[]>): Promise<void> {
    await this.destination.workers.drain();
    this.close();
    this.metadata = new RestoredMetadata(this.selection);
    this.large = new SpillList<Version>();
    this.files = 0;
    this.bytes = 0;
    for await (const groups of storedGroups(versions)) {
      for (const group of groups) await this.restoreGroup(group);
      this.options.signal.throwIfAborted();
    }
    this.tally.expect(this.files, this.bytes);
  }

  /** Large files, and then metadata. `reopen` gives the target the mode that it had, before it may get that of the source. */
  async finish(reopen: () => void): Promise<void> {
    const { destination, metadata, options, config, tally } = this;
    await destination.workers.drain();
    for (const version of this.large) {
      options.signal.throwIfAborted();
      await this.submit(version, metadata.sparse.has(unescapePath(version.path)));
    }
    await destination.workers.drain();
    options.signal.throwIfAborted();
    if (config.restore.kind === "local") {
      const isRootDone = metadata.folders.length > 0 && (await this.applyMetadata(config.restore.path));
      if (!isRootDone) reopen();
      for (const folder of metadata.lost()) tally.error(lostManifest(folder || config.restore.path));
    } else if (this.unapplied) {
      options.reporter.info(
        "Metadata are not restored to a bucket: links, special files and empty folders are missing",
      );
    }
  }

  close(): void {
    this.large.close();
    this.metadata.close();
  }

  /** Whether the target itself got a mode. */
  private async applyMetadata(root: string): Promise<boolean> {
    const { options, tally, metadata } = this;
    const applier = new MetadataApplier({
      root: path.resolve(root),
      overwrite: options.overwrite ?? "always",
      owner: options.owner ?? process.geteuid?.() === 0,
      setid: options.setid ?? false,
      tally,
      reporter: options.reporter,
      signal: options.signal,
    });
    return applier.run(metadata.folders);
  }

  private async restoreGroup(listed: PathGroup): Promise<void> {
    const manifest = parseManifestPath(listed.path);
    const isSelected = (file: string) =>
      this.selection.selects(file) || this.selection.selects(unescapePath(file));
    if (manifest === undefined ? !isSelected(listed.path) : !this.selection.maySelectIn(manifest.folder))
      return;
    const { versions } = await withStoredTimes(listed, this.destination.storage);
    const version = currentVersion(versions);
    if (version === undefined || (!isLive(version) && !this.deleted)) return;
    if (mayBeManifest(version)) {
      await this.readManifest(version);
    } else if (isSelected(listed.path)) {
      await this.restoreFile(version);
    }
  }

  private async readManifest(version: Version): Promise<void> {
    this.hasManifests = true;
    await this.destination.workers.submit({ do: "read-manifest", version }, (outcome) => {
      const read = outcome as ManifestOutcome;
      if (read.kind === "manifest" && isLive(version)) this.takeManifest(version, read.manifest);
      // Workers are not to be waited for here.
      if (read.kind === "file" && this.selection.selects(version.path)) this.large.append(version);
      if (read.kind === "failed" && isLive(version)) {
        this.tally.error({ ...read.report, path: read.report.path ?? version.path });
      }
    });
  }

  private takeManifest({ path: file }: Version, manifest: Manifest): void {
    if (this.config.restore.kind !== "local") {
      this.unapplied = true;
      return;
    }
    try {
      this.metadata.add(file, manifest);
    } catch (error) {
      this.tally.error(reportOf(error, "restore", file));
    }
  }

  private async restoreFile(version: Version): Promise<void> {
    this.files++;
    this.bytes += version.size;
    if (isLive(version)) this.metadata.expectFor(version.path);
    const maybeSparse = this.hasManifests && version.size >= SPARSE_LEAST;
    if (maybeSparse && this.config.restore.kind === "local") this.large.append(version);
    else await this.submit(version, false);
  }

  private async submit(version: Version, sparse: boolean): Promise<void> {
    await this.destination.workers.submit({ do: "restore", version, sparse }, (outcome) =>
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

function lostManifest(folder: string) {
  return {
    side: "destination",
    kind: "failed",
    message:
      "the metadata of this folder are not, or not all, in the backup: its files were restored without",
    path: folder,
    code: "ENOMANIFEST",
  } as const;
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
): Promise<() => void> {
  if (restore.kind !== "local") return () => {};
  const root = path.resolve(restore.path);
  try {
    if (restoreIsDefault) makePrivate(root);
    else fs.mkdirSync(root, { recursive: true });
    sweepTemporaryFolders(root, unfinishedKeepDays * DAY_MS, now.getTime());
    return restoreIsDefault ? () => {} : closeIfEmpty(root);
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new ConfigError(`the restore folder cannot be made (${errorCode(error)})`, {
      path: root,
      cause: error,
    });
  }
}

/**
 * Closes a folder with nothing in it to others until files have their modes; returns what opens it again. Where this user
 * may not, it stays as it is.
 */
function closeIfEmpty(root: string): () => void {
  if (fs.readdirSync(root).length > 0) return () => {};
  const mode = fs.statSync(root).mode & 0o7777;
  try {
    fs.chmodSync(root, mode & 0o7700);
  } catch {
    return () => {};
  }
  return () => fs.chmodSync(root, mode);
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
