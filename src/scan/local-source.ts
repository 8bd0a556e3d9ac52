/**
 * A local folder as a source.
 *
 * Files are regular files, and links to regular files (their content); linked folders are not entered. Everything
 * else is named and skipped, never opened. While metadata are recorded, links and everything else are entries of their
 * folder's manifest, and no link is followed.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { setImmediate } from "node:timers/promises";
import { errorCode, reportOf, StorageError } from "../errors.ts";
import { Accounts } from "../metadata/accounts.ts";
import { readXattrs, surveyXattrs, type XattrSurvey } from "../metadata/xattrs.ts";
import { escapePath, unescapePath } from "../names/manifest-name.ts";
import { fsPath, pathOfBytes, sortPaths } from "../names/path-text.ts";
import { sortKeyOf } from "../names/stored-name.ts";
import { readFolder } from "../storage/local/list.ts";
import { isTemporaryFolder } from "../storage/local/temporary.ts";
import type { Entry } from "./entry.ts";
import { CACHE_SIGNATURE, CACHE_TAG, type Exclusions, RULES_FILE } from "./exclusions.ts";
import { type AccountNames, FolderRecord, kindOf, LinkTable } from "./folder-record.ts";
import { rulesIn } from "./gitignore.ts";
import { exactStat, secondsOfNanoseconds, secondsOfStat } from "./mtime.ts";
import { OpenLocalFile, sourceError } from "./open-local-file.ts";
import type { ScanFindings, Source, SourceFile } from "./source.ts";

const BATCH = 500;
const NO_XATTRS = {};

export interface LocalSourceOptions {
  /** Record metadata of every folder in manifests. */
  readonly metadata?: boolean;
  /** Keep names that begin like manifests out of their way (docs/format.md, section 9). */
  readonly reserve?: boolean;
}

/** What one scan needs to record metadata. */
interface Recording {
  readonly links: LinkTable;
  readonly accounts: AccountNames;
  readonly survey: XattrSurvey;
  /** Attributes of folders that were read with their parents and are still to be entered. */
  readonly folders: Map<string, Readonly<Record<string, string>>>;
  specials: number;
}

export class LocalSource implements Source {
  readonly location: string;
  private readonly exclusions: Exclusions;
  private readonly unknownPaths = new Set<string>();
  /** With a trailing slash; the empty one is the root. */
  private readonly unknownFolders = new Set<string>();
  private readonly metadata: boolean;
  private readonly escapes: boolean;
  private recording: Recording | undefined;
  /** Of the next scan, where it was begun before. */
  private survey: Promise<XattrSurvey> | undefined;
  private readonly closed = new AbortController();
  /** Of the root. */
  private device: number | undefined;

  constructor(
    root: string,
    exclusions: Exclusions,
    { metadata = false, reserve = metadata }: LocalSourceOptions = {},
  ) {
    this.location = path.resolve(root);
    this.exclusions = exclusions;
    this.metadata = metadata;
    this.escapes = reserve;
  }

  prepare(signal: AbortSignal): void {
    if (!this.metadata) return;
    this.survey = surveyXattrs(this.location, AbortSignal.any([signal, this.closed.signal]));
    this.survey.catch(() => {}); // who scans awaits it
  }

  async *scan(findings: ScanFindings, signal?: AbortSignal): AsyncGenerator<Entry[]> {
    this.checkRoot();
    if (this.metadata) this.recording = await this.beginRecording(signal);
    let batch: Entry[] = [];
    for (const entry of this.walk("", findings)) {
      batch.push(entry);
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
      // The walk is synchronous, which is ten times cheaper; between batches everything else gets its turn.
      await setImmediate();
      signal?.throwIfAborted();
    }
    if (batch.length > 0) yield batch;
    this.tellNotes(findings);
  }

  isUnknown(file: string): boolean {
    if (this.unknownFolders.size === 0) return this.unknownPaths.has(file);
    for (let at = 0; at !== -1; at = file.indexOf("/", at) + 1 || -1) {
      if (this.unknownFolders.has(file.slice(0, at))) return true;
    }
    return this.unknownPaths.has(file);
  }

  async excludedBy(file: string): Promise<string | undefined> {
    const path = this.escapes ? unescapePath(file) : file;
    return this.exclusions.reasonFor(path)?.classic ? undefined : this.ruleFor(path);
  }

  async ruleFor(path: string): Promise<string | undefined> {
    const reason = this.exclusions.reasonFor(path);
    if (reason !== undefined || !this.exclusions.limitsSize) return reason?.text;
    const stat = fs.lstatSync(fsPath(`${this.location}/${path}`), { throwIfNoEntry: false });
    return stat && this.exclusions.isTooLarge(path, stat.size) ? "exclude_larger_than" : undefined;
  }

  async open(entry: { path: string }): Promise<SourceFile> {
    const file = fsPath(`${this.location}/${this.escapes ? unescapePath(entry.path) : entry.path}`);
    try {
      // Without O_NONBLOCK a file that was replaced by a FIFO since the scan would hold the run for ever.
      const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;
      const fd = fs.openSync(file, O_RDONLY | O_NONBLOCK | (this.metadata ? O_NOFOLLOW : 0));
      return new OpenLocalFile(fd, entry.path);
    } catch (error) {
      throw sourceError(error, entry.path);
    }
  }

  async close(): Promise<void> {
    this.closed.abort();
  }

  private checkRoot(): void {
    const stat = fs.statSync(this.location, { throwIfNoEntry: false });
    if (stat?.isDirectory()) return;
    throw new StorageError("source", stat ? "is not a folder" : "does not exist", {
      path: this.location,
      code: "ENOENT",
      remedy: "check `src`, and that what it names is mounted",
    });
  }

  private *walk(prefix: string, findings: ScanFindings): Generator<Entry> {
    for (const sibling of this.siblings(prefix, findings)) {
      if (typeof sibling === "string") yield* this.walk(sibling, findings);
      else yield sibling;
    }
  }

  /** One folder's files and subfolders (as paths with a trailing slash), in the order of their sort keys. */
  private siblings(prefix: string, findings: ScanFindings): (Entry | string)[] {
    const found = new Map<string, Entry | string>();
    const listed = this.readFolder(prefix, findings);
    if (listed !== undefined) this.takeRules(prefix, listed, findings);
    const record = this.recording && new FolderRecord(prefix.slice(0, -1));
    for (const { name, kind } of listed ?? []) {
      const file = prefix + name;
      if (kind === "folder") {
        const folder = `${file}/`;
        if (prefix === "" && isTemporaryFolder(name))
          this.skip(folder, findings, "a folder of temporary files");
        else if (!this.exclusions.skipsFolder(folder) && this.isOnThisFileSystem(folder))
          found.set(folder, folder);
      } else if (this.exclusions.reasonFor(file) === undefined) {
        const entry = record
          ? this.record(name, file, record, findings)
          : kind === "other"
            ? this.skip(file, findings)
            : this.examine(file, kind, findings);
        if (entry !== undefined) found.set(entry.sortKey, entry);
      }
    }
    if (
      record &&
      listed !== undefined &&
      !(prefix !== "" && this.exclusions.reasonFor(prefix) !== undefined)
    ) {
      for (const manifest of this.manifestsOf(prefix, record, listed, findings))
        found.set(manifest.sortKey, manifest);
    }
    return sortPaths([...found.keys()]).map((key) => found.get(key) as Entry | string);
  }

  /** What a folder itself says of its files: rules, or that it is a cache. */
  private takeRules(prefix: string, listed: ReturnType<typeof readFolder>, findings: ScanFindings): void {
    for (const { name, kind } of listed) {
      if (kind !== "file" || (name !== RULES_FILE && !(name === CACHE_TAG && this.exclusions.caches)))
        continue;
      const file = prefix + name;
      try {
        const text = fs.readFileSync(fsPath(`${this.location}/${file}`), "utf8");
        if (name === RULES_FILE) this.exclusions.addRules(prefix, rulesIn(text));
        else if (text.startsWith(CACHE_SIGNATURE)) this.exclusions.leaveOut(prefix, "exclude_caches");
      } catch (error) {
        findings.onError(reportOf(sourceError(error, file), "source"));
      }
    }
  }

  private isOnThisFileSystem(folder: string): boolean {
    if (!this.exclusions.oneFileSystem) return true;
    const deviceOf = (file: string) => fs.lstatSync(fsPath(file), { throwIfNoEntry: false })?.dev;
    this.device ??= deviceOf(this.location);
    const device = deviceOf(`${this.location}/${folder}`);
    if (device === undefined || device === this.device) return true; // gone: reading it will say so
    this.exclusions.leaveOut(folder, "one_file_system");
    return false;
  }

  /** Undefined when it could not be read. */
  private readFolder(prefix: string, findings: ScanFindings): ReturnType<typeof readFolder> | undefined {
    const folder = prefix === "" ? this.location : `${this.location}/${prefix}`;
    try {
      return readFolder(folder);
    } catch (error) {
      this.unknownFolders.add(prefix);
      // Removed while the scan went on, most likely: nothing to complain of. It may have been unmounted as well, so its
      // files count as unknown, and the next run sees for sure. Nor is there a word about what is to be ignored anyway.
      if (prefix !== "" && (errorCode(error) === "ENOENT" || this.exclusions.reasonFor(prefix) !== undefined))
        return undefined;
      findings.onError(reportOf(sourceError(error, prefix || this.location, "cannot be listed"), "source"));
      return undefined;
    }
  }

  private examine(file: string, kind: "file" | "link", findings: ScanFindings): Entry | undefined {
    const location = fsPath(`${this.location}/${file}`);
    try {
      const stat = fs.statSync(location, { throwIfNoEntry: false });
      if (stat === undefined) {
        if (kind === "link") return this.skip(file, findings, "a dangling link");
        this.unknownPaths.add(this.storedPath(file)); // gone since its folder was read: as with folders
        return undefined;
      }
      if (!stat.isFile()) {
        return this.skip(file, findings, stat.isDirectory() ? "a link to a folder" : "not a regular file");
      }
      if (this.exclusions.isTooLarge(file, stat.size)) return undefined;
      const mtime = secondsOfStat(stat, () => exactStat(location));
      return this.entryOf(file, mtime, stat.size);
    } catch (error) {
      if (kind === "link" && errorCode(error) === "ELOOP")
        return this.skip(file, findings, "a link to itself");
      this.unknownPaths.add(this.storedPath(file));
      findings.onError(reportOf(sourceError(error, file, "cannot be examined"), "source"));
      return undefined;
    }
  }

  /** Notes what an entry is for its folder's manifest; files are entries of the source as well. */
  private record(
    name: string,
    file: string,
    record: FolderRecord,
    findings: ScanFindings,
  ): Entry | undefined {
    const location = fsPath(`${this.location}/${file}`);
    try {
      const stat = fs.lstatSync(location, { bigint: true, throwIfNoEntry: false });
      if (stat === undefined || stat.isDirectory()) {
        this.unknownPaths.add(this.storedPath(file)); // gone, or another, since its folder was read
        return undefined;
      }
      const kind = kindOf(stat);
      if (kind === "symlink") {
        record.add(name, kind, stat, pathOfBytes(fs.readlinkSync(location, { encoding: "buffer" })));
        return undefined;
      }
      if (kind === "file" && this.exclusions.isTooLarge(file, Number(stat.size))) return undefined;
      record.add(name, kind, stat);
      if (kind === "file") return this.entryOf(file, secondsOfNanoseconds(stat.mtimeNs), Number(stat.size));
      (this.recording as Recording).specials++;
    } catch (error) {
      this.unknownPaths.add(this.storedPath(file));
      findings.onError(reportOf(sourceError(error, file, "cannot be examined"), "source"));
    }
    return undefined;
  }

  private manifestsOf(
    prefix: string,
    record: FolderRecord,
    listed: ReturnType<typeof readFolder>,
    findings: ScanFindings,
  ): Entry[] {
    const { links, accounts, survey, folders } = this.recording as Recording;
    const folder = prefix.slice(0, -1);
    const location = fsPath(prefix === "" ? this.location : `${this.location}/${folder}`);
    try {
      const stat = fs.statSync(location, { bigint: true });
      const xattrs = survey.folders.has(folder)
        ? readXattrs(
            this.location,
            folder,
            listed.map(({ name }) => name),
          )
        : new Map<string, Readonly<Record<string, string>>>();
      for (const { name, kind } of listed) {
        const own = kind === "folder" ? xattrs.get(name) : undefined;
        if (own !== undefined) folders.set(`${prefix}${name}/`, own);
      }
      const ofRoot = prefix === "" && survey.root ? readXattrs(this.location, "", ["."]).get(".") : undefined;
      const own = ofRoot ?? folders.get(prefix) ?? NO_XATTRS;
      folders.delete(prefix);
      return record.manifests({ stat, xattrs: own }, xattrs, links, accounts);
    } catch (error) {
      this.unknownFolders.add(prefix);
      findings.onError(reportOf(sourceError(error, prefix || this.location, "cannot be examined"), "source"));
      return [];
    }
  }

  private async beginRecording(signal?: AbortSignal): Promise<Recording> {
    const begun = this.survey;
    this.survey = undefined;
    return {
      links: new LinkTable(),
      accounts: { users: new Accounts("passwd"), groups: new Accounts("group") },
      survey: await (begun ?? surveyXattrs(this.location, signal)),
      folders: new Map(),
      specials: 0,
    };
  }

  private tellNotes({ onNote }: ScanFindings): void {
    if (this.recording === undefined) return;
    const { specials, survey } = this.recording;
    if (specials > 0) onNote(`${specials} devices, sockets and FIFOs are recorded, not opened`);
    if (!survey.available) {
      onNote(
        "getfattr is not installed (Debian's package attr): extended attributes and ACLs are not recorded",
      );
    }
    this.recording = undefined;
  }

  private entryOf(file: string, mtime: number, size: number): Entry {
    const stored = this.storedPath(file);
    return { path: stored, size, mtime, sortKey: sortKeyOf(stored, mtime, size) };
  }

  private storedPath(file: string): string {
    return this.escapes ? escapePath(file) : file;
  }

  private skip(file: string, findings: ScanFindings, reason = "not a regular file"): undefined {
    findings.onSkipped(file, reason);
  }
}
