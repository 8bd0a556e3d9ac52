/**
 * The end of a restore, when all files are there: links, special files and metadata, and what its caller does before folders
 * get their times.
 */
import * as path from "node:path";
import type { Config } from "../../config/config.ts";
import { reportOf } from "../../errors.ts";
import { reservesNames } from "../../scan/open-source.ts";
import { BackupFolder } from "../../storage/local/backup-folder.ts";
import type { Tally } from "../tally.ts";
import type { RestoreTarget } from "../target/restore-target.ts";
import { isClosed, settleUnrecorded } from "../target/unrecorded-files.ts";
import { MetadataApplier } from "./apply-metadata.ts";
import { foreseeLinks } from "./make-links.ts";
import type { RestoreOptions } from "./restore.ts";
import { lostManifest } from "./restore-reports.ts";
import type { RestoredMetadata } from "./restored-metadata.ts";

/** What was restored. */
export interface Restored {
  readonly metadata: RestoredMetadata;
  /** Files of the state, whatever was to be done about them. */
  readonly files: number;
  /** Files that are there by this restore, or were the same before. */
  readonly present: number;
  /** The paths of those that it has made. */
  readonly made: Iterable<string>;
  /** The paths of those that were the files' at the moment that is restored. */
  readonly current: Iterable<string>;
  /** Whether some are of versions that are not their files' newest. */
  readonly hasOld: boolean;
  /** Whether there are metadata that the target cannot have. */
  readonly unapplied: boolean;
}

export class RestoreFinish {
  private readonly config: Config;
  private readonly target: RestoreTarget;
  private readonly options: RestoreOptions;
  private readonly tally: Tally;

  constructor(config: Config, target: RestoreTarget, options: RestoreOptions, tally: Tally) {
    this.config = config;
    this.target = target;
    this.options = options;
    this.tally = tally;
  }

  /** @param reopen gives the target the mode that it had, before it may get that of the source. */
  async run(restored: Restored, reopen: () => void): Promise<void> {
    const { config, options, tally } = this;
    const { metadata } = restored;
    if (options.dryRun) {
      await this.beforeFolders(restored, await this.foreseeLinks(restored));
    } else if (config.restore.kind === "local") {
      for (const folder of metadata.lost()) tally.error(lostManifest(folder || config.restore.path));
      const isRootDone = await this.applyMetadata(path.resolve(config.restore.path), restored);
      if (!isRootDone) reopen();
    } else {
      await this.beforeFolders(restored);
      if (restored.unapplied) {
        options.reporter.info(
          "Metadata are not restored to a bucket: links, special files and empty folders are missing",
        );
      }
    }
  }

  private async beforeFolders({ files }: Restored, foreseen: readonly string[] = []): Promise<void> {
    const { options, target, tally } = this;
    if (options.beforeFolders === undefined) return;
    if (!options.dryRun) await flush(target, tally);
    await options.beforeFolders(tally, { files, foreseen: new Set(foreseen) });
  }

  private async foreseeLinks({ metadata: { folders }, current }: Restored): Promise<string[]> {
    const { config, options, tally } = this;
    if (config.restore.kind !== "local") return [];
    const { reporter, signal, overwrite = "always" } = options;
    const root = path.resolve(config.restore.path);
    const backup = new BackupFolder(config.dest);
    return foreseeLinks(folders, { root, backup, current, overwrite, tally, reporter, signal });
  }

  /** Whether the target itself got a mode. */
  private async applyMetadata(root: string, restored: Restored): Promise<boolean> {
    const { options, tally } = this;
    const { metadata, present, made, current } = restored;
    const isRecorded = (file: string) => metadata.isRecorded(file);
    if (metadata.folders.length === 0) {
      this.settleUnrecorded(root, restored);
      await this.beforeFolders(restored);
      return false;
    }
    const applier = new MetadataApplier({
      root,
      backup: new BackupFolder(this.config.dest),
      overwrite: options.overwrite ?? "always",
      owner: options.owner ?? process.geteuid?.() === 0,
      setid: options.setid ?? false,
      tally,
      reporter: options.reporter,
      signal: options.signal,
      files: present,
      made,
      current,
      isRecorded,
    });
    return applier.run(metadata.folders, options.beforeFolders && (() => this.beforeFolders(restored)));
  }

  private settleUnrecorded(root: string, { metadata, made, hasOld }: Restored): void {
    const { reporter } = this.options;
    const isRecorded = (file: string) => metadata.isRecorded(file);
    const onFailure = (error: unknown, file: string) =>
      this.tally.error({ ...reportOf(error, "restore"), path: file });
    // What is made in a closed folder has the usual mode already, but for what is old.
    const settles = reservesNames(this.config) && (metadata.isRecordedAnywhere || hasOld || !isClosed(root));
    try {
      if (settles) settleUnrecorded(made, [], { root, reporter, isRecorded, onFailure });
    } catch (error) {
      this.tally.error(reportOf(error, "restore", root));
    }
  }
}

/** What the disk did not take is a failure of the restore, whose files are written all the same. */
export async function flush(target: RestoreTarget, tally: Tally): Promise<void> {
  try {
    await target.flush();
  } catch (error) {
    tally.error(reportOf(error, "restore"));
  }
}
