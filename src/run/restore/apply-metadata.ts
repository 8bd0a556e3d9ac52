/**
 * The last phase of a restore into a folder: metadata, in an order that is safe and complete.
 *
 *   1. Folders, empty ones too.
 *   2. Hard links: files of one group whose content is equal become one file.
 *   3. Symbolic links and special files: only once no file is written any more that could go through a link.
 *   4. Of everything but folders: owner, extended attributes (a change of owner drops some), mode, time.
 *   5. Of folders, the deepest first: owner, extended attributes, time, and the mode last, since it may close them.
 *
 * Manifests are believed only as far as their entries fit what is there (restored-tree.ts).
 */
import * as fs from "node:fs";
import { ExactTimes } from "../../metadata/exact-times.ts";
import type { Attributes, ManifestEntry } from "../../metadata/manifest.ts";
import { MOUNT_POINT_TIME } from "../../scan/recorded-entry.ts";
import { ExternalSorter } from "../../spill/external-sorter.ts";
import { SpillList } from "../../spill/spill-list.ts";
import type { BackupFolder } from "../../storage/local/backup-folder.ts";
import { TemporaryFolder } from "../../storage/local/temporary.ts";
import type { Reporter } from "../reporter.ts";
import type { Tally } from "../tally.ts";
import { below, RestoredTree } from "../target/restored-tree.ts";
import { settleUnrecorded } from "../target/unrecorded-files.ts";
import type { Overwrite } from "../worker/restore-file.ts";
import { clashesOf } from "./clashing-entries.ts";
import { joinHardLinks, type LinkedFile, makeLinksAndSpecials } from "./make-links.ts";
import { MetadataReport } from "./metadata-report.ts";
import type { FolderMetadata } from "./restored-metadata.ts";
import { type AccountNames, AttributeSetter, type AttributeSettings, type Target } from "./set-attributes.ts";

export interface ApplyContext extends AttributeSettings {
  /** May lie below the target. */
  readonly backup?: BackupFolder;
  readonly overwrite: Overwrite;
  readonly tally: Tally;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
  /** Files that are there now by this restore, or were the same before. */
  readonly files: number;
  /** Paths of those that it has made. */
  readonly made: Iterable<string>;
  /** Paths of all files of the state that are there. */
  readonly current: Iterable<string>;
  isRecorded(path: string): boolean;
}

type OwnFolder = AccountNames & { readonly folder: string; readonly own: Attributes };

const FOLDERS_PER_CALL = 500;

export class MetadataApplier {
  private readonly context: ApplyContext;
  private readonly tree: RestoredTree;
  private readonly temporary: TemporaryFolder;
  private readonly report: MetadataReport;
  private readonly setter: AttributeSetter;
  /** Files that an entry fits. */
  private fitting = 0;

  constructor(context: ApplyContext) {
    this.context = context;
    this.tree = new RestoredTree(context.root, context.backup);
    this.temporary = new TemporaryFolder(context.root);
    this.report = new MetadataReport(context);
    this.setter = new AttributeSetter(context, this.tree, this.report);
  }

  /**
   * Applies everything; `folders` is gone through several times. Failures of single entries are counted.
   * @param beforeFolders is called between 4 and 5, and all failures until then are counted before.
   * @returns whether the metadata of the target itself were among it.
   */
  async run(folders: Iterable<FolderMetadata>, beforeFolders?: () => Promise<void>): Promise<boolean> {
    const { root, overwrite, owner, current, reporter, signal } = this.context;
    const { tree, temporary, report } = this;
    const clashes = clashesOf(folders, current);
    const linking = { tree, temporary, overwrite, clashes, report, reporter, signal };
    let withRoot = false;
    let times: ExactTimes | undefined;
    const links = new ExternalSorter<LinkedFile>(({ group, path }) => `${group}\0${path}`);
    const own = new ExternalSorter<OwnFolder>(({ folder }) => depthKey(folder));
    const deepestFirst = new SpillList<OwnFolder>();
    try {
      for (const { folder, own: attributes, entries, users, groups } of folders) {
        signal.throwIfAborted();
        if (attributes !== undefined) {
          report.attempt(folder, () => tree.makeFolder(folder));
          own.add({ folder, own: attributes, users, groups });
          withRoot ||= folder === "";
        }
        for (const entry of entries) {
          const { linkGroup: group } = entry;
          if (group !== undefined) links.add({ group, path: below(folder, entry.name), entry });
        }
      }
      joinHardLinks(links.sorted(), linking);
      for (const folder of folders) await makeLinksAndSpecials(folder, linking);
      times = new ExactTimes(root);
      await this.applyToEntries(folders, times);
      if (this.fitting !== this.context.files) this.settleOthers(folders);
      temporary.remove(); // before the root gets its time
      if (beforeFolders !== undefined) {
        await this.finishTimes(times);
        await beforeFolders();
        times = new ExactTimes(root);
      }
      for (const folder of own.sorted()) deepestFirst.append(folder);
      await this.applyToFolders(deepestFirst, times);
    } finally {
      times?.abandon();
      deepestFirst.close();
      links.close();
      own.close();
    }
    if (!owner) report.note("owners are not restored: that takes root, or --owner");
    report.tell();
    return withRoot;
  }

  /** Times are set by the end of `applyToFolders`. */
  private async applyToEntries(folders: Iterable<FolderMetadata>, times: ExactTimes): Promise<void> {
    const { tree, report, setter } = this;
    for (const { folder, entries, ...names } of folders) {
      this.context.signal.throwIfAborted();
      if (entries.length === 0 || !tree.isRealFolder(folder)) continue;
      const targets: Target[] = [];
      for (const entry of entries) {
        const path = below(folder, entry.name);
        report.attempt(path, () => {
          const stat = tree.statIfMatching(path, entry);
          if (stat !== undefined) {
            targets.push(setter.targetOf(path, entry, stat, names));
            if (entry.kind === "file") this.fitting++;
          } else if (fs.lstatSync(tree.locate(path), { throwIfNoEntry: false })) {
            report.count("entries left as they are, since they differ from what was recorded");
          }
        });
      }
      setter.setOwnersAndXattrs(targets);
      setter.setModes(targets);
      await setter.setTimes(targets, times);
    }
  }

  /** Before folders get their modes, which may close them. */
  private settleOthers(folders: Iterable<FolderMetadata>): void {
    const { root, made, reporter, isRecorded } = this.context;
    const { tree, report } = this;
    const fits = (path: string, entry: ManifestEntry) => {
      try {
        return entry.kind === "file" && tree.statIfMatching(path, entry) !== undefined;
      } catch {
        return false; // was told of when its metadata were to be applied
      }
    };
    const fitting = function* () {
      for (const { folder, entries } of folders) {
        for (const entry of entries) {
          const path = below(folder, entry.name);
          if (fits(path, entry)) yield path;
        }
      }
    };
    const onFailure = (error: unknown, path: string) => report.fail(error, path);
    report.attempt("", () => settleUnrecorded(made, fitting(), { root, reporter, isRecorded, onFailure }));
  }

  private async applyToFolders(folders: Iterable<OwnFolder>, times: ExactTimes): Promise<void> {
    for (const targets of this.folderTargets(folders)) {
      this.setter.setOwnersAndXattrs(targets);
      await this.setter.setTimes(targets, times);
    }
    await this.finishTimes(times);
    for (const targets of this.folderTargets(folders)) this.setter.setModes(targets);
  }

  private *folderTargets(folders: Iterable<OwnFolder>): Generator<Target[]> {
    let targets: Target[] = [];
    for (const { folder, own, ...names } of folders) {
      this.context.signal.throwIfAborted();
      this.report.attempt(folder, () => {
        if (!this.tree.isRealFolder(folder)) return;
        if (isOfMountPoint(own) && this.tree.isMounted(folder)) return; // what is mounted there has its own
        const stat = fs.lstatSync(this.tree.locate(folder), { bigint: true });
        targets.push(this.setter.targetOf(folder, own, stat, names));
      });
      if (targets.length < FOLDERS_PER_CALL) continue;
      yield targets;
      targets = [];
    }
    yield targets;
  }

  private async finishTimes(times: ExactTimes): Promise<void> {
    for (const complaint of await times.finish()) this.report.complain(complaint);
    if (!times.exact)
      this.report.note("without perl or GNU touch, times are exact to a quarter of a microsecond");
  }
}

function isOfMountPoint({ seconds, nanoseconds }: Attributes): boolean {
  return seconds === MOUNT_POINT_TIME.seconds && nanoseconds === MOUNT_POINT_TIME.nanoseconds;
}

/** Sorts deeper folders first, the root last. */
function depthKey(folder: string): string {
  const depth = folder === "" ? 0 : folder.split("/").length;
  return `${String(99_999 - depth).padStart(5, "0")}/${folder}`;
}
