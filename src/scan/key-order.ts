/**
 * The order of a walk where files come in the order of their names.
 *
 * A sort key begins with a path and a dot, a folder's with its path and a slash: so what is named `a-b`, or `a.b`, may come
 * before the file `a`. Only such files wait, whose name later ones begin with.
 */
import { leastStoredPath } from "../names/manifest-name.ts";
import { comparePaths } from "../names/path-text.ts";
import type { Entry } from "./entry.ts";

/** A file, or a folder: its path with a trailing slash. */
export type Sibling = Entry | string;

export class KeyOrder {
  /** Ascending by key. */
  private waiting: Sibling[] = [];

  add(sibling: Sibling): void {
    let at = this.waiting.length;
    while (at > 0 && comparePaths(keyOf(this.waiting[at - 1] as Sibling), keyOf(sibling)) > 0) at--;
    this.waiting.splice(at, 0, sibling);
  }

  /** Those that come before whatever has this path, or that of a later name. */
  takeBefore(path: string): Sibling[] {
    const least = leastStoredPath(path);
    let count = 0;
    while (count < this.waiting.length && comparePaths(keyOf(this.waiting[count] as Sibling), least) < 0)
      count++;
    return this.waiting.splice(0, count);
  }

  /** The others, at the end. */
  takeAll(): Sibling[] {
    return this.waiting.splice(0);
  }
}

export function keyOf(sibling: Sibling): string {
  return typeof sibling === "string" ? sibling : sibling.sortKey;
}
