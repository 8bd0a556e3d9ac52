/**
 * A local folder as a source.
 *
 * Files are regular files, and links to regular files (their content); linked folders are not entered. Everything
 * else is named and skipped, never opened. While metadata are recorded, links and everything else are entries of their
 * folder's manifest, and no link is followed.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { errorCode, FileChangedError, StorageError } from "../errors.ts";
import { folderOf } from "../names/folders.ts";
import { parseManifestPath, unescapePath } from "../names/manifest-name.ts";
import { fsPath } from "../names/path-text.ts";
import type { BackupFolder } from "../storage/local/backup-folder.ts";
import type { Entry } from "./entry.ts";
import type { LocalFindings, LocalScanSettings } from "./examiner.ts";
import type { Exclusions } from "./exclusions.ts";
import { OpenLocalFile, sourceError } from "./open-local-file.ts";
import { PreparedScan } from "./prepared-scan.ts";
import { RealPlace } from "./real-place.ts";
import { cameSince, changedSince } from "./second-look.ts";
import type { ScanFindings, Source, SourceFile } from "./source.ts";

export interface LocalSourceOptions {
  /** Record metadata of every folder in manifests. */
  readonly metadata?: boolean;
  /** Keep names that begin like manifests out of their way (docs/format.md, section 9). */
  readonly reserve?: boolean;
  /** May be mounted somewhere below the folder. */
  readonly backup?: BackupFolder;
}

export class LocalSource implements Source {
  readonly location: string;
  private readonly exclusions: Exclusions;
  private readonly settings: LocalScanSettings;
  private readonly place: RealPlace;
  private readonly unknownPaths = new Set<string>();
  /** With a trailing slash; the empty one is the root. */
  private readonly unknownFolders = new Set<string>();
  /** When the last scan began, in milliseconds since 1970, and what was there. */
  private since = 0;
  private began: string | undefined;
  /** The next scan, where it was begun before. */
  private prepared: PreparedScan | undefined;
  private readonly closed = new AbortController();

  constructor(
    root: string,
    exclusions: Exclusions,
    { metadata = false, reserve = metadata, backup }: LocalSourceOptions = {},
  ) {
    this.location = path.resolve(root);
    this.exclusions = exclusions;
    this.settings = { root: this.location, metadata, escapes: reserve, ...(backup && { backup }) };
    this.place = new RealPlace(this.location);
  }

  prepare(signal?: AbortSignal): void {
    const { closed } = this;
    const either = signal === undefined ? closed.signal : AbortSignal.any([signal, closed.signal]);
    this.since = Date.now();
    this.began ??= this.identity();
    this.prepared = new PreparedScan(this.settings, this.exclusions, either);
  }

  async *scan(findings: ScanFindings, signal?: AbortSignal): AsyncGenerator<Entry[]> {
    this.checkRoot();
    if (this.prepared === undefined) this.prepare(signal);
    const scan = this.prepared as PreparedScan;
    this.prepared = undefined;
    yield* scan.walk(this.noting(findings));
  }

  isUnknown(file: string): boolean {
    if (this.unknownFolders.size === 0) return this.unknownPaths.has(file);
    for (let at = 0; at !== -1; at = file.indexOf("/", at) + 1 || -1) {
      if (this.unknownFolders.has(file.slice(0, at))) return true;
    }
    return this.unknownPaths.has(file);
  }

  isStillThere(): boolean {
    return this.identity() === this.began;
  }

  /** Manifests that another run has stored meanwhile may go: the next one makes them again. */
  cameSince(stored: string): boolean {
    const { root, metadata, escapes } = this.settings;
    if (escapes && parseManifestPath(stored) !== undefined) return false;
    const path = escapes ? unescapePath(stored) : stored;
    if (this.exclusions.reasonFor(path) !== undefined) return false;
    const isTooLarge = (file: string, size: number) => this.exclusions.isTooLarge(file, size);
    return cameSince(path, { root, followsLinks: !metadata, since: this.since, isTooLarge });
  }

  wasRemoved(stored: string): boolean {
    const { root, metadata, escapes } = this.settings;
    const folder = folderOf(escapes ? unescapePath(stored) : stored);
    return changedSince(folder, { root, followsLinks: !metadata, since: this.since });
  }

  async excludedBy(file: string): Promise<string | undefined> {
    const path = this.settings.escapes ? unescapePath(file) : file;
    return this.exclusions.reasonFor(path)?.classic ? undefined : this.ruleFor(path);
  }

  skipsFolder(folder: string): boolean {
    return this.exclusions.skipsFolder(this.settings.escapes ? unescapePath(folder) : folder);
  }

  mayLeaveOut(): boolean {
    return this.exclusions.mayLeaveOut;
  }

  async ruleFor(path: string): Promise<string | undefined> {
    const reason = this.exclusions.reasonFor(path);
    if (reason !== undefined || !this.exclusions.limitsSize) return reason?.text;
    const size = this.sizeOf(path);
    return size !== undefined && this.exclusions.isTooLarge(path, size) ? "exclude_larger_than" : undefined;
  }

  /** Of what a scan would take for a file there; undefined of anything else. The path may be a stranger's. */
  private sizeOf(path: string): number | undefined {
    const look = this.settings.metadata ? fs.lstatSync : fs.statSync;
    try {
      const stat = look(fsPath(`${this.location}/${path}`));
      return stat.isFile() ? stat.size : undefined;
    } catch {
      return undefined; // not there, or no path: what cannot be looked at is unknown, which is asked first
    }
  }

  async open(entry: { path: string }): Promise<SourceFile> {
    const path = this.settings.escapes ? unescapePath(entry.path) : entry.path;
    let fd: number | undefined;
    try {
      fd = this.openInPlace(path);
    } catch (error) {
      throw sourceError(error, entry.path);
    }
    if (fd === undefined) throw new FileChangedError(entry.path);
    return new OpenLocalFile(fd, entry.path);
  }

  /** Undefined where what was opened is there no more. Throws the file system's errors. */
  private openInPlace(path: string): number | undefined {
    const { metadata } = this.settings;
    // Without O_NONBLOCK a file that was replaced by a FIFO since the scan would hold the run for ever.
    const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;
    const flags = O_RDONLY | O_NONBLOCK;
    let fd: number;
    try {
      fd = fs.openSync(fsPath(`${this.location}/${path}`), flags | O_NOFOLLOW);
    } catch (error) {
      if (metadata || errorCode(error) !== "ELOOP") throw error;
      return this.place.openInFolder(path, flags);
    }
    if (this.isInPlace(fd, path)) return fd;
    if (this.place.isFolder(folderOf(path))) return undefined;
    throw Object.assign(new Error("a link is on the way to it"), { code: "ENOENT" });
  }

  /** Closes it where it is not. */
  private isInPlace(fd: number, path: string): boolean {
    let isInPlace = false;
    try {
      isInPlace = this.place.holds(fd, path);
    } finally {
      if (!isInPlace) fs.closeSync(fd);
    }
    return isInPlace;
  }

  async close(): Promise<void> {
    this.closed.abort();
  }

  private identity(): string | undefined {
    try {
      const { dev, ino } = fs.statSync(this.location);
      return `${dev}:${ino}`;
    } catch {
      return undefined; // not there, or out of reach
    }
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

  private noting(findings: ScanFindings): LocalFindings {
    return {
      onError: (report) => findings.onError(report),
      onSkipped: (file, reason) => findings.onSkipped(file, reason),
      onNote: (text) => findings.onNote(text),
      onUnknown: (place) => {
        (place === "" || place.endsWith("/") ? this.unknownFolders : this.unknownPaths).add(place);
      },
    };
  }
}
