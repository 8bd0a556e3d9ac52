/**
 * The list in `files_from`: the only files that are considered, and the folders of which all is. It knows which of them a
 * scan has met, since a list that is wrong would otherwise back up nothing without a word.
 */
import { prefixesOf } from "../names/folders.ts";

export class FilesFrom {
  private readonly paths: ReadonlySet<string>;
  /** Folders on the way to one of those, with a trailing slash. */
  private readonly towards = new Set<string>();
  private readonly unmet: Set<string>;
  /** Of these the ones whose content no scan looks at, and why. */
  private readonly passedOver = new Map<string, string>();

  /** @param paths without slashes at their ends; the empty one is the source as a whole, which is always there. */
  constructor(paths: readonly string[]) {
    this.paths = new Set(paths);
    this.unmet = new Set(paths);
    this.unmet.delete("");
    for (const path of paths) for (const folder of prefixesOf(path)) this.towards.add(folder);
  }

  /** Whether a file, or a folder (with a trailing slash), is on the list or lies in a folder that is. */
  takes(path: string): boolean {
    if (this.paths.has("") || this.paths.has(path)) return true;
    for (const folder of prefixesOf(path)) if (this.paths.has(folder.slice(0, -1))) return true;
    return false;
  }

  /** Whether a folder (with a trailing slash) has to be entered to come to something on the list. */
  leadsThrough(folder: string): boolean {
    return this.towards.has(folder);
  }

  /** A scan has found this. */
  meet(path: string): void {
    if (this.unmet.size === 0) return;
    this.unmet.delete(path);
    for (const folder of prefixesOf(path)) this.unmet.delete(folder.slice(0, -1));
  }

  /** A scan does not look for what is in this folder (with a trailing slash). */
  passOver(folder: string, why: string): void {
    if (this.towards.has(folder)) this.passedOver.set(folder, why);
  }

  /** Why something on the list was not looked for. */
  leftOutBy(path: string): string | undefined {
    if (this.passedOver.size === 0) return undefined;
    for (const folder of prefixesOf(path)) {
      const why = this.passedOver.get(folder);
      if (why !== undefined) return why;
    }
    return undefined;
  }

  /** Whether any of it was met; also when nothing is listed. */
  get isMet(): boolean {
    return this.paths.size === 0 || this.unmet.size < this.paths.size;
  }

  /** What no scan has met so far. */
  get missing(): Iterable<string> {
    return this.unmet;
  }
}
