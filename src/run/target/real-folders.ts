/** Which folders below a root are there, with neither them nor any above them a link, or the backup itself. */
import * as fs from "node:fs";
import { foldersOf } from "../../names/folders.ts";
import { fsPath } from "../../names/path-text.ts";
import type { BackupFolder } from "../../storage/local/backup-folder.ts";

export class RealFolders {
  private readonly root: string;
  private readonly backup: BackupFolder | undefined;
  /** The folder that was seen last; most of the next one's way is the same. Empty: the root. */
  private last = "";

  /** @param root absolute; taken for real. */
  constructor(root: string, backup?: BackupFolder) {
    this.root = root;
    this.backup = backup;
  }

  /** Whether a folder (its path without a slash at the end) is real. What was seen last is not looked at again. */
  isReal(folder: string): boolean {
    const isReal = this.unseen(folder).every((part) => {
      const location = fsPath(`${this.root}/${part}`);
      const stat = fs.lstatSync(location, { throwIfNoEntry: false });
      return stat?.isDirectory() && !this.backup?.isAt(location, stat);
    });
    if (isReal) this.see(folder);
    return isReal;
  }

  /** Of a folder and those above it, outermost first, the ones that were not seen last. */
  unseen(folder: string): string[] {
    if (folder === "" || folder === this.last) return [];
    const seen = `${this.last}/`;
    return [...foldersOf(folder), folder].filter((part) => !seen.startsWith(`${part}/`));
  }

  /** Notes that a folder, and so all above it, is real. */
  see(folder: string): void {
    if (folder !== "") this.last = folder;
  }
}
