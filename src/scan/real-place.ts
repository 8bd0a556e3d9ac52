/**
 * Whether what was opened below a source's root lies where its path says, with no link on the way. A folder was one when it
 * was listed; whoever can write there may have put a link in its place since, which would lead out of the source.
 *
 * The system tells where an open file lies, so nobody can get between the question and the answer.
 */
import * as fs from "node:fs";
import { folderOf, foldersOf } from "../names/folders.ts";
import { fsPath, pathOfBytes } from "../names/path-text.ts";

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;

export class RealPlace {
  private readonly root: string;
  /** Where the root lies, with a slash at its end; undefined while that is not known. */
  private prefix: string | undefined;

  /** @param root absolute; it may be a link. */
  constructor(root: string) {
    this.root = root;
  }

  /** @param path of what was opened as `fd`, below the root. */
  holds(fd: number, path: string): boolean {
    const place = placeOf(fd);
    if (place === undefined) return this.looksReal(fd, path);
    if (this.prefix !== undefined && place === this.prefix + path) return true;
    this.prefix = this.findPrefix(); // not known yet, or the root is a link that was changed
    if (this.prefix === undefined) return this.looksReal(fd, path);
    const expected = this.prefix + path;
    if (place === expected) return true;
    // Where the file system does not tell `A` from `a` it has the name by which the file was first asked for; and one over the
    // network, or in user space, may have forgotten a name that is there.
    const isLike = place.toLowerCase() === expected.toLowerCase() || place === `${expected} (deleted)`;
    return isLike && this.looksReal(fd, path);
  }

  /** Whether neither a folder nor one above it is a link. @param folder without a slash at its end. */
  isFolder(folder: string): boolean {
    const fd = this.openFolder(folder);
    if (fd === undefined) return false;
    fs.closeSync(fd);
    return true;
  }

  /**
   * Opens a file that may be a link, in a folder that is none.
   * @throws the file system's error: ENOENT where the folder is not there.
   */
  openInFolder(path: string, flags: number): number {
    const folder = this.openFolder(folderOf(path));
    if (folder === undefined) throw Object.assign(new Error("its folder has gone"), { code: "ENOENT" });
    try {
      const isTold = placeOf(folder) !== undefined;
      const name = path.slice(path.lastIndexOf("/") + 1);
      return fs.openSync(isTold ? fsPath(`${descriptor(folder)}/${name}`) : this.locate(path), flags);
    } finally {
      fs.closeSync(folder);
    }
  }

  /** Undefined where there is none, or a link leads there. */
  private openFolder(folder: string): number | undefined {
    let fd: number;
    try {
      fd = fs.openSync(this.locate(folder), O_RDONLY | O_DIRECTORY | (folder === "" ? 0 : O_NOFOLLOW));
    } catch (error) {
      if (["ENOENT", "ENOTDIR", "ELOOP"].includes((error as NodeJS.ErrnoException).code ?? ""))
        return undefined;
      throw error;
    }
    let isReal = false;
    try {
      isReal = folder === "" || this.holds(fd, folder);
    } finally {
      if (!isReal) fs.closeSync(fd);
    }
    return isReal ? fd : undefined;
  }

  private findPrefix(): string | undefined {
    const fd = fs.openSync(fsPath(this.root), O_RDONLY | O_DIRECTORY);
    try {
      return placeOf(fd)?.replace(/\/?$/, "/");
    } finally {
      fs.closeSync(fd);
    }
  }

  /** The same for systems that do not tell. */
  private looksReal(fd: number, path: string): boolean {
    const look = (part: string) => fs.lstatSync(this.locate(part), { bigint: true, throwIfNoEntry: false });
    const opened = fs.fstatSync(fd, { bigint: true });
    const there = look(path);
    const isSame = there?.ino === opened.ino && there.dev === opened.dev;
    return isSame && foldersOf(path).every((folder) => look(folder)?.isDirectory());
  }

  private locate(path: string): string | Buffer {
    return fsPath(path === "" ? this.root : `${this.root}/${path}`);
  }
}

/** Where an open file lies; undefined where the system does not tell, or the path is too long for that. */
function placeOf(fd: number): string | undefined {
  try {
    return pathOfBytes(fs.readlinkSync(descriptor(fd), { encoding: "buffer" }));
  } catch {
    return undefined;
  }
}

function descriptor(fd: number): string {
  return `/proc/self/fd/${fd}`;
}
