/**
 * A local folder as a source.
 *
 * Files are regular files, and links to regular files (their content); linked folders are not entered. Everything
 * else is named and skipped, never opened.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import { setImmediate } from "node:timers/promises";
import { errorCode, messageOf, reportOf, StorageError } from "../errors.ts";
import { fsPath, sortPaths } from "../names/path-text.ts";
import { sortKeyOf } from "../names/stored-name.ts";
import { readPiecesReusing, readUpTo } from "../storage/local/file-io.ts";
import { readFolder } from "../storage/local/list.ts";
import { isTemporaryFolder } from "../storage/local/temporary.ts";
import type { Entry } from "./entry.ts";
import type { IgnoreRules } from "./ignore.ts";
import { exactStat, secondsOfStat } from "./mtime.ts";
import type { ScanFindings, Source, SourceFile } from "./source.ts";

const BATCH = 500;

export class LocalSource implements Source {
  readonly location: string;
  private readonly ignore: IgnoreRules;
  private readonly unknownPaths = new Set<string>();
  /** With a trailing slash; the empty one is the root. */
  private readonly unknownFolders = new Set<string>();

  constructor(root: string, ignore: IgnoreRules) {
    this.location = path.resolve(root);
    this.ignore = ignore;
  }

  async *scan(findings: ScanFindings, signal?: AbortSignal): AsyncGenerator<Entry[]> {
    this.checkRoot();
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
  }

  isUnknown(file: string): boolean {
    if (this.unknownFolders.size === 0) return this.unknownPaths.has(file);
    for (let at = 0; at !== -1; at = file.indexOf("/", at) + 1 || -1) {
      if (this.unknownFolders.has(file.slice(0, at))) return true;
    }
    return this.unknownPaths.has(file);
  }

  async open(entry: { path: string }): Promise<SourceFile> {
    const file = fsPath(`${this.location}/${entry.path}`);
    try {
      // Without O_NONBLOCK a file that was replaced by a FIFO since the scan would hold the run for ever.
      const fd = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      return new OpenLocalFile(fd, entry.path);
    } catch (error) {
      throw wrap(error, entry.path);
    }
  }

  async close(): Promise<void> {
    // Nothing is held between files.
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
    for (const { name, kind } of this.readFolder(prefix, findings)) {
      const file = prefix + name;
      if (kind === "folder") {
        const folder = `${file}/`;
        if (prefix === "" && isTemporaryFolder(name))
          this.skip(folder, findings, "a folder of temporary files");
        else if (!this.ignore.ignoresFolder(folder)) found.set(folder, folder);
      } else if (!this.ignore.ignores(file)) {
        const entry = kind === "other" ? this.skip(file, findings) : this.examine(file, kind, findings);
        if (entry !== undefined) found.set(entry.sortKey, entry);
      }
    }
    return sortPaths([...found.keys()]).map((key) => found.get(key) as Entry | string);
  }

  private readFolder(prefix: string, findings: ScanFindings): ReturnType<typeof readFolder> {
    const folder = prefix === "" ? this.location : `${this.location}/${prefix}`;
    try {
      return readFolder(folder);
    } catch (error) {
      this.unknownFolders.add(prefix);
      // Removed while the scan went on, most likely: nothing to complain of. It may have been unmounted as well, so its
      // files count as unknown, and the next run sees for sure. Nor is there a word about what is to be ignored anyway.
      if (prefix !== "" && (errorCode(error) === "ENOENT" || this.ignore.ignores(prefix))) return [];
      findings.onError(reportOf(wrap(error, prefix || this.location, "cannot be listed"), "source"));
      return [];
    }
  }

  private examine(file: string, kind: "file" | "link", findings: ScanFindings): Entry | undefined {
    const location = fsPath(`${this.location}/${file}`);
    try {
      const stat = fs.statSync(location, { throwIfNoEntry: false });
      if (stat === undefined) {
        if (kind === "link") return this.skip(file, findings, "a dangling link");
        this.unknownPaths.add(file); // gone since its folder was read: as with folders
        return undefined;
      }
      if (!stat.isFile()) {
        return this.skip(file, findings, stat.isDirectory() ? "a link to a folder" : "not a regular file");
      }
      const mtime = secondsOfStat(stat, () => exactStat(location));
      return { path: file, size: stat.size, mtime, sortKey: sortKeyOf(file, mtime, stat.size) };
    } catch (error) {
      if (kind === "link" && errorCode(error) === "ELOOP")
        return this.skip(file, findings, "a link to itself");
      this.unknownPaths.add(file);
      findings.onError(reportOf(wrap(error, file, "cannot be examined"), "source"));
      return undefined;
    }
  }

  private skip(file: string, findings: ScanFindings, reason = "not a regular file"): undefined {
    findings.onSkipped(file, reason);
  }
}

class OpenLocalFile implements SourceFile {
  readonly size: number;
  readonly mtime: number;
  private readonly fd: number;
  private readonly path: string;
  private readonly opened: fs.BigIntStats;

  constructor(fd: number, file: string) {
    this.fd = fd;
    this.path = file;
    try {
      this.opened = fs.fstatSync(fd, { bigint: true });
      if (!this.opened.isFile())
        throw new StorageError("source", "is no longer a regular file", { path: file });
    } catch (error) {
      fs.closeSync(fd);
      throw error;
    }
    this.size = Number(this.opened.size);
    this.mtime = secondsOfStat(fs.fstatSync(fd), () => this.opened);
  }

  async *read(signal?: AbortSignal): AsyncGenerator<Buffer> {
    try {
      for (const piece of readPiecesReusing(this.fd, 0, this.size)) {
        signal?.throwIfAborted();
        yield piece;
      }
    } catch (error) {
      if (signal?.aborted) throw error;
      throw wrap(error, this.path);
    }
  }

  async readWhole(): Promise<Buffer> {
    try {
      const bytes = readUpTo(this.fd, this.size, 0);
      if (bytes.length === this.size) return bytes;
    } catch (error) {
      throw wrap(error, this.path);
    }
    throw wrap(Object.assign(new Error("ended early"), { code: "ESHORT" }), this.path);
  }

  async isUnchanged(): Promise<boolean> {
    const now = fs.fstatSync(this.fd, { bigint: true });
    return (
      now.size === this.opened.size &&
      now.mtimeNs === this.opened.mtimeNs &&
      now.ctimeNs === this.opened.ctimeNs
    );
  }

  async close(): Promise<void> {
    fs.closeSync(this.fd);
  }
}

function wrap(error: unknown, file: string, what = "cannot be read"): StorageError {
  const code = errorCode(error);
  return new StorageError("source", `${what} (${code ?? messageOf(error)})`, {
    path: file,
    cause: error,
    ...(code === "EACCES" && { remedy: "give the user that runs this tool read access, or ignore it" }),
  });
}
