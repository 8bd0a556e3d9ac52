/**
 * Manifests that the source does not have any more, but that tell of what a rule leaves out (left-out.ts): that is all they go on
 * telling. Some stay as they are for the next run to compare with (rewritten-files.ts). The others have vanished like files.
 */
import { folderOf } from "../../names/folders.ts";
import { manifestPath, parseManifestPath } from "../../names/manifest-name.ts";
import { isLive } from "../../names/stored-name.ts";
import { retiredOf } from "../../plan/plan-path.ts";
import { SpillList } from "../../spill/spill-list.ts";
import type { SourceRef } from "../worker/tasks.ts";
import type { Vanished } from "./backup-state.ts";
import type { LeftOut } from "./left-out.ts";
import type { ManifestReader } from "./manifest-reader.ts";
import type { RenumberedFolders } from "./renumbered-folders.ts";
import { type ManifestKeeping, storeOrKeep } from "./rewritten-files.ts";

export interface VanishedManifestsContext {
  readonly reader: ManifestReader;
  readonly leftOut: LeftOut;
  /** Whether the manifests of a folder have to stay as they are. */
  isUnread(folder: string): boolean;
  readonly renumbered: RenumberedFolders;
  readonly keeping: ManifestKeeping;
}

/** Stores what takes the place of some; returns the others, which may go. */
export async function keepLeftOut(
  vanished: SpillList<Vanished>,
  { reader, leftOut, isUnread, renumbered, keeping }: VanishedManifestsContext,
): Promise<SpillList<Vanished>> {
  const judged = new SpillList<{ readonly gone: Vanished; readonly file: SourceRef }>();
  const kept = new Set<string>();
  /** Groups with one that the storage does not give for now. */
  const incomplete = new Set<string>();
  const others = new SpillList<Vanished>();
  try {
    for (const gone of vanished) {
      const { path } = gone.version;
      if (isUnread(folderOf(path))) continue;
      if (!leftOut.isPossible) {
        others.append(gone);
        continue;
      }
      const group = groupOf(path);
      await reader.read([gone.version, ...gone.surplus].filter(isLive), async (before) => {
        if (before === undefined) {
          incomplete.add(group);
          return;
        }
        const { file, isEmpty } = await leftOut.insteadOf(path, before, renumbered.hasFolderOf(path));
        judged.append({ gone, file });
        if (!isEmpty) kept.add(group);
      });
    }
    await reader.finish();
    for (const { gone, file } of judged) {
      const { version, surplus, versions } = gone;
      const group = groupOf(version.path);
      if (incomplete.has(group)) continue;
      if (!kept.has(group)) others.append(gone);
      else {
        const previous = [...surplus, version];
        await storeOrKeep({ file, sameSize: [], previous, retired: retiredOf(versions) }, keeping);
      }
    }
  } finally {
    judged.close();
    vanished.close();
  }
  return others;
}

/** All manifests of a folder that go by the same number of them stay, or none; as they are where one cannot be read. */
function groupOf(path: string): string {
  const { folder, log } = parseManifestPath(path) as { folder: string; log: number };
  return manifestPath(folder, log, 0);
}
