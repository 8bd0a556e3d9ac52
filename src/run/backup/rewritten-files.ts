/**
 * Files that are others than those stored, of the same size and of the same second: they were written once more within the
 * second of their backup, or a file of that second (a copy saved beside them, say) was moved to their place, however long after.
 *
 * Names hold whole seconds, so such a file looks unchanged by time and size. Manifests hold nanoseconds: where one has changed,
 * it is compared with the one before, and the content of a file whose entry is another is looked at. (The entry is of when the
 * folder was scanned, the file's name of when it was read: between the two it may have been written as well.)
 *
 * Only then is the new manifest stored: a run that is cut off, or cannot read the file, leaves it to the next one to find the
 * same again. That of a folder which lost files, be it in folders below, waits longer, until they may be marked as deleted: what a
 * guard keeps keeps its metadata, and links, which are nowhere else.
 */

import { type Manifest, parseManifest } from "../../metadata/manifest.ts";
import { folderOf, foldersOf } from "../../names/folders.ts";
import { escapePath, isBeforeManifests } from "../../names/manifest-name.ts";
import { isLive } from "../../names/stored-name.ts";
import type { Version } from "../../plan/group.ts";
import { among } from "../../spill/among.ts";
import { ExternalSorter } from "../../spill/external-sorter.ts";
import { SpillList } from "../../spill/spill-list.ts";
import { below } from "../target/restored-tree.ts";
import type { SourceRef } from "../worker/tasks.ts";
import type { LeftOut } from "./left-out.ts";
import type { ManifestReader } from "./manifest-reader.ts";
import { isSame, RenumberedEntries } from "./renumbered-entries.ts";
import type { StoreRequest } from "./store-phase.ts";

/**
 * As the sorter counts, which sees their paths alone: some ten thousand. They are many where names come before those of manifests,
 * such as all that begin with a dash.
 */
const CANDIDATES_IN_MEMORY = 4 * 1024 * 1024;

/** What becomes of a manifest. */
export interface ManifestKeeping {
  store(request: StoreRequest): Promise<void>;
  /** It is stored already, as one of what it takes the place of. */
  keep(request: StoreRequest, version: Version): void;
}

export interface RewrittenContext extends ManifestKeeping {
  readonly reader: ManifestReader;
  readonly leftOut: LeftOut;
  /** Of a file that counted as unchanged so far. */
  onSuspect(request: StoreRequest): void;
  /** Resolves when all that was stored is durable. */
  settle(): Promise<void>;
  /** Files that are not in the source any more. */
  readonly vanished: Iterable<{ readonly version: Version }>;
  /** Manifests that are not there any more: of folders that have gone, or have another number of them. */
  readonly vanishedManifests: Iterable<{ readonly version: Version; readonly surplus: readonly Version[] }>;
}

export class RewrittenFiles {
  private readonly manifests = new SpillList<StoreRequest>();
  /** The same as they are to be stored. */
  private readonly compared = new SpillList<StoreRequest>();
  /** Their folders. */
  private readonly folders = new Set<string>();
  private readonly candidates = new ExternalSorter<StoreRequest>(
    ({ file }) => file.path,
    CANDIDATES_IN_MEMORY,
  );
  /** Their folders. */
  private readonly concerned = new Set<string>();
  private readonly suspects = new Set<string>();
  /** Folders with a suspect, or what may be one, of which nothing could be stored. */
  private readonly unread = new Set<string>();
  /** Manifests of folders that lost files, in whatever folder below. */
  private readonly late = new SpillList<StoreRequest>();

  /** Keeps a manifest that may take the place of others until files of its folder were looked at. */
  hold(request: StoreRequest): void {
    this.manifests.append(request);
    this.folders.add(folderOf(request.file.path));
  }

  /** Whether the manifest of an unchanged file may be another than it was. */
  mayConcern(path: string): boolean {
    return isBeforeManifests(path) || (this.folders.size > 0 && this.folders.has(folderOf(path)));
  }

  /** Notes an unchanged file that may concern it. */
  consider(request: StoreRequest): void {
    this.candidates.add(request);
    this.concerned.add(folderOf(request.file.path));
  }

  /** Notes a file of which nothing could be stored, or that nobody could read. */
  lose(path: string): void {
    if (this.suspects.has(path)) this.unread.add(folderOf(path));
  }

  /** Notes a file about which nothing could be decided, so that nobody knows whether it is a suspect. */
  leave(path: string): void {
    this.unread.add(folderOf(path));
  }

  /** Whether what its manifests told has to stay, for the next run to compare with. */
  isUnread(folder: string): boolean {
    return this.unread.has(folder);
  }

  /** Stores what was rewritten, and then the manifests, but for those of folders that lost files. */
  async storeAll(context: RewrittenContext): Promise<void> {
    const { store, onSuspect, settle, vanished } = context;
    const changed = new ExternalSorter<string>((path) => path);
    try {
      await this.compareAll(changed, context);
      for (const request of among(this.candidates.sorted(), ({ file }) => file.path, changed.sorted())) {
        this.suspects.add(request.file.path);
        onSuspect(request);
        await store(request);
      }
    } finally {
      changed.close();
    }
    if (this.suspects.size > 0) await settle();
    const losers = new Set<string>();
    for (const { version } of vanished) {
      for (const folder of ["", ...foldersOf(version.path)]) if (this.folders.has(folder)) losers.add(folder);
    }
    for (const request of this.compared) {
      const folder = folderOf(request.file.path);
      if (this.unread.has(folder)) continue;
      if (losers.has(folder) && request.previous.some(isLive)) this.late.append(request);
      else await storeOrKeep(request, context);
    }
  }

  /** Stores the others. As long as nothing may be marked as deleted the metadata of what is missing stay, too. */
  async storeLate(keeping: ManifestKeeping): Promise<void> {
    for (const request of this.late) await storeOrKeep(request, keeping);
  }

  close(): void {
    this.manifests.close();
    this.compared.close();
    this.candidates.close();
    this.late.close();
  }

  /** @param changed gets the stored paths of files whose entries are others than before. */
  private async compareAll(changed: ExternalSorter<string>, context: RewrittenContext): Promise<void> {
    const { reader, leftOut } = context;
    const renumbered = new RenumberedEntries();
    try {
      await this.readRenumbered(renumbered, context);
      for (const request of this.manifests) {
        const { file, previous } = request;
        const folder = folderOf(file.path);
        const live = previous.filter(isLive);
        if (renumbered.has(folder)) renumbered.isToldNow(folder, manifestIn(file));
        if (live.length === 0 || !(this.concerned.has(folder) || leftOut.isPossible)) {
          this.compared.append(request);
          continue;
        }
        await reader.read(live, async (before) => {
          if (before === undefined) return;
          for (const manifest of before) {
            if (renumbered.has(folder)) renumbered.toldBefore(folder, manifest);
            else for (const name of changedIn(manifest, file)) changed.add(escapePath(below(folder, name)));
          }
          this.compared.append({ ...request, file: await leftOut.addTo(file, before) });
        });
      }
      await reader.finish();
      for (const path of renumbered.changed()) changed.add(path);
    } finally {
      renumbered.close();
    }
  }

  private async readRenumbered(
    renumbered: RenumberedEntries,
    { reader, vanishedManifests }: RewrittenContext,
  ): Promise<void> {
    for (const { version, surplus } of vanishedManifests) {
      const folder = folderOf(version.path);
      if (!this.folders.has(folder) || !this.concerned.has(folder)) continue;
      renumbered.add(folder);
      await reader.read([version, ...surplus].filter(isLive), async (before) => {
        if (before === undefined) this.unread.add(folder);
        else for (const manifest of before) renumbered.toldBefore(folder, manifest);
      });
    }
  }
}

export async function storeOrKeep(request: StoreRequest, { store, keep }: ManifestKeeping): Promise<void> {
  const { file, previous } = request;
  const stored = previous.find((version) => isLive(version) && version.md5 === file.manifest?.md5);
  if (stored === undefined) await store(request);
  else keep(request, stored);
}

/** Names of files whose size or time is not as before, or was not recorded. */
function* changedIn(before: Manifest, file: SourceRef): Generator<string> {
  const entries = new Map(before.entries.map((entry) => [entry.name, entry]));
  for (const entry of manifestIn(file).entries) {
    if (entry.kind === "file" && !isSame(entry, entries.get(entry.name))) yield entry.name;
  }
}

function manifestIn({ manifest }: SourceRef): Manifest {
  return parseManifest(Buffer.from(manifest?.text ?? "", "utf8"));
}
