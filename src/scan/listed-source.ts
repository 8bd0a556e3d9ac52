/**
 * A source of which only what `files_from` lists is considered: who scans it is told what of the list is not there.
 *
 * A source without anything of the list is refused like one that is missing: the list, or the source, is not what was meant.
 */
import { StorageError } from "../errors.ts";
import type { Entry } from "./entry.ts";
import type { FilesFrom } from "./files-from.ts";
import type { ScanFindings, Source, SourceFile } from "./source.ts";

export class ListedSource implements Source {
  private readonly source: Source;
  private readonly list: FilesFrom;

  /** @param list gains what the scans of `source` meet. */
  constructor(source: Source, list: FilesFrom) {
    this.source = source;
    this.list = list;
  }

  get location(): string {
    return this.source.location;
  }

  prepare(signal?: AbortSignal): void {
    this.source.prepare?.(signal);
  }

  async *scan(findings: ScanFindings, signal?: AbortSignal): AsyncGenerator<Entry[]> {
    const { list } = this;
    /** Manifests of folders on the way: alone they are nothing to store. */
    const held: Entry[] = [];
    for await (const entries of this.source.scan(findings, signal)) {
      if (!list.isMet) held.push(...entries);
      else yield held.length > 0 ? [...held.splice(0), ...entries] : entries;
    }
    for (const path of list.missing) {
      const why = list.leftOutBy(path);
      if (why !== undefined) findings.onSkipped(path, `listed in files_from, but left out (${why})`);
      else if (list.isMet) findings.onSkipped(path, "listed in files_from, but not found");
    }
    if (!list.isMet) {
      throw new StorageError("source", "has nothing of what files_from lists", {
        path: this.location,
        code: "ENOENT",
        remedy:
          "check the list, whose paths have to be relative to the source, and that the source is mounted",
      });
    }
    if (held.length > 0) yield held;
  }

  isUnknown(path: string): boolean {
    return this.source.isUnknown(path);
  }

  cameSince(path: string): boolean {
    return this.source.cameSince(path);
  }

  wasRemoved(path: string): boolean {
    return this.source.wasRemoved(path);
  }

  isStillThere(): boolean {
    return this.source.isStillThere();
  }

  excludedBy(path: string): Promise<string | undefined> {
    return this.source.excludedBy(path);
  }

  skipsFolder(folder: string): boolean {
    return this.source.skipsFolder(folder);
  }

  mayLeaveOut(): boolean {
    return this.source.mayLeaveOut();
  }

  ruleFor(path: string): Promise<string | undefined> {
    return this.source.ruleFor(path);
  }

  async trustsEtag(entry: { path: string; size: number; etag?: string }): Promise<boolean> {
    return (await this.source.trustsEtag?.(entry)) ?? false;
  }

  open(entry: { path: string; size: number; mtime: number; etag?: string }): Promise<SourceFile> {
    return this.source.open(entry);
  }

  close(): Promise<void> {
    return this.source.close();
  }
}
