/**
 * Folders of which the source has manifests, though others of theirs vanished: their number is another one now (docs/format.md,
 * section 13). Manifests of one folder come one after another, so only the last folder has to be remembered.
 */
import { folderOf } from "../../names/folders.ts";

export class RenumberedFolders {
  private met: string | undefined;
  private missed: string | undefined;
  private readonly folders = new Set<string>();

  /** Notes a manifest that the source has. */
  meet(path: string): void {
    this.met = folderOf(path);
    if (this.missed === this.met) this.folders.add(this.met);
  }

  /** Notes one that it has not. */
  miss(path: string): void {
    this.missed = folderOf(path);
    if (this.met === this.missed) this.folders.add(this.missed);
  }

  /** Whether the folder of a manifest is one of them. */
  hasFolderOf(path: string): boolean {
    return this.folders.has(folderOf(path));
  }
}
