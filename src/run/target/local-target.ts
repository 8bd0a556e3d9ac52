/**
 * A local folder as the target of a restore.
 *
 * The names come from strangers: a path is refused when it would leave the target, and no link is ever followed on
 * the way, be it one that was there before. Files are written into a private temporary folder below the target and
 * renamed into place once they are complete and verified.
 */
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { errorCode, messageOf, StorageError } from "../../errors.ts";
import { foldersOf } from "../../names/folders.ts";
import { fsPath } from "../../names/path-text.ts";
import { md5ToBase36, type StoredVersion } from "../../names/stored-name.ts";
import { secondsOfStat } from "../../scan/mtime.ts";
import type { BackupFolder } from "../../storage/local/backup-folder.ts";
import { flushAllFileSystems, flushFileSystem } from "../../storage/local/durability.ts";
import {
  readPiecesReusing,
  removeQuietly,
  writeAroundZeros,
  writeFully,
} from "../../storage/local/file-io.ts";
import { LetterCase } from "../../storage/local/letter-case.ts";
import { REMEDIES } from "../../storage/local/local-error.ts";
import { isTemporaryFolder, TemporaryFolder } from "../../storage/local/temporary.ts";
import { WriteBehind } from "../object/write-behind.ts";
import type { Existing, PutOptions, RestoreTarget } from "./restore-target.ts";
import { isClosed, NEW_MODE, PRIVATE } from "./unrecorded-files.ts";

const REMEMBERED = 50_000;
const FOLDER_THERE = "a folder is in its place";
const NOT_IN_A_FOLDER = "restore it to a bucket, or read it with backup cat";

export class LocalTarget implements RestoreTarget {
  readonly takesAtOnce = true;
  private readonly root: string;
  private readonly temporary: TemporaryFolder;
  private readonly letterCase: LetterCase;
  private readonly folders = new Set<string>();
  /** What a restore found there it may replace. */
  private readonly wasEmpty: boolean;
  private readonly awaitsMetadata: boolean;
  private readonly backup: BackupFolder | undefined;
  /** Of files that nothing was in the place of. */
  private newMode: number | undefined;

  /**
   * @param awaitsMetadata what is made is open to nobody else until it gets the mode that was recorded.
   * @param backup may lie below it.
   */
  constructor(root: string, awaitsMetadata = false, backup?: BackupFolder) {
    this.root = path.resolve(root);
    this.awaitsMetadata = awaitsMetadata;
    this.backup = backup;
    this.wasEmpty = isEmpty(this.root);
    this.temporary = new TemporaryFolder(this.root);
    this.letterCase = new LetterCase(this.root);
  }

  async examine(file: string): Promise<Existing | undefined> {
    checkTargetPath(file);
    try {
      this.checkFolders(file);
      const location = this.locate(file);
      const stat = fs.lstatSync(location, { throwIfNoEntry: false });
      if (stat === undefined) return undefined;
      if (stat.isDirectory()) throw obstructed(file, FOLDER_THERE, file);
      if (this.letterCase.isIgnoredAt(file)) this.checkNamesake(file);
      const mtime = secondsOfStat(stat, () => fs.lstatSync(location, { bigint: true }));
      return { size: stat.size, mtime, regular: stat.isFile(), mode: stat.mode & 0o777 };
    } catch (error) {
      throw wrap(error, file);
    }
  }

  async isIdentical(version: StoredVersion, existing: Existing, checksum: boolean): Promise<boolean> {
    if (!existing.regular || existing.size !== version.size || existing.mtime !== version.mtime) return false;
    return !checksum || this.md5Of(version) === version.md5;
  }

  async put(
    version: StoredVersion,
    content: AsyncIterable<Buffer>,
    _signal?: AbortSignal,
    { sparse = false, isOld = false, existing, writer }: PutOptions = {},
  ): Promise<void> {
    checkTargetPath(version.path);
    const kept = existing?.regular ? existing.mode : undefined;
    let temporary: string | undefined;
    let fd: number | undefined;
    let behind: WriteBehind | undefined;
    try {
      temporary = this.temporary.newPath();
      this.newMode ??= this.awaitsMetadata && !isClosed(this.root) ? PRIVATE : NEW_MODE;
      // Nobody else gets into the folder that it lies in, so what is new can have its mode at once. What is old keeps the one
      // that it is made with where the restore is cut off: the next one finds it identical, and not of its making.
      const isPrivate = kept !== undefined || (isOld && this.awaitsMetadata);
      fd = fs.openSync(temporary, "wx", isPrivate ? PRIVATE : this.newMode);
      if (writer !== undefined) behind = new WriteBehind(writer, temporary, sparse);
      let position = 0;
      for await (const piece of content) {
        const { length } = piece;
        if (behind !== undefined) await behind.append(piece);
        else if (sparse) writeAroundZeros(fd, piece, position);
        else writeFully(fd, piece, position);
        position += length;
      }
      await behind?.end();
      if (sparse) fs.ftruncateSync(fd, position);
      if (kept !== undefined) fs.fchmodSync(fd, kept);
      fs.futimesSync(fd, version.mtime, version.mtime);
      const written = fd;
      fd = undefined; // closed whether or not close(2) fails
      fs.closeSync(written);
      this.makeFolders(version.path);
      if (existing === undefined) this.claim(version.path);
      fs.renameSync(temporary, this.locate(version.path));
    } catch (error) {
      await behind?.settle();
      if (fd !== undefined) fs.closeSync(fd);
      if (temporary !== undefined) removeQuietly(temporary);
      // Made by another file of this restore: in a bucket `a` can be beside `a/b`.
      if (errorCode(error) === "EISDIR") throw obstructed(version.path, FOLDER_THERE, version.path);
      throw wrap(error, version.path);
    }
  }

  async flush(): Promise<void> {
    this.temporary.remove();
    // One flush for the whole restore: until it has ended the backup is there to start again from. Where nothing was
    // before nothing can be lost, and the system writes in its own time, as it does after a copy.
    if (this.wasEmpty) return;
    try {
      if (!(await flushFileSystem(this.root))) await flushAllFileSystems();
    } catch (error) {
      throw new StorageError("restore", `what was restored may not be on the disk: ${messageOf(error)}`, {
        path: this.root,
        cause: error,
        remedy: "check the disk, and run the restore again with --checksum",
      });
    }
  }

  async close(): Promise<void> {
    this.temporary.remove();
  }

  /** Looks at every folder on the way, as far as they exist. */
  private checkFolders(file: string): void {
    for (const folder of foldersOf(file)) {
      if (this.folders.has(folder)) continue;
      const stat = fs.lstatSync(this.locate(folder), { throwIfNoEntry: false });
      if (stat === undefined) return;
      this.checkFolder(folder, file, stat);
    }
  }

  private makeFolders(file: string): void {
    for (const folder of foldersOf(file)) {
      if (this.folders.has(folder)) continue;
      try {
        fs.mkdirSync(this.locate(folder));
      } catch (error) {
        if (errorCode(error) !== "EEXIST") throw error;
      }
      this.checkFolder(folder, file, fs.lstatSync(this.locate(folder)));
    }
  }

  private checkFolder(folder: string, file: string, stat: fs.Stats): void {
    if (stat.isSymbolicLink()) throw obstructed(file, "the path leads through a symbolic link", folder);
    if (!stat.isDirectory()) throw obstructed(file, "a file is in the place of a folder", folder);
    if (this.backup?.isAt(this.locate(folder), stat)) throw intoBackup(file);
    if (this.folders.size >= REMEMBERED) this.folders.clear();
    this.folders.add(folder);
  }

  /** Where the file system does not tell `A` from `a` another thread may just make one, and the other the next moment. */
  private claim(file: string): void {
    if (!this.letterCase.isIgnoredAt(path.basename(this.temporary.path))) return;
    try {
      fs.closeSync(fs.openSync(this.locate(file), "wx", PRIVATE));
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
      this.checkNamesake(file);
    }
  }

  private checkNamesake(file: string): void {
    const there = this.letterCase.namesakeOf(file);
    if (there === undefined) return;
    throw refusal(
      file,
      `${there} is in its place, and this file system does not tell upper from lower case`,
      "restore it by itself with --to into another folder",
    );
  }

  private md5Of(version: StoredVersion): string {
    const fd = fs.openSync(this.locate(version.path), fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    try {
      const digest = createHash("md5");
      for (const piece of readPiecesReusing(fd, 0, version.size)) digest.update(piece);
      return md5ToBase36(digest.digest());
    } finally {
      fs.closeSync(fd);
    }
  }

  private locate(file: string): string | Buffer {
    return fsPath(`${this.root}/${file}`);
  }
}

/** Whether a folder holds nothing, but for what restores that were cut off left in it, or is not there. */
function isEmpty(root: string): boolean {
  try {
    return fs.readdirSync(root).every(isTemporaryFolder);
  } catch {
    return true;
  }
}

/**
 * Refuses what could lead out of the target or means something else than it says.
 * @throws StorageError (EREFUSED).
 */
export function checkTargetPath(file: string): void {
  const components = file.split("/");
  if (file.startsWith("/")) throw refusal(file, "the path is absolute", NOT_IN_A_FOLDER);
  if (components.includes("..")) throw refusal(file, "the path would leave the target", NOT_IN_A_FOLDER);
  if (components.includes("") || components.includes(".")) {
    throw refusal(file, "a folder cannot hold a path with an empty or '.' component", NOT_IN_A_FOLDER);
  }
  if (isTemporaryFolder(components[0] ?? "")) throw refusal(file, "the name is reserved for temporary files");
  if (file.includes("\0")) throw refusal(file, "the path holds a zero byte");
}

export function refusal(
  file: string,
  reason: string,
  remedy = "restore into an empty folder, or pick files with --restore-only",
): StorageError {
  return new StorageError("restore", `not restored: ${reason}`, { path: file, code: "EREFUSED", remedy });
}

/** @param obstacle what is to be moved away, below the target: no restore removes it. */
export function obstructed(file: string, reason: string, obstacle: string): StorageError {
  return refusal(
    file,
    reason,
    `move ${obstacle} out of the way and run again, or restore with --to into an empty folder`,
  );
}

/** Of what would be written where the backup itself lies. */
export function intoBackup(file: string): StorageError {
  return refusal(
    file,
    "the path leads into the destination, which holds the backup",
    "restore to a place that the destination does not lie in",
  );
}

function wrap(error: unknown, file: string): Error {
  if (error instanceof Error && "side" in error) return error;
  const code = errorCode(error);
  const remedy = code === undefined ? undefined : REMEDIES[code];
  return new StorageError("restore", `cannot be written (${code ?? messageOf(error)})`, {
    path: file,
    cause: error,
    ...(remedy !== undefined && { remedy }),
  });
}
