/**
 * Restoring: for every path its current version, back to where files live.
 */

import type { Config } from "../../config/config.ts";
import { type ErrorReport, reportOf } from "../../errors.ts";
import type { Manifest } from "../../metadata/manifest.ts";
import { parseManifestPath, unescapePath } from "../../names/manifest-name.ts";
import { type Choice, chooseLife, isAmbiguous } from "../../plan/choice.ts";
import type { PathGroup, Version } from "../../plan/group.ts";
import { historyOf } from "../../plan/history.ts";
import { PastMatches, Selection } from "../../plan/selection.ts";
import { stripPrefixOfFile } from "../../plan/strip-prefix.ts";
import { reservesNames } from "../../scan/open-source.ts";
import { SPARSE_LEAST } from "../../scan/recorded-entry.ts";
import { SpillList } from "../../spill/spill-list.ts";
import { type OpenDestination, withSortedFallback } from "../destination/destination.ts";
import { nothingMatches } from "../destination/nothing-matches.ts";
import { nothingStored } from "../destination/nothing-stored.ts";
import { storedGroups, withStoredTimes } from "../destination/stored-groups.ts";
import { withDestination } from "../destination/with-destination.ts";
import { type RunOptions, withDefaults } from "../run-options.ts";
import { type RunResult, Tally } from "../tally.ts";
import { openTarget } from "../target/open-target.ts";
import type { RestoreTarget } from "../target/restore-target.ts";
import { mayBeManifest } from "../worker/manifest-record.ts";
import type { Overwrite } from "../worker/restore-file.ts";
import type { ManifestOutcome, RestoreOutcome } from "../worker/tasks.ts";
import { flush, RestoreFinish } from "./finish-restore.ts";
import { prepareTarget } from "./prepare-target.ts";
import { ambiguousVersion, noSuchVersion } from "./restore-reports.ts";
import { RestoredMetadata } from "./restored-metadata.ts";

const REMEDY =
  "give a path as it is stored, a folder, or a glob; --restore-deleted looks among deleted files too";
const REMEDY_STRIPPED =
  "give whole paths, as they are stored, in the folder of --strip-prefix; --restore-deleted looks among deleted files too";

export interface RestoreOptions extends RunOptions {
  /** Which version of each path: without, what is live. */
  readonly choice?: Choice;
  /** Only these paths, folders and globs; empty: everything. */
  readonly only?: readonly string[];
  readonly overwrite?: Overwrite;
  /** Compare the content of files that look identical. */
  readonly checksum?: boolean;
  /** Set owner and group; undefined: where the process is root's. */
  readonly owner?: boolean;
  /** Set setuid and setgid bits, and file capabilities. */
  readonly setid?: boolean;
  /** A folder of the backup that becomes the root of the target. */
  readonly stripPrefix?: string;
  /** Change nothing, and tell what would be restored. */
  readonly dryRun?: boolean;
  /**
   * Is called once all files and links are restored and durable, as far as `tally` has no failures, and nothing but the owners,
   * modes and times of folders is left to do. `files` are all of the state, `foreseen` paths of links and special files that a dry run did not make.
   */
  readonly beforeFolders?: (
    tally: Tally,
    restored: { readonly files: number; readonly foreseen: ReadonlySet<string> },
  ) => Promise<void>;
}

/**
 * Runs one restore. Failures of single files are reported and counted; the result's `errors` tell.
 * @throws BackupError where nothing could be done at all; `InterruptedError` after a signal.
 */
export async function runRestore(config: Config, options: RestoreOptions): Promise<RunResult> {
  const complete = withDefaults(options);
  const { only = [], overwrite = "always", checksum = false, stripPrefix, dryRun = false } = options;
  const tally = new Tally(options.reporter);
  const wanted = stripPrefix !== undefined && only.length === 0 ? [stripPrefix] : only;
  const selection = new Selection(wanted);
  const matches = new PastMatches(wanted);
  const target = await openTarget(config, complete.openStorage);
  const opening = {
    mode: "restore",
    readsOnly: true,
    readsObjects: true,
    overwrite,
    checksum,
    dryRun,
    stripPrefix,
  } as const;
  try {
    await withDestination(config, options, tally, opening, async (destination) => {
      await target.check?.();
      const reopen = dryRun ? () => {} : prepareTarget(config);
      const restore = new Restore(config, destination, target, options, tally, selection, matches);
      try {
        await withSortedFallback(destination, (versions) => restore.pass(versions));
        await restore.finish(reopen);
      } finally {
        restore.close();
      }
      await flush(target, tally);
    });
    return tally.result();
  } finally {
    await target.close();
  }
}

/** A version to be restored. `isCurrent`: it was the file's at the moment that is restored, so its metadata may be there. */
interface Wanted {
  readonly version: Version;
  readonly isCurrent: boolean;
}

class Restore {
  private readonly config: Config;
  private metadata: RestoredMetadata;
  /** Where there are manifests, large files wait until all are read: they tell the sparse ones. */
  private large = new SpillList<Wanted>();
  private hasManifests: boolean;
  private unapplied = false;
  private hasOld = false;
  /** Files that are there by this restore, or were the same before; of those that it has made, the paths. */
  private present = 0;
  private readonly made = new SpillList<string>();
  /** Paths of those that were the files' at the moment that is restored. */
  private readonly current = new SpillList<string>();
  private readonly destination: OpenDestination;
  private readonly options: RestoreOptions;
  private readonly tally: Tally;
  private readonly finishing: RestoreFinish;
  private readonly selection: Selection;
  private readonly matches: PastMatches;
  private readonly choice: Choice;
  /** Whether the destination holds anything of this tool, selected or not. */
  private isEmpty = true;
  private files = 0;
  private bytes = 0;

  constructor(
    config: Config,
    destination: OpenDestination,
    target: RestoreTarget,
    options: RestoreOptions,
    tally: Tally,
    selection: Selection,
    matches: PastMatches,
  ) {
    this.config = config;
    this.metadata = new RestoredMetadata(selection, options.stripPrefix);
    this.hasManifests = reservesNames(config);
    this.destination = destination;
    this.options = options;
    this.tally = tally;
    this.finishing = new RestoreFinish(config, target, options, tally);
    this.selection = selection;
    this.matches = matches;
    this.choice = options.choice ?? {};
  }

  async pass(versions: AsyncIterable<Version[]>): Promise<void> {
    await this.destination.workers.drain();
    this.closeLists();
    this.metadata = new RestoredMetadata(this.selection, this.options.stripPrefix);
    this.large = new SpillList<Wanted>();
    this.present = 0; // what an earlier pass has made is the same now
    this.files = 0;
    this.bytes = 0;
    for await (const groups of storedGroups(versions)) {
      if (groups.length > 0) this.isEmpty = false;
      for (const group of groups) await this.restoreGroup(group);
      this.options.signal.throwIfAborted();
    }
    this.tally.expect(this.files, this.bytes);
  }

  /** Large files, and then metadata. `reopen` gives the target the mode that it had, before it may get that of the source. */
  async finish(reopen: () => void): Promise<void> {
    const { destination, metadata, options, tally } = this;
    await destination.workers.drain();
    for (const wanted of this.large) {
      options.signal.throwIfAborted();
      await this.submit(wanted, metadata.sparse.has(unescapePath(wanted.version.path)));
    }
    await destination.workers.drain();
    options.signal.throwIfAborted();
    await destination.workers.close(); // what they hold is half of all memory, and nothing is left for them
    if (this.isEmpty && !tally.failed) tally.error(nothingStored(destination.storage));
    this.tellUnmatched();
    const { files, present, made, current, hasOld, unapplied } = this;
    await this.finishing.run({ metadata, files, present, made, current, hasOld, unapplied }, reopen);
  }

  close(): void {
    this.closeLists();
    this.made.close();
    this.current.close();
  }

  /** What each pass has its own of. */
  private closeLists(): void {
    this.large.close();
    this.metadata.close();
  }

  private tellUnmatched(): void {
    const { selection, matches, tally, options } = this;
    const remedy = options.stripPrefix === undefined ? REMEDY : REMEDY_STRIPPED;
    for (const text of selection.unmatched()) tally.error(nothingMatches(text, remedy));
    const { md5 } = this.choice;
    if (md5 === undefined) {
      for (const text of matches.notThere()) options.reporter.warning("nothing of it was there then", text);
      return;
    }
    for (const text of matches.notThere()) tally.error(noSuchVersion(md5, text));
    if (selection.everything && !matches.any && !this.isEmpty) tally.error(noSuchVersion(md5));
  }

  private async restoreGroup(listed: PathGroup): Promise<void> {
    const manifest = parseManifestPath(listed.path);
    if (manifest === undefined ? !this.isSelected(listed.path) : !this.selection.maySelectIn(manifest.folder))
      return;
    if (manifest !== undefined && this.choice.md5 !== undefined && listed.versions.some(mayBeManifest)) {
      this.metadata.noteRecorded(listed.path); // no manifest has that md5
      return;
    }
    const { storage } = this.destination;
    const onFailure = (report: ErrorReport) => this.tally.error(report);
    const group = await withStoredTimes(listed, storage, onFailure, this.choice.at !== undefined);
    if (group === undefined) return;
    const history = historyOf(group.versions);
    if (this.choice.md5 !== undefined && isAmbiguous(history, this.choice.md5)) {
      if (this.isSelected(listed.path)) this.tally.error(ambiguousVersion(listed.path));
      if (manifest === undefined) this.matches.note(unescapePath(listed.path), true);
      return;
    }
    const life = chooseLife(history, this.choice);
    if (manifest === undefined) this.matches.note(unescapePath(listed.path), life !== undefined);
    if (life === undefined) return;
    const isCurrent = this.choice.at !== undefined || life.ceased === undefined;
    if (mayBeManifest(life.version)) {
      if (manifest !== undefined || this.isSelected(listed.path))
        await this.readManifest(life.version, isCurrent);
    } else if (this.isSelected(listed.path)) {
      await this.restoreFile(life.version, isCurrent);
    }
  }

  /** Whether a stored path is to be restored; what lies beside the folder that is stripped is not, and meets no text. */
  private isSelected(stored: string): boolean {
    return [stored, unescapePath(stored)].some(
      (file) =>
        stripPrefixOfFile(file, this.options.stripPrefix) !== undefined && this.selection.selects(file),
    );
  }

  private async readManifest(version: Version, isCurrent: boolean): Promise<void> {
    this.hasManifests = true;
    await this.destination.workers.submit({ do: "read-manifest", version }, (outcome) => {
      const read = outcome as ManifestOutcome;
      if (read.kind === "manifest" && isCurrent) this.takeManifest(version, read.manifest);
      // Workers are not to be waited for here.
      if (read.kind === "file" && this.isSelected(version.path)) this.large.append({ version, isCurrent });
      if (read.kind === "failed" && isCurrent) {
        this.tally.error({ ...read.report, path: version.path });
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

  private async restoreFile(version: Version, isCurrent: boolean): Promise<void> {
    this.files++;
    this.bytes += version.size;
    if (isCurrent) this.metadata.expectFor(version.path);
    const maybeSparse = this.hasManifests && version.size >= SPARSE_LEAST;
    if (maybeSparse && this.config.restore.kind === "local") this.large.append({ version, isCurrent });
    else await this.submit({ version, isCurrent }, false);
  }

  private async submit({ version, isCurrent }: Wanted, sparse: boolean): Promise<void> {
    if (!isCurrent) this.hasOld = true;
    await this.destination.workers.submit({ do: "restore", version, sparse, isOld: !isCurrent }, (outcome) =>
      this.settle(version, isCurrent, outcome as RestoreOutcome),
    );
  }

  /** Notes a path for what is to be done about metadata. */
  private note(stored: string, list: SpillList<string>): void {
    if (!reservesNames(this.config) || this.config.restore.kind !== "local") return;
    const target = stripPrefixOfFile(unescapePath(stored), this.options.stripPrefix);
    if (target !== undefined) list.append(target);
  }

  private settle({ path: file, size }: Version, isCurrent: boolean, outcome: RestoreOutcome): void {
    if (outcome.kind === "stopped") return;
    if (outcome.kind === "restored" || outcome.kind === "identical") {
      this.present++;
      if (isCurrent) this.note(file, this.current);
    }
    if (outcome.kind === "restored" && !outcome.replaced) this.note(file, this.made);
    this.tally.count(outcome.kind, size, { processed: outcome.kind === "restored" ? size : 0 });
    if (outcome.kind === "failed") {
      const { report } = outcome;
      // What the target says is about a path there. The destination names its object, which may have an encrypted name.
      this.tally.error({ ...report, path: (report.side === "restore" && report.path) || file });
    } else if (outcome.kind === "restored") {
      this.options.reporter.file("restored", file);
    } else if (outcome.kind === "kept") {
      this.options.reporter.file("kept", file, "another file is there");
    }
  }
}
