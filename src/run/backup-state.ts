/**
 * What the phases of a backup share.
 */
import type { StoredVersion } from "../names/stored-name.ts";
import { SpillList } from "../spill/spill-list.ts";
import { Retirements } from "./retirements.ts";
import type { SourceRef } from "./tasks.ts";

/** Collected while both listings are joined; all of it spills to disk when it grows. */
export class JoinFindings {
  /** Files without any version: uploaded after the join, since some may be moves. */
  readonly newFiles = new SpillList<SourceRef>();
  /** Live versions whose file is not in the source. */
  readonly vanished = new SpillList<{ version: StoredVersion; surplus: readonly StoredVersion[] }>();
  /** Live versions of metadata manifests that are not wanted any more. */
  readonly vanishedManifests = new SpillList<StoredVersion>();
  readonly retirements = new Retirements();
  sourceFiles = 0;
  sourceBytes = 0;
  /** Paths that had a live version when the run began. */
  livePaths = 0;
  unchangedFiles = 0;
  unchangedBytes = 0;

  close(): void {
    this.newFiles.close();
    this.vanished.close();
    this.vanishedManifests.close();
    this.retirements.close();
  }
}
