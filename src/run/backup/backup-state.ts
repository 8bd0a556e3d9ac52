/**
 * What the phases of a backup share.
 */
import type { Version } from "../../plan/group.ts";
import { SpillList } from "../../spill/spill-list.ts";
import { HistoryPhase } from "../history/history-phase.ts";
import { Retirements } from "../history/retirements.ts";
import type { SourceRef } from "../worker/tasks.ts";
import type { Content } from "./content.ts";
import { Presence } from "./presence.ts";
import { RenumberedFolders } from "./renumbered-folders.ts";
import { RewrittenFiles } from "./rewritten-files.ts";
import { UnsettledMoves } from "./unsettled-moves.ts";

/** A path whose file is not in the source any more. */
export interface Vanished {
  readonly version: Version;
  /** Other live versions, oldest first with history. */
  readonly surplus: readonly Version[];
  /** All that there are. */
  readonly versions: readonly Version[];
  /** Keys of those that retention removes in this run, whatever becomes of the others. */
  readonly expiring: readonly string[];
}

/** Collected while both listings are joined; all of it spills to disk when it grows. */
export class JoinFindings {
  /** Files without any version: uploaded after the join, since some may be moves. */
  readonly newFiles = new SpillList<SourceRef>();
  /** What files are again that had been deleted, or others: content may have come back to an earlier place. */
  readonly returned = new SpillList<Content>();
  readonly unsettled = new UnsettledMoves();
  readonly vanished = new SpillList<Vanished>();
  vanishedManifests = new SpillList<Vanished>();
  readonly renumbered = new RenumberedFolders();
  readonly retirements = new Retirements();
  readonly history = new HistoryPhase();
  readonly rewritten = new RewrittenFiles();
  /** Whether anything at the destination is of a history already. */
  sawHistory = false;
  readonly presence: Presence;
  sourceBytes = 0;
  /** Live versions of files that a rule leaves out now. */
  excludedFiles = 0;
  excludedBytes = 0;
  unchangedFiles = 0;
  unchangedBytes = 0;
  /** Files that were gone when they were to be read, and of which it does not show that they alone were removed. */
  goneFiles = 0;

  /** @param sourceNames where there are several. */
  constructor(sourceNames?: readonly string[]) {
    this.presence = new Presence(sourceNames);
  }

  close(): void {
    this.newFiles.close();
    this.returned.close();
    this.vanished.close();
    this.vanishedManifests.close();
    this.rewritten.close();
    this.retirements.close();
    this.history.close();
  }
}
