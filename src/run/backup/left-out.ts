/**
 * What a rule leaves out stays as it is stored, and so does what was recorded of it: its modes and owners, and links, which are
 * nowhere else. A scan knows nothing of it, so a folder's new manifest takes it over from the one in whose place it comes.
 */
import {
  formatManifest,
  MANIFEST_MOST,
  type Manifest,
  type ManifestEntry,
  parseManifest,
} from "../../metadata/manifest.ts";
import { mergeManifests, ofFolder } from "../../metadata/merge-manifests.ts";
import { folderOf } from "../../names/folders.ts";
import { escapePath, parseManifestPath } from "../../names/manifest-name.ts";
import { manifestFile } from "../../scan/manifest-parts.ts";
import type { Source } from "../../scan/source.ts";
import { below } from "../target/restored-tree.ts";
import type { SourceRef } from "../worker/tasks.ts";

const NOTHING: Manifest = { users: {}, groups: {}, entries: [] };

export class LeftOut {
  private readonly source: Source;
  private readonly isKept: boolean;

  /** @param isKept false: it is treated like what was deleted, or metadata are not recorded any more. */
  constructor(source: Source, isKept: boolean) {
    this.source = source;
    this.isKept = isKept;
  }

  /** Whether there may be anything. Valid once the scan is over. */
  get isPossible(): boolean {
    return this.isKept && this.source.mayLeaveOut();
  }

  /**
   * A manifest with what those before it, the newest first, tell of what is left out now. The same one where that is nothing, or
   * more than one manifest can hold.
   */
  async addTo(file: SourceRef, before: readonly Manifest[]): Promise<SourceRef> {
    const kept = await this.among(file.path, before);
    if (kept === undefined || file.manifest === undefined) return file;
    const own = parseManifest(Buffer.from(file.manifest.text, "utf8"));
    const merged = manifestFile(file.path, formatManifest(mergeManifests(own, kept)));
    return merged.size > MANIFEST_MOST ? file : merged;
  }

  /**
   * The same in place of manifests that the source does not have any more: with the folder itself, too, where that is left out
   * and the source has no others of it.
   */
  async insteadOf(
    path: string,
    before: readonly Manifest[],
    hasOthers: boolean,
  ): Promise<{ file: SourceRef; isEmpty: boolean }> {
    const own = before.map(ofFolder).find((manifest) => manifest !== undefined);
    const isOwnKept = own !== undefined && !hasOthers && (await this.isLeftOut(`${folderOf(path)}/`));
    const entries = await this.among(path, before);
    const kept = isOwnKept ? mergeManifests(own, entries ?? NOTHING) : entries;
    return { file: manifestFile(path, formatManifest(kept ?? NOTHING)), isEmpty: kept === undefined };
  }

  /** Undefined where there is nothing. */
  private async among(path: string, before: readonly Manifest[]): Promise<Manifest | undefined> {
    if (!this.isPossible) return undefined;
    const { folder } = parseManifestPath(path) as { folder: string };
    let kept = NOTHING;
    for (const manifest of before) {
      const entries: ManifestEntry[] = [];
      for (const entry of manifest.entries) {
        if (await this.isLeftOut(escapePath(below(folder, entry.name)))) entries.push(entry);
      }
      kept = mergeManifests(kept, { ...manifest, entries });
    }
    return kept.entries.length > 0 ? kept : undefined;
  }

  private async isLeftOut(stored: string): Promise<boolean> {
    return (await this.source.excludedBy(stored)) !== undefined;
  }
}
