/** When a run stores metadata manifests: after the files that they tell of, and where files are missing after the guard. */
import type { Source } from "../../scan/source.ts";
import type { Tally } from "../tally.ts";
import type { Workers } from "../worker/workers.ts";
import type { JoinFindings } from "./backup-state.ts";
import { LeftOut } from "./left-out.ts";
import { ManifestReader } from "./manifest-reader.ts";
import type { ManifestKeeping } from "./rewritten-files.ts";
import type { StorePhase } from "./store-phase.ts";
import { keepLeftOut } from "./vanished-manifests.ts";

export interface ManifestPhaseContext {
  readonly source: Source;
  readonly workers: Workers;
  readonly storePhase: StorePhase;
  readonly tally: Tally;
  /** Whether what was recorded of what a rule leaves out stays. */
  readonly keepsLeftOut: boolean;
  /** Resolves when all that was stored is durable. */
  settle(): Promise<void>;
}

export class ManifestPhase {
  private readonly context: ManifestPhaseContext;
  private readonly leftOut: LeftOut;

  constructor(context: ManifestPhaseContext) {
    this.context = context;
    this.leftOut = new LeftOut(context.source, context.keepsLeftOut);
  }

  /** What counted as unchanged and may not be, and the manifests that tell so. */
  async storeRewritten(found: JoinFindings): Promise<void> {
    await found.rewritten.storeAll({
      ...this.keeping(found),
      reader: this.reader(),
      leftOut: this.leftOut,
      onSuspect: ({ file }) => {
        found.unchangedFiles--;
        found.unchangedBytes -= file.size;
      },
      settle: this.context.settle,
      vanished: found.vanished,
      vanishedManifests: found.vanishedManifests,
    });
  }

  /** The others, once what is missing may be marked as deleted. */
  async storeLate(found: JoinFindings): Promise<void> {
    const keeping = this.keeping(found);
    await found.rewritten.storeLate(keeping);
    found.vanishedManifests = await keepLeftOut(found.vanishedManifests, {
      reader: this.reader(),
      leftOut: this.leftOut,
      isUnread: (folder) => found.rewritten.isUnread(folder),
      renumbered: found.renumbered,
      keeping,
    });
    await this.context.settle();
  }

  private keeping(found: JoinFindings): ManifestKeeping {
    const { storePhase } = this.context;
    return {
      store: (request) => storePhase.store(request, found),
      keep: (request, { key }) => storePhase.retirePrevious(request, { key }, found),
    };
  }

  /** Of a manifest that is not given for now, what should take its place is left to the next run. */
  private reader(): ManifestReader {
    const { workers, tally } = this.context;
    return new ManifestReader(workers, this.leftOut.isPossible, (report) => tally.error(report));
  }
}
