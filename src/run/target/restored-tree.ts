/**
 * The folder that a restore fills, as it is: no link is followed, and every folder is looked at before something in it is
 * touched. What of it is the backup itself is not.
 */
import * as fs from "node:fs";
import type { Attributes, ManifestEntry } from "../../metadata/manifest.ts";
import { folderOf } from "../../names/folders.ts";
import { fsPath, pathOfBytes } from "../../names/path-text.ts";
import { secondsOf, secondsOfNanoseconds } from "../../scan/mtime.ts";
import { kindOf } from "../../scan/recorded-entry.ts";
import type { BackupFolder } from "../../storage/local/backup-folder.ts";
import { intoBackup, obstructed } from "./local-target.ts";
import { RealFolders } from "./real-folders.ts";

export class RestoredTree {
  private readonly root: string;
  private readonly backup: BackupFolder | undefined;
  /** What is one stays one: what is done here replaces no folder. */
  private readonly folders: RealFolders;

  /** @param root absolute. */
  constructor(root: string, backup?: BackupFolder) {
    this.root = root;
    this.backup = backup;
    this.folders = new RealFolders(root, backup);
  }

  /** Where a path lies; "" is the root itself. */
  locate(path: string): string | Buffer {
    return fsPath(path === "" ? this.root : `${this.root}/${path}`);
  }

  /** Whether a folder and all above it are there and no links. */
  isRealFolder(folder: string): boolean {
    return this.folders.isReal(folder);
  }

  /** Makes a folder and those above it. @throws StorageError (EREFUSED) where something else is in the way. */
  makeFolder(folder: string): void {
    this.passFolders(folder, (part) => fs.mkdirSync(this.locate(part)));
    this.folders.see(folder);
  }

  /** Throws what `makeFolder` throws, and makes nothing. */
  checkFolder(folder: string): void {
    this.passFolders(folder, () => {});
  }

  private passFolders(folder: string, onMissing: (part: string) => void): void {
    for (const part of this.folders.unseen(folder)) {
      const location = this.locate(part);
      const stat = fs.lstatSync(location, { throwIfNoEntry: false });
      if (stat === undefined) onMissing(part);
      else if (stat.isSymbolicLink())
        throw obstructed(folder, "the path leads through a symbolic link", part);
      else if (!stat.isDirectory()) throw obstructed(folder, "a file is in the place of a folder", part);
      else if (this.backup?.isAt(location, stat)) throw intoBackup(folder);
    }
  }

  /** Whether something is mounted at a real folder below the root. */
  isMounted(folder: string): boolean {
    if (folder === "") return false;
    return fs.lstatSync(this.locate(folder)).dev !== fs.lstatSync(this.locate(folderOf(folder))).dev;
  }

  /** What is at a path, if it is what the manifest tells of: size and time of a file, target of a link. */
  statIfMatching(path: string, entry: ManifestEntry): fs.BigIntStats | undefined {
    const location = this.locate(path);
    if (!this.isRealFolder(folderOf(path))) return undefined;
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
}

export function below(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

export function secondsOfEntry({ seconds, nanoseconds }: Attributes): number {
  return secondsOf(BigInt(seconds), nanoseconds);
}
