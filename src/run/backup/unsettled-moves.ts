/**
 * Files that may have moved, and are not at the destination under their new path: what vanished may be the only copy there
 * is, so it is left as it is until a later run.
 */
import { type Content, contentKey } from "./content.ts";

export class UnsettledMoves {
  private readonly contents = new Set<string>();
  private readonly sizes = new Set<number>();

  /** A file whose content is known is not stored. */
  add(content: Content): void {
    this.contents.add(contentKey(content));
  }

  /** It is now. */
  settle(content: Content): void {
    this.contents.delete(contentKey(content));
  }

  /** A file that could not be read, or was not stored, so that only its size says what it may have been. */
  addUnread(size: number): void {
    if (size > 0) this.sizes.add(size);
  }

  /**
   * Whether a version of a file that vanished has to stay as it is.
   * @param removed it would be removed, not marked: then equal sizes are enough.
   */
  concern(version: Content, removed: boolean): boolean {
    return this.contents.has(contentKey(version)) || (removed && this.sizes.has(version.size));
  }
}
