/**
 * The walk over a local folder: its files, and the manifests of its folders, in the order of their sort keys.
 *
 * All of it is synchronous, which is ten times cheaper than promises; whoever walks lets others have their turn between
 * batches.
 */
import * as fs from "node:fs";
import { setImmediate } from "node:timers/promises";
import { errorCode, reportOf } from "../errors.ts";
import type { XattrSurvey } from "../metadata/xattrs.ts";
import { escapePath } from "../names/manifest-name.ts";
import { fsPath, pathOfBytes, sortPaths } from "../names/path-text.ts";
import { sortKeyOf } from "../names/stored-name.ts";
import { type FolderEntry, readFolder } from "../storage/local/list.ts";
import { isTemporaryFolder } from "../storage/local/temporary.ts";
import type { Entry } from "./entry.ts";
import { CACHE_SIGNATURE, CACHE_TAG, type Exclusions, OTHER_FILE_SYSTEM, RULES_FILE } from "./exclusions.ts";
import { FolderRecord, kindOf } from "./folder-record.ts";
import { rulesIn } from "./gitignore.ts";
import { exactStat, secondsOfNanoseconds, secondsOfStat } from "./mtime.ts";
import { sourceError } from "./open-local-file.ts";
import { Recording } from "./recording.ts";
import type { ScanFindings } from "./source.ts";

const BATCH = 500;
/** Entries that are looked at before the walk itself begins: some 15 MB. */
const AHEAD_MOST = 30_000;
/** Entries between two looks at whether that is still needed. */
const TURN = 500;

export interface LocalScanSettings {
  /** Absolute. */
  readonly root: string;
  /** Record metadata of every folder in manifests. */
  readonly metadata: boolean;
  /** Keep names that begin like manifests out of their way (docs/format.md, section 9). */
  readonly escapes: boolean;
}

/** Who is told what a walk finds, before what lies behind it comes. */
export interface LocalFindings extends ScanFindings {
  /** A file, or with a slash at its end a folder (the root: empty), that could not be looked at. */
  onUnknown(path: string): void;
}

/** One folder as it was found. */
interface FoundFolder {
  /** Undefined when it could not be read. */
  readonly listed: readonly FolderEntry[] | undefined;
  /** Its files by their sort keys, and its folders, as paths with a trailing slash. */
  readonly found: Map<string, Entry | string>;
  /** While metadata are recorded. */
  readonly record: FolderRecord | undefined;
}

export class LocalScan {
  private readonly settings: LocalScanSettings;
  private readonly exclusions: Exclusions;
  private readonly findings: LocalFindings;
  /** Folders that were read before the walk came to them, by their paths with a trailing slash. */
  private readonly ahead = new Map<string, FoundFolder>();
  private specials = 0;
  /** Of the root. */
  private device: number | undefined;

  /** @param exclusions gain the rules that lie in the folders. */
  constructor(settings: LocalScanSettings, exclusions: Exclusions, findings: LocalFindings) {
    this.settings = settings;
    this.exclusions = exclusions;
    this.findings = findings;
  }

  /**
   * Looks at folders in the order of the walk before it begins: a bounded number of them, as long as it is not known what it
   * needs (`waits`).
   */
  async readAhead(waits: () => boolean): Promise<void> {
    const next = [""];
    let entries = 0;
    let turn = TURN;
    while (waits() && entries < AHEAD_MOST) {
      const prefix = next.pop();
      if (prefix === undefined) return;
      const folder = this.readOne(prefix);
      this.ahead.set(prefix, folder);
      const folders = [...folder.found.values()].filter((sibling) => typeof sibling === "string");
      next.push(...sortPaths(folders).reverse());
      entries += 1 + folder.found.size;
      if (entries < turn) continue;
      turn = entries + TURN;
      await setImmediate();
    }
  }

  /**
   * Everything in batches, ascending by sort key. To be called once.
   *
   * @param survey where extended attributes are; needed while metadata are recorded.
   */
  *walk(survey?: XattrSurvey): Generator<Entry[]> {
    const recording = survey && new Recording(this.settings.root, survey, (path) => this.tellTooMany(path));
    let batch: Entry[] = [];
    const path = [this.siblings("", recording).values()];
    for (let last = path.at(-1); last !== undefined; last = path.at(-1)) {
      const { value: sibling } = last.next();
      if (sibling === undefined) path.pop();
      else if (typeof sibling === "string") path.push(this.siblings(sibling, recording).values());
      else batch.push(sibling);
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
    this.tellNotes(survey);
  }

  /** One folder's files, manifests and subfolders, in the order of their sort keys. */
  private siblings(prefix: string, recording: Recording | undefined): (Entry | string)[] {
    const folder = this.ahead.get(prefix) ?? this.readOne(prefix);
    this.ahead.delete(prefix);
    const { found } = folder;
    for (const manifest of this.manifestsOf(prefix, folder, recording)) found.set(manifest.sortKey, manifest);
    return sortPaths([...found.keys()]).map((key) => found.get(key) as Entry | string);
  }

  private manifestsOf(
    prefix: string,
    { listed, record }: FoundFolder,
    recording: Recording | undefined,
  ): Entry[] {
    if (recording === undefined || listed === undefined || record === undefined) return [];
    if (prefix !== "" && this.exclusions.reasonFor(prefix) !== undefined) return [];
    try {
      return recording.manifestsOf(prefix, listed, record);
    } catch (error) {
      this.unknownFolder(prefix, error, "cannot be examined");
      return [];
    }
  }

  private readOne(prefix: string): FoundFolder {
    const { exclusions } = this;
    const found = new Map<string, Entry | string>();
    const listed = this.list(prefix);
    if (listed !== undefined) this.takeRules(prefix, listed);
    const record = this.settings.metadata ? new FolderRecord(prefix.slice(0, -1)) : undefined;
    for (const { name, kind } of listed ?? []) {
      const file = prefix + name;
      exclusions.meet(file);
      if (kind === "folder") {
        const folder = `${file}/`;
        if (prefix === "" && isTemporaryFolder(name))
          this.findings.onSkipped(folder, "a folder of temporary files");
        else if (!exclusions.skipsFolder(folder) && this.isOnThisFileSystem(folder))
          found.set(folder, folder);
      } else if (exclusions.reasonFor(file) === undefined) {
        const entry = record ? this.record(name, file, record) : this.examine(file, kind);
        if (entry !== undefined) found.set(entry.sortKey, entry);
      }
    }
    return { listed, found, record };
  }

  /** What a folder itself says of its files: rules, or that it is a cache. */
  private takeRules(prefix: string, listed: readonly FolderEntry[]): void {
    const { exclusions } = this;
    for (const { name, kind } of listed) {
      if (kind !== "file" || (name !== RULES_FILE && !(name === CACHE_TAG && exclusions.caches))) continue;
      const file = prefix + name;
      try {
        // As names are read: rules may be about such as are not UTF-8.
        const text = pathOfBytes(fs.readFileSync(fsPath(`${this.settings.root}/${file}`)));
        if (name === RULES_FILE) this.addRules(prefix, file, rulesIn(text));
        else if (text.startsWith(CACHE_SIGNATURE)) exclusions.leaveOut(prefix, "exclude_caches");
      } catch (error) {
        this.tellError(error, file);
      }
    }
  }

  private addRules(prefix: string, file: string, lines: readonly string[]): void {
    for (const { line, rule, why } of this.exclusions.addRules(prefix, lines)) {
      this.findings.onSkipped(`${file}:${line}`, `the rule ${rule} can match nothing: ${why}`);
    }
  }

  private isOnThisFileSystem(folder: string): boolean {
    if (!this.exclusions.oneFileSystem) return true;
    const { root } = this.settings;
    const deviceOf = (file: string) => fs.lstatSync(fsPath(file), { throwIfNoEntry: false })?.dev;
    this.device ??= deviceOf(root);
    const device = deviceOf(`${root}/${folder}`);
    if (device === undefined || device === this.device) return true; // gone: reading it will say so
    this.exclusions.leaveOut(folder, OTHER_FILE_SYSTEM);
    return false;
  }

  /** Undefined when it could not be read. */
  private list(prefix: string): readonly FolderEntry[] | undefined {
    const { root } = this.settings;
    try {
      return readFolder(prefix === "" ? root : `${root}/${prefix}`);
    } catch (error) {
      this.unknownFolder(prefix, error, "cannot be listed");
      return undefined;
    }
  }

  /**
   * One that was removed while the scan went on, most likely, is nothing to complain of. It may have been unmounted as well,
   * so its files count as unknown, and the next run sees for sure. Nor is there a word about what is to be ignored anyway.
   */
  private unknownFolder(prefix: string, error: unknown, what: string): void {
    this.findings.onUnknown(prefix);
    if (prefix !== "" && (errorCode(error) === "ENOENT" || this.exclusions.reasonFor(prefix) !== undefined))
      return;
    this.tellError(error, prefix || this.settings.root, what);
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
  private record(name: string, file: string, record: FolderRecord): Entry | undefined {
    const location = fsPath(`${this.settings.root}/${file}`);
    try {
      const stat = fs.lstatSync(location, { bigint: true, throwIfNoEntry: false });
      // Gone, or another, since its folder was read.
      if (stat === undefined || stat.isDirectory()) return this.unknown(file);
      const kind = kindOf(stat);
      if (kind === "symlink") {
        record.add(name, kind, stat, pathOfBytes(fs.readlinkSync(location, { encoding: "buffer" })));
        return undefined;
      }
      if (kind === "file" && this.exclusions.isTooLarge(file, Number(stat.size))) return undefined;
      record.add(name, kind, stat);
      if (kind === "file") return this.entryOf(file, secondsOfNanoseconds(stat.mtimeNs), Number(stat.size));
      this.specials++;
      return undefined;
    } catch (error) {
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

  private tellNotes(survey: XattrSurvey | undefined): void {
    const { onNote } = this.findings;
    if (this.specials > 0) onNote(`${this.specials} devices, sockets and FIFOs are recorded, not opened`);
    if (survey?.available === false) {
      onNote(
        "getfattr is not installed (Debian's package attr): extended attributes and ACLs are not recorded",
      );
    }
  }

  private tellTooMany(path: string): void {
    this.findings.onNote(
      `${path}: its extended attributes are not recorded, since they are more than 768 KiB`,
    );
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

/** Links are also kept for their text alone, which then is longer than any name can be. */
function isNoPath(error: unknown, link: string | Buffer): boolean {
  if (errorCode(error) !== "ENAMETOOLONG") return false;
  try {
    return fs.lstatSync(link).isSymbolicLink();
  } catch {
    return false; // it is the link's own path that is too long
  }
}
