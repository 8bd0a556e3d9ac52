/**
 * The last phase of a restore into a folder: metadata, in an order that is safe and complete.
 *
 *   1. Folders, empty ones too.
 *   2. Hard links: files of one group whose content is equal become one file.
 *   3. Symbolic links and special files: only once no file is written any more that could go through a link.
 *   4. Of everything but folders: owner, extended attributes (a change of owner drops some), mode, time.
 *   5. Of folders, the deepest first: owner, extended attributes, time, and the mode last, since it may close them.
 *
 * Manifests are believed only as far as their entries fit what is there: size and time of a file, target of a link. No
 * link is followed, and every folder is looked at before something in it is touched.
 */
import * as fs from "node:fs";
import { BackupError, errorCode, messageOf, reportOf, StorageError } from "../errors.ts";
import { Accounts } from "../metadata/accounts.ts";
import { ExactTimes } from "../metadata/exact-times.ts";
import type { Attributes, ManifestEntry } from "../metadata/manifest.ts";
import { writeXattrs, type XattrsToSet } from "../metadata/xattrs.ts";
import { fsPath, pathOfBytes } from "../names/path-text.ts";
import { kindOf } from "../scan/folder-record.ts";
import { secondsOf, secondsOfNanoseconds } from "../scan/mtime.ts";
import { ExternalSorter } from "../spill/external-sorter.ts";
import { SpillList } from "../spill/spill-list.ts";
import { readPiecesReusing } from "../storage/local/file-io.ts";
import { TemporaryFolder } from "../storage/local/temporary.ts";
import { foldersOf, refusal } from "./local-target.ts";
import type { Reporter } from "./reporter.ts";
import type { Overwrite } from "./restore-file.ts";
import type { FolderMetadata } from "./restored-metadata.ts";
import { makeSpecialFile } from "./special-files.ts";
import type { Tally } from "./tally.ts";

export interface ApplyContext {
  /** The target, absolute. */
  readonly root: string;
  readonly overwrite: Overwrite;
  /** Set owner and group. */
  readonly owner: boolean;
  /** Set setuid and setgid bits, and file capabilities. */
  readonly setid: boolean;
  readonly tally: Tally;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

interface LinkedFile {
  readonly group: string;
  readonly path: string;
  readonly entry: ManifestEntry;
}

interface Target {
  readonly path: string;
  readonly attributes: Attributes;
  /** Before anything is applied. */
  readonly stat: fs.BigIntStats;
  readonly owner: readonly [number, number];
  /** Its owner or an attribute was set, which may change the mode. */
  mayHaveOtherMode?: boolean;
}

type Owned = Pick<FolderMetadata, "users" | "groups">;
type OwnFolder = Owned & { readonly folder: string; readonly own: Attributes };

const BILLION = 1_000_000_000n;
const SETID = 0o6000;
const FOLDERS_PER_CALL = 500;

export class MetadataApplier {
  private readonly context: ApplyContext;
  private readonly temporary: TemporaryFolder;
  private readonly isRoot = process.geteuid?.() === 0;
  private readonly users = new Accounts("passwd");
  private readonly groups = new Accounts("group");
  private readonly counts = new Map<string, number>();
  private readonly notes = new Set<string>();
  /** The folder that was looked at last. It stays a folder: nothing here replaces one. */
  private realFolder: string | undefined;

  constructor(context: ApplyContext) {
    this.context = context;
    this.temporary = new TemporaryFolder(context.root);
  }

  /**
   * Applies everything; `folders` is gone through several times. Failures of single entries are counted.
   * @returns whether the metadata of the target itself were among it.
   */
  async run(folders: Iterable<FolderMetadata>): Promise<boolean> {
    let withRoot = false;
    let times: ExactTimes | undefined;
    const links = new ExternalSorter<LinkedFile>(({ group, path }) => `${group}\0${path}`);
    const own = new ExternalSorter<OwnFolder>(({ folder }) => depthKey(folder));
    const deepestFirst = new SpillList<OwnFolder>();
    try {
      for (const { folder, own: attributes, entries, users, groups } of folders) {
        this.context.signal.throwIfAborted();
        if (attributes !== undefined) {
          this.attempt(folder, () => this.makeFolder(folder));
          own.add({ folder, own: attributes, users, groups });
          withRoot ||= folder === "";
        }
        for (const entry of entries) {
          const { linkGroup: group } = entry;
          if (group !== undefined) links.add({ group, path: below(folder, entry.name), entry });
        }
      }
      this.joinHardLinks(links.sorted());
      for (const folder of folders) await this.makeLinksAndSpecials(folder);
      times = new ExactTimes(this.context.root);
      await this.applyToEntries(folders, times);
      this.temporary.remove(); // before the root gets its time
      for (const folder of own.sorted()) deepestFirst.append(folder);
      await this.applyToFolders(deepestFirst, times);
    } finally {
      times?.abandon();
      deepestFirst.close();
      links.close();
      own.close();
    }
    this.tell();
    return withRoot;
  }

  private makeFolder(folder: string): void {
    if (folder === "") return;
    for (const part of [...foldersOf(folder), folder]) {
      const stat = fs.lstatSync(this.locate(part), { throwIfNoEntry: false });
      if (stat === undefined) fs.mkdirSync(this.locate(part));
      else if (stat.isSymbolicLink()) throw refusal(folder, "the path leads through a symbolic link");
      else if (!stat.isDirectory()) throw refusal(folder, "a file is in the place of a folder");
    }
  }

  /** Whether a folder and all above it are there and no links. */
  private isRealFolder(folder: string): boolean {
    if (folder === "" || folder === this.realFolder) return true;
    const isReal = [...foldersOf(folder), folder].every((part) =>
      fs.lstatSync(this.locate(part), { throwIfNoEntry: false })?.isDirectory(),
    );
    if (isReal) this.realFolder = folder;
    return isReal;
  }

  private joinHardLinks(files: Iterable<LinkedFile>): void {
    let first: LinkedFile | undefined;
    for (const file of files) {
      this.context.signal.throwIfAborted();
      this.attempt(file.path, () => {
        if (this.statIfMatching(file.path, file.entry) === undefined) return;
        if (first === undefined || first.group !== file.group) first = file;
        else this.joinHardLink(first, file);
      });
    }
  }

  private joinHardLink(first: LinkedFile, file: LinkedFile): void {
    const one = fs.lstatSync(this.locate(first.path), { bigint: true });
    const other = fs.lstatSync(this.locate(file.path), { bigint: true });
    if (one.ino === other.ino && one.dev === other.dev) return;
    if (!haveEqualContent(this.locate(first.path), this.locate(file.path), Number(one.size))) {
      throw refusal(file.path, `it is said to be a hard link of another file, but differs from it`);
    }
    const temporary = this.temporary.newPath();
    fs.linkSync(this.locate(first.path), temporary);
    fs.renameSync(temporary, this.locate(file.path));
    this.count("hard links");
  }

  private async makeLinksAndSpecials({ folder, entries }: FolderMetadata): Promise<void> {
    for (const entry of entries) {
      if (entry.kind === "file") continue;
      this.context.signal.throwIfAborted();
      const path = below(folder, entry.name);
      try {
        await this.makeEntry(folder, path, entry);
      } catch (error) {
        this.fail(error, path);
      }
    }
  }

  private async makeEntry(folder: string, path: string, entry: ManifestEntry): Promise<void> {
    const isDevice = entry.kind === "character" || entry.kind === "block";
    if (isDevice && !this.isRoot) {
      this.count("devices left out, which only root can make");
      return;
    }
    this.makeFolder(folder);
    if (this.statIfMatching(path, entry) !== undefined) return;
    const { overwrite } = this.context;
    const stat = fs.lstatSync(this.locate(path), { throwIfNoEntry: false, bigint: true });
    if (stat?.isDirectory()) throw refusal(path, "a folder is in its place");
    if (stat !== undefined) {
      const isNewer = secondsOfEntry(entry) > secondsOfNanoseconds(stat.mtimeNs);
      if (overwrite === "never" || (overwrite === "if-newer" && !isNewer)) {
        this.context.reporter.file("kept", path, "another file is there");
        return;
      }
    }
    const temporary = this.temporary.newPath();
    if (entry.kind === "symlink") fs.symlinkSync(fsPath(entry.target as string), temporary);
    else await makeSpecialFile(entry, temporary);
    fs.renameSync(temporary, this.locate(path));
    this.context.reporter.file("restored", path);
    this.count(entry.kind === "symlink" ? "symbolic links" : "special files");
  }

  /** Times are set by the end of `applyToFolders`. */
  private async applyToEntries(folders: Iterable<FolderMetadata>, times: ExactTimes): Promise<void> {
    for (const { folder, entries, ...names } of folders) {
      this.context.signal.throwIfAborted();
      if (entries.length === 0 || !this.isRealFolder(folder)) continue;
      const targets: Target[] = [];
      for (const entry of entries) {
        const path = below(folder, entry.name);
        this.attempt(path, () => {
          const stat = this.statIfMatching(path, entry);
          if (stat !== undefined) {
            targets.push({ path, attributes: entry, stat, owner: this.ownerOf(entry, names) });
          } else if (fs.lstatSync(this.locate(path), { throwIfNoEntry: false })) {
            this.count("entries left as they are, since they differ from what was recorded");
          }
        });
      }
      for (const target of targets) this.attempt(target.path, () => this.setOwner(target));
      this.setXattrs(targets);
      for (const target of targets) this.attempt(target.path, () => this.setMode(target));
      for (const target of targets) await this.setTime(target, times);
    }
  }

  private async applyToFolders(folders: Iterable<OwnFolder>, times: ExactTimes): Promise<void> {
    for (const targets of this.folderTargets(folders)) {
      for (const target of targets) this.attempt(target.path, () => this.setOwner(target));
      this.setXattrs(targets);
      for (const target of targets) await this.setTime(target, times);
    }
    await this.finishTimes(times);
    for (const targets of this.folderTargets(folders)) {
      for (const target of targets) this.attempt(target.path, () => this.setMode(target));
    }
  }

  private *folderTargets(folders: Iterable<OwnFolder>): Generator<Target[]> {
    let targets: Target[] = [];
    for (const { folder, own, ...names } of folders) {
      this.context.signal.throwIfAborted();
      this.attempt(folder, () => {
        if (!this.isRealFolder(folder)) return;
        const stat = fs.lstatSync(this.locate(folder), { bigint: true });
        targets.push({ path: folder, attributes: own, stat, owner: this.ownerOf(own, names) });
      });
      if (targets.length < FOLDERS_PER_CALL) continue;
      yield targets;
      targets = [];
    }
    yield targets;
  }

  /** What is at a path, if it is what the manifest tells of. */
  private statIfMatching(path: string, entry: ManifestEntry): fs.BigIntStats | undefined {
    const location = this.locate(path);
    const folder = foldersOf(path).at(-1) ?? "";
    if (!this.isRealFolder(folder)) return undefined;
    const stat = fs.lstatSync(location, { bigint: true, throwIfNoEntry: false });
    if (stat === undefined || stat.isDirectory() || kindOf(stat) !== entry.kind) return undefined;
    if (entry.kind === "file") {
      const fits =
        Number(stat.size) === entry.size && secondsOfNanoseconds(stat.mtimeNs) === secondsOfEntry(entry);
      return fits ? stat : undefined;
    }
    if (entry.kind === "symlink") {
      return pathOfBytes(fs.readlinkSync(location, { encoding: "buffer" })) === entry.target
        ? stat
        : undefined;
    }
    return stat;
  }

  private setOwner(target: Target): void {
    const { path, stat } = target;
    const [uid, gid] = target.owner;
    if (!this.context.owner || (Number(stat.uid) === uid && Number(stat.gid) === gid)) return;
    target.mayHaveOtherMode = true;
    fs.lchownSync(this.locate(path), uid, gid);
  }

  private setXattrs(targets: readonly Target[]): void {
    const files: XattrsToSet[] = [];
    for (const target of targets) {
      const wanted = Object.entries(target.attributes.xattrs).filter(([name]) => this.maySet(name));
      if (wanted.length === 0) continue;
      target.mayHaveOtherMode = true;
      files.push({ path: target.path, xattrs: Object.fromEntries(wanted) });
    }
    if (files.length === 0) return;
    const complaints = writeXattrs(this.context.root, files);
    if (complaints === undefined) {
      this.notes.add(
        "setfattr is not installed (Debian's package attr): extended attributes and ACLs are not restored",
      );
    }
    for (const complaint of complaints ?? []) this.complain(complaint);
  }

  private maySet(name: string): boolean {
    if (/^(?:user\.|system\.posix_acl_(?:access|default)$)/.test(name)) return true;
    if (name === "security.capability" && !this.context.setid) {
      this.notes.add("file capabilities are not restored without --setid");
      return false;
    }
    return this.isRoot && /^(?:trusted\.|security\.capability$)/.test(name);
  }

  private setMode({ path, attributes, stat, mayHaveOtherMode }: Target): void {
    if (stat.isSymbolicLink()) return;
    const before = Number(stat.mode & 0o7777n);
    // What is there already with such a bit may keep it.
    const allowed = this.context.setid ? SETID : before & SETID;
    if ((attributes.mode & SETID & ~allowed) !== 0) {
      this.notes.add("setuid and setgid bits are not restored without --setid");
    }
    const mode = attributes.mode & (~SETID | allowed);
    const location = this.locate(path);
    const now = mayHaveOtherMode ? fs.lstatSync(location).mode & 0o7777 : before;
    if (now !== mode) fs.chmodSync(location, mode);
  }

  private async setTime({ path, attributes, stat }: Target, times: ExactTimes): Promise<void> {
    const { seconds, nanoseconds } = attributes;
    // Owner, attributes and mode leave it as it is.
    if (stat.mtimeNs === BigInt(seconds) * BILLION + BigInt(nanoseconds)) return;
    try {
      await times.set(path, seconds, nanoseconds);
    } catch (error) {
      this.fail(error, path);
    }
  }

  private async finishTimes(times: ExactTimes): Promise<void> {
    for (const complaint of await times.finish()) this.complain(complaint);
    if (!times.exact)
      this.notes.add("without perl or GNU touch, times are exact to a quarter of a microsecond");
  }

  /** By name where this system knows the name, else by number. */
  private ownerOf({ uid, gid }: Attributes, { users, groups }: Owned): readonly [number, number] {
    const user = users[uid];
    const group = groups[gid];
    return [
      (user === undefined ? undefined : this.users.idOf(user)) ?? uid,
      (group === undefined ? undefined : this.groups.idOf(group)) ?? gid,
    ];
  }

  private attempt(path: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (this.context.signal.aborted) throw error;
      this.fail(error, path);
    }
  }

  private fail(error: unknown, path: string): void {
    const wrapped =
      error instanceof BackupError
        ? error
        : new StorageError(
            "restore",
            `its metadata cannot be restored (${errorCode(error) ?? messageOf(error)})`,
            {
              path,
              cause: error,
            },
          );
    this.context.tally.error({ ...reportOf(wrapped, "restore"), path: path || this.context.root });
  }

  private complain(complaint: string): void {
    this.context.tally.error({ side: "restore", kind: "failed", message: `metadata: ${complaint}` });
  }

  private count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  private tell(): void {
    if (!this.context.owner) this.notes.add("owners are not restored: that takes root, or --owner");
    const parts = [...this.counts].map(([what, count]) => `${count} ${what}`);
    this.context.reporter.info(`Metadata restored${parts.length > 0 ? `: ${parts.join(", ")}` : ""}`);
    for (const note of this.notes) this.context.reporter.info(note);
  }

  private locate(path: string): string | Buffer {
    return fsPath(path === "" ? this.context.root : `${this.context.root}/${path}`);
  }
}

function secondsOfEntry({ seconds, nanoseconds }: Attributes): number {
  return secondsOf(BigInt(seconds), nanoseconds);
}

function below(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** Sorts deeper folders first, the root last. */
function depthKey(folder: string): string {
  const depth = folder === "" ? 0 : folder.split("/").length;
  return `${String(99_999 - depth).padStart(5, "0")}/${folder}`;
}

function haveEqualContent(one: string | Buffer, other: string | Buffer, size: number): boolean {
  const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW;
  const a = fs.openSync(one, flags);
  try {
    const b = fs.openSync(other, flags);
    try {
      const pieces = readPiecesReusing(b, 0, size);
      for (const piece of readPiecesReusing(a, 0, size)) {
        const next = pieces.next();
        if (next.done || !piece.equals(next.value)) return false;
      }
      return true;
    } finally {
      fs.closeSync(b);
    }
  } finally {
    fs.closeSync(a);
  }
}
