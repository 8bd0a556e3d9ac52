/**
 * Files that were changed within the very second in which they were backed up.
 *
 * Names hold whole seconds, so such a file looks unchanged by time and size. Manifests hold nanoseconds: where one has changed,
 * it is compared with the one before, and the content of a file that has another time within the same second is looked at.
 * Only then is the new manifest stored: a run that is cut off finds the same again. That of a folder which lost files waits
 * longer, until they may be marked as deleted: what a guard keeps keeps its metadata, and links, which are nowhere else.
 */

import { type Manifest, parseManifest } from "../metadata/manifest.ts";
import { folderOf } from "../names/folders.ts";
import { escapePath, isBeforeManifests } from "../names/manifest-name.ts";
import { isLive } from "../names/stored-name.ts";
import type { Version } from "../plan/group.ts";
import { SpillList } from "../spill/spill-list.ts";
import type { Storage } from "../storage/storage.ts";
import { below, secondsOfEntry } from "./restored-tree.ts";
import type { StoreRequest } from "./store-phase.ts";
import type { ManifestOutcome } from "./tasks.ts";
import type { Workers } from "./workers.ts";

/** What was stored longer after its time than this was not written while it was read, whatever the clocks. */
const SOON_MS = 3_600_000;

export interface RewrittenContext {
  readonly workers: Workers;
  store(request: StoreRequest): Promise<void>;
  /** Of a file that counted as unchanged so far. */
  onSuspect(request: StoreRequest): void;
  /** Resolves when all that was stored is durable. */
  settle(): Promise<void>;
  /** Files that are not in the source any more. */
  readonly vanished: Iterable<{ readonly version: Version }>;
}

export class RewrittenFiles {
  private readonly manifests = new SpillList<StoreRequest>();
  /** Their folders. */
  private readonly folders = new Set<string>();
  private readonly candidates = new SpillList<StoreRequest>();
  /** Manifests of folders that lost files. */
  private readonly late = new SpillList<StoreRequest>();

  /** Keeps a manifest that takes the place of another until files of its folder were looked at. */
  hold(request: StoreRequest): void {
    this.manifests.append(request);
    this.folders.add(folderOf(request.file.path));
  }

  /** Whether the manifest of an unchanged file may be another than it was. */
  mayConcern(path: string): boolean {
    return isBeforeManifests(path) || (this.folders.size > 0 && this.folders.has(folderOf(path)));
  }

  /** Notes an unchanged file that may concern it. */
  async consider(request: StoreRequest, { key, storedAt }: Version, storage: Storage): Promise<void> {
    const stored = storedAt ?? (await storage.stat(key))?.modified;
    if (stored !== undefined && stored - request.file.mtime * 1000 < SOON_MS) this.candidates.append(request);
  }

  /** Stores what was rewritten, and then the manifests, but for those of folders that lost files. */
  async storeAll({ workers, store, onSuspect, settle, vanished }: RewrittenContext): Promise<void> {
    const suspects = await this.findSuspects(workers);
    for (const request of this.candidates) {
      if (!suspects.has(request.file.path)) continue;
      onSuspect(request);
      await store(request);
    }
    if (suspects.size > 0) await settle();
    const losers = new Set<string>();
    for (const { version } of vanished) {
      const folder = folderOf(version.path);
      if (this.folders.has(folder)) losers.add(folder);
    }
    for (const request of this.manifests) {
      if (losers.has(folderOf(request.file.path))) this.late.append(request);
      else await store(request);
    }
  }

  /** Stores the others. As long as nothing may be marked as deleted the metadata of what is missing stay, too. */
  async storeLate(store: RewrittenContext["store"]): Promise<void> {
    for (const request of this.late) await store(request);
  }

  close(): void {
    this.manifests.close();
    this.candidates.close();
    this.late.close();
  }

  private async findSuspects(workers: Workers): Promise<ReadonlySet<string>> {
    const suspects = new Set<string>();
    const concerned = new Set<string>();
    for (const { file } of this.candidates) concerned.add(folderOf(file.path));
    for (const { file, previous } of concerned.size > 0 ? this.manifests : []) {
      const folder = folderOf(file.path);
      if (file.manifest === undefined || !concerned.has(folder)) continue;
      const { text } = file.manifest;
      // More than one is what a kill left.
      for (const version of previous.filter(isLive)) {
        await workers.submit({ do: "read-manifest", version }, (outcome) => {
          const read = outcome as ManifestOutcome;
          if (read.kind !== "manifest") return; // what cannot be read tells nothing, and is replaced
          for (const path of rewrittenIn(folder, read.manifest, text)) suspects.add(path);
        });
      }
    }
    await workers.drain();
    return suspects;
  }
}

/** Stored paths of files that have the size and the second of before, but another time. */
function* rewrittenIn(folder: string, before: Manifest, text: string): Generator<string> {
  const entries = new Map(before.entries.map((entry) => [entry.name, entry]));
  for (const entry of parseManifest(Buffer.from(text, "utf8")).entries) {
    const other = entries.get(entry.name);
    if (other?.kind !== "file" || entry.kind !== "file" || other.size !== entry.size) continue;
    if (other.seconds === entry.seconds && other.nanoseconds === entry.nanoseconds) continue;
    if (secondsOfEntry(other) === secondsOfEntry(entry)) yield escapePath(below(folder, entry.name));
  }
}
