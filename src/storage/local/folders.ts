/**
 * Folders of a local destination: making them, remembering which ones changed, and removing emptied ones.
 */
import * as fs from "node:fs";
import { errorCode } from "../../errors.ts";
import { fsPath } from "../../names/path-text.ts";
import { flushFolders } from "./durability.ts";
import { MAKING_ATTEMPTS } from "./make-folder.ts";

const REMEMBERED = 50_000;

export class Folders {
  private readonly root: string;
  private readonly known = new Set<string>();
  private touched = new Set<string>();
  private emptied = new Set<string>();

  constructor(root: string) {
    this.root = root;
  }

  /** Makes the folder of `key` and what lacks above it. New folders and their parents will be flushed. */
  ensureFor(key: string): void {
    const folder = folderOf(key);
    this.touched.add(folder);
    if (this.known.has(folder)) return;
    this.make(folder);
    if (this.known.size >= REMEMBERED) this.known.clear();
    this.known.add(folder);
  }

  /** A folder that was thought to be there has gone (another run removed it when it was empty). */
  forget(key: string): void {
    this.known.delete(folderOf(key));
  }

  /** Notes that an entry of the key's folder changed; `removed`: that the folder may be empty now. */
  touch(key: string, removed: boolean): void {
    const folder = folderOf(key);
    this.touched.add(folder);
    if (removed) this.emptied.add(folder);
  }

  /**
   * Notes a folder that a listing found empty: a run that was killed between removing the last object and the folder
   * leaves such. The folder that file systems keep for their repairs is theirs.
   */
  foundEmpty(folder: string): void {
    if (folder !== "lost+found") this.emptied.add(folder);
  }

  /** Removes folders that became empty, then makes all changes of entries durable. */
  async flush(): Promise<void> {
    for (const folder of this.emptied) this.removeIfEmpty(folder);
    this.emptied = new Set();
    const folders = [...this.touched].map((folder) => this.pathOf(folder));
    this.touched = new Set();
    await flushFolders(this.root, folders);
  }

  private removeIfEmpty(folder: string): void {
    for (let at = folder; at !== ""; at = folderOf(at)) {
      try {
        fs.rmdirSync(this.pathOf(at));
      } catch {
        return; // not empty, or not ours to remove
      }
      this.known.delete(at);
      this.touched.add(folderOf(at));
    }
  }

  /** With what lacks above it, but for the destination itself. */
  private make(folder: string): void {
    for (let attempt = 1; ; attempt++) {
      try {
        fs.mkdirSync(this.pathOf(folder), { mode: 0o700 });
        this.touched.add(folderOf(folder));
        return;
      } catch (error) {
        const code = errorCode(error);
        if (code === "EEXIST") return;
        if (code !== "ENOENT" || folder === "" || attempt === MAKING_ATTEMPTS) throw error;
        this.make(folderOf(folder));
      }
    }
  }

  private pathOf(folder: string): string | Buffer {
    return fsPath(folder === "" ? this.root : `${this.root}/${folder}`);
  }
}

/** The folder part of a key, empty for the root. */
function folderOf(key: string): string {
  const slash = key.lastIndexOf("/");
  return slash === -1 ? "" : key.slice(0, slash);
}
