/** Looks at the entries of a local folder: what of them is a file of the source, what is recorded, and what is neither. */
import * as fs from "node:fs";
import { errorCode, reportOf } from "../errors.ts";
import { escapePath } from "../names/manifest-name.ts";
import { fsPath, pathOfBytes } from "../names/path-text.ts";
import { sortKeyOf } from "../names/stored-name.ts";
import { rulesIn } from "../patterns/gitignore.ts";
import type { BackupFolder } from "../storage/local/backup-folder.ts";
import type { FolderEntry } from "../storage/local/read-folder.ts";
import { isTemporaryFolder } from "../storage/local/temporary.ts";
import type { Entry } from "./entry.ts";
import {
  CACHE_SIGNATURE,
  CACHE_TAG,
  type Exclusions,
  OTHER_FILE_SYSTEM,
  OURS,
  RULES_FILE,
} from "./exclusions.ts";
import type { Sibling } from "./key-order.ts";
import { exactStat, secondsOfNanoseconds, secondsOfStat } from "./mtime.ts";
import { sourceError } from "./open-local-file.ts";
import { kindOf, type Recorder, recordEntry } from "./recorded-entry.ts";
import type { ScanFindings } from "./source.ts";

export interface LocalScanSettings {
  /** Absolute. */
  readonly root: string;
  /** Record metadata of every folder in manifests. */
  readonly metadata: boolean;
  /** Keep names that begin like manifests out of their way (docs/format.md, section 9). */
  readonly escapes: boolean;
  /** May be mounted somewhere below the root. */
  readonly backup?: BackupFolder;
}

/** Who is told what a walk finds, before what lies behind it comes. */
export interface LocalFindings extends ScanFindings {
  /** A file, or with a slash at its end a folder (the root: empty), that could not be looked at. */
  onUnknown(path: string): void;
}

export class Examiner {
  /** Devices, sockets and FIFOs that were recorded. */
  specials = 0;
  private readonly settings: LocalScanSettings;
  private readonly exclusions: Exclusions;
  private readonly findings: LocalFindings;
  /** Of the root. */
  private device: number | undefined;

  /** @param exclusions gain the rules that lie in the folders. */
  constructor(settings: LocalScanSettings, exclusions: Exclusions, findings: LocalFindings) {
    this.settings = settings;
    this.exclusions = exclusions;
    this.findings = findings;
  }

  /** Whether something in a folder may say what is considered there. */
  isRules({ name, kind }: FolderEntry): boolean {
    return kind === "file" && (name === RULES_FILE || (name === CACHE_TAG && this.exclusions.caches));
  }

  /** What a folder itself says of its files: rules, or that it is a cache. */
  takeRules(prefix: string, name: string): void {
    const file = prefix + name;
    try {
      // As names are read: rules may be about such as are not UTF-8.
      const text = pathOfBytes(fs.readFileSync(fsPath(`${this.settings.root}/${file}`)));
      if (name === RULES_FILE) this.addRules(prefix, file, rulesIn(text));
      else if (text.startsWith(CACHE_SIGNATURE)) this.exclusions.leaveOut(prefix, "exclude_caches");
    } catch (error) {
      this.tellError(error, file);
    }
  }

  /** What the walk gives of an entry, if anything. */
  lookAt(prefix: string, { name, kind }: FolderEntry, record: Recorder): Sibling | undefined {
    const { exclusions } = this;
    const file = prefix + name;
    exclusions.meet(file);
    if (kind === "folder") return this.lookAtFolder(prefix, name);
    if (exclusions.reasonFor(file) !== undefined) return undefined;
    return this.settings.metadata ? this.record(name, file, record) : this.examine(file, kind);
  }

  /**
   * One that was removed while the scan went on, most likely, is nothing to complain of. It may have been unmounted as well,
   * so its files count as unknown, and the next run sees for sure. Nor is there a word about what nothing takes back. One that
   * is left out for another reason was entered for what may be considered in it.
   */
  unknownFolder(prefix: string, error: unknown, what: string): void {
    this.findings.onUnknown(prefix);
    if (prefix !== "" && (this.isGone(prefix, error) || this.exclusions.reasonFor(prefix)?.classic)) return;
    this.exclusions.missFolder(prefix, "its folder cannot be listed");
    this.tellError(error, prefix || this.settings.root, what);
  }

  private isGone(prefix: string, error: unknown): boolean {
    if (errorCode(error) !== "ENOENT") return false;
    const folder = fsPath(`${this.settings.root}/${prefix.slice(0, -1)}`);
    return fs.lstatSync(folder, { throwIfNoEntry: false }) === undefined;
  }

  private addRules(prefix: string, file: string, lines: readonly string[]): void {
    for (const { line, rule, why } of this.exclusions.addRules(prefix, lines)) {
      this.findings.onSkipped(`${file}:${line}`, `the rule ${rule} can match nothing: ${why}`);
    }
  }

  private lookAtFolder(prefix: string, name: string): string | undefined {
    const folder = `${prefix}${name}/`;
    if (prefix === "" && isTemporaryFolder(name)) return this.skip(folder, "a folder of temporary files");
    if (this.exclusions.skipsFolder(folder)) return undefined;
    const isMounted = !this.isOnThisFileSystem(folder);
    if (this.isBackup(`${prefix}${name}`)) {
      this.exclusions.leaveOutOurs(folder);
      return this.skip(folder, OURS);
    }
    // A restored system needs its mount points: they are recorded as folders without anything in them.
    return isMounted && !this.settings.metadata ? undefined : folder;
  }

  private isBackup(folder: string): boolean {
    const { root, backup } = this.settings;
    try {
      return backup?.isAt(fsPath(`${root}/${folder}`)) === true;
    } catch {
      return false; // reading it will say why
    }
  }

  private isOnThisFileSystem(folder: string): boolean {
    if (!this.exclusions.oneFileSystem) return true;
    const { root } = this.settings;
    this.device ??= deviceOf(root);
    const device = deviceOf(`${root}/${folder}`);
    if (device === undefined || device === this.device) return true;
    this.exclusions.leaveOut(folder, OTHER_FILE_SYSTEM);
    return false;
  }

  private examine(file: string, kind: FolderEntry["kind"]): Entry | undefined {
    if (kind === "other") return this.skip(file, "not a regular file");
    const location = fsPath(`${this.settings.root}/${file}`);
    try {
      const stat = fs.statSync(location, { throwIfNoEntry: false });
      if (stat === undefined) {
        if (kind === "link") return this.skip(file, "a dangling link");
        return this.unknown(file); // gone since its folder was read: as with folders
      }
      if (!stat.isFile()) {
        return this.skip(file, stat.isDirectory() ? "a link to a folder" : "not a regular file");
      }
      if (this.exclusions.isTooLarge(file, stat.size)) return undefined;
      const mtime = secondsOfStat(stat, () => exactStat(location));
      return this.entryOf(file, mtime, stat.size);
    } catch (error) {
      if (kind === "link" && errorCode(error) === "ELOOP") return this.skip(file, "a link to itself");
      if (kind === "link" && isNoPath(error, location)) return this.skip(file, "a dangling link");
      this.tellError(error, file, "cannot be examined");
      return this.unknown(file);
    }
  }

  /** Notes what an entry is for its folder's manifest; files are entries of the source as well. */
  private record(name: string, file: string, record: Recorder): Entry | undefined {
    const location = fsPath(`${this.settings.root}/${file}`);
    try {
      const stat = fs.lstatSync(location, { bigint: true, throwIfNoEntry: false });
      // Gone, or another, since its folder was read.
      if (stat === undefined || stat.isDirectory()) return this.unknown(file);
      const kind = kindOf(stat);
      if (kind === "symlink") {
        record.add(
          recordEntry(name, kind, stat, pathOfBytes(fs.readlinkSync(location, { encoding: "buffer" }))),
        );
        return undefined;
      }
      if (kind === "file" && this.exclusions.isTooLarge(file, Number(stat.size))) return undefined;
      record.add(recordEntry(name, kind, stat));
      if (kind === "file") return this.entryOf(file, secondsOfNanoseconds(stat.mtimeNs), Number(stat.size));
      this.specials++;
      return undefined;
    } catch (error) {
      record.miss();
      this.tellError(error, file, "cannot be examined");
      return this.unknown(file);
    }
  }

  private entryOf(file: string, mtime: number, size: number): Entry {
    const stored = this.storedPath(file);
    return { path: stored, size, mtime, sortKey: sortKeyOf(stored, mtime, size) };
  }

  private storedPath(file: string): string {
    return this.settings.escapes ? escapePath(file) : file;
  }

  private tellError(error: unknown, path: string, what?: string): void {
    this.findings.onError(reportOf(sourceError(error, path, what), "source"));
  }

  private unknown(file: string): undefined {
    this.findings.onUnknown(this.storedPath(file));
  }

  private skip(file: string, reason: string): undefined {
    this.findings.onSkipped(file, reason);
  }
}

/** Undefined of what is gone, or cannot be looked at: reading it will say so. */
function deviceOf(file: string): number | undefined {
  try {
    return fs.lstatSync(fsPath(file), { throwIfNoEntry: false })?.dev;
  } catch {
    return undefined;
  }
}

/** Links are also kept for their text alone, which then is longer than any name can be. */
function isNoPath(error: unknown, link: string | Buffer): boolean {
  if (errorCode(error) !== "ENAMETOOLONG") return false;
  try {
    return fs.lstatSync(link).isSymbolicLink();
  } catch {
    return false; // it is the link's own path that is too long
  }
}
