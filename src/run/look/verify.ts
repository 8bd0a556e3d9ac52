/**
 * Verifying: stored objects are read, opened and checked. Usually all, retired ones too; or those that lie at some
 * paths; or what was live at a moment.
 */
import type { Config } from "../../config/config.ts";
import type { ErrorReport } from "../../errors.ts";
import { parseManifestPath, unescapePath } from "../../names/manifest-name.ts";
import type { Version } from "../../plan/group.ts";
import { historyOf, lifeAt } from "../../plan/history.ts";
import { Selection } from "../../plan/selection.ts";
import type { OpenDestination } from "../destination/destination.ts";
import { nothingMatches } from "../destination/nothing-matches.ts";
import { nothingStored } from "../destination/nothing-stored.ts";
import { storedGroups, withStoredTimes } from "../destination/stored-groups.ts";
import { withDestination } from "../destination/with-destination.ts";
import type { RunOptions } from "../run-options.ts";
import { type RunResult, Tally } from "../tally.ts";
import type { VerifyOutcome } from "../worker/tasks.ts";
import { versionsInOrder } from "./look.ts";

const REMEDY = "give a path as it is stored, a folder, or a glob";

export interface VerifyOptions extends RunOptions {
  /** Only what was live at this moment, in seconds since 1970; otherwise every version. */
  readonly at?: number;
  /** Only what is stored at these paths, folders and globs, and the metadata of it; empty: everything. */
  readonly only?: readonly string[];
}

/**
 * Verifies a destination. What is wrong with single objects is reported and counted; the result's `errors` tell.
 * @throws BackupError where nothing could be done at all; `InterruptedError` after a signal.
 */
export async function runVerify(config: Config, options: VerifyOptions): Promise<RunResult> {
  const tally = new Tally(options.reporter);
  const selection = new Selection(options.only ?? []);
  return withDestination(
    config,
    options,
    tally,
    { mode: "verify", readsOnly: true, readsObjects: true },
    async (destination) => {
      const work = new Verification(destination, options, tally, selection);
      await work.run();
      for (const text of selection.unmatched()) tally.error(nothingMatches(text, REMEDY));
      return tally.result();
    },
  );
}

class Verification {
  private readonly destination: OpenDestination;
  private readonly options: VerifyOptions;
  private readonly tally: Tally;
  private readonly selection: Selection;
  private markers = 0;
  /** Whether the destination holds anything of this tool, selected or not. */
  private isEmpty = true;
  /** Tombstones of what is not there. */
  private orphans = 0;

  constructor(destination: OpenDestination, options: VerifyOptions, tally: Tally, selection: Selection) {
    this.destination = destination;
    this.options = options;
    this.tally = tally;
    this.selection = selection;
  }

  async run(): Promise<void> {
    const { destination, tally } = this;
    const { at, reporter } = this.options;
    await this.verifyAll(at === undefined ? this.everyVersion() : this.versionsAt(at));
    if (at === undefined && this.markers > 0) await this.countOrphans();
    if (this.isEmpty && !tally.failed) tally.error(nothingStored(destination.storage));
    if (this.orphans > 0) {
      reporter.info(`Tombstones of what is not there any more: ${this.orphans}`);
    }
  }

  /** Whether a stored path is to be verified; of a manifest, whether it may tell of something that is. */
  private isSelected(path: string): boolean {
    const { selection } = this;
    if (selection.includes(path) || selection.includes(unescapePath(path))) return true;
    const manifest = parseManifestPath(path);
    return manifest !== undefined && selection.maySelectIn(manifest.folder);
  }

  /** The order of objects does not matter here, so the listing is taken as it comes. */
  private async *everyVersion(): AsyncGenerator<Version[]> {
    for await (const versions of this.destination.objects()) {
      if (versions.length > 0) this.isEmpty = false;
      const selected = versions.filter(({ path }) => this.isSelected(path));
      for (const { stamp } of selected) if (stamp.form === "marker") this.markers++;
      yield selected;
    }
  }

  /** What was live at a moment, and the tombstones that tell of it. */
  private async *versionsAt(at: number): AsyncGenerator<Version[]> {
    const { destination, options, tally } = this;
    const onFailure = (report: ErrorReport) => tally.error(report);
    for await (const groups of storedGroups(await versionsInOrder(destination, options.signal))) {
      if (groups.length > 0) this.isEmpty = false;
      const chosen: Version[] = [];
      for (const group of groups) {
        if (!this.isSelected(group.path)) continue;
        const known = await withStoredTimes(group, destination.storage, onFailure, true);
        if (known === undefined) continue;
        const history = historyOf(known.versions);
        this.orphans += history.orphans.length;
        const life = lifeAt(history, at);
        if (life !== undefined) chosen.push(life.version);
        if (life?.marker !== undefined) chosen.push(life.marker);
      }
      yield chosen;
    }
  }

  /** Lists once more: what a tombstone marks shows only where all versions of a path are together. */
  private async countOrphans(): Promise<void> {
    for await (const groups of storedGroups(this.destination.versions(true))) {
      for (const { path, versions } of groups) {
        if (this.isSelected(path)) this.orphans += historyOf(versions).orphans.length;
      }
      this.options.signal.throwIfAborted();
    }
  }

  private async verifyAll(batches: AsyncIterable<Version[]>): Promise<void> {
    const { tally, options, selection } = this;
    const { workers } = this.destination;
    let files = 0;
    let bytes = 0;
    for await (const versions of batches) {
      for (const version of versions) {
        selection.selects(version.path);
        selection.selects(unescapePath(version.path));
        files++;
        bytes += version.size;
        await workers.submit({ do: "verify", version }, (outcome) =>
          this.settle(version, outcome as VerifyOutcome),
        );
      }
      options.signal.throwIfAborted();
    }
    tally.expect(files, bytes);
    await workers.drain();
  }

  private settle(version: Version, outcome: VerifyOutcome): void {
    const { tally, options } = this;
    if (outcome.kind === "stopped") return;
    if (outcome.kind === "intact" && !outcome.isFile) return;
    const processed = outcome.kind === "intact" ? version.size : 0;
    tally.count(outcome.kind === "intact" ? "intact" : "failed", version.size, { processed });
    if (outcome.kind === "failed") tally.error({ ...outcome.report, path: version.path });
    else options.reporter.file("OK", version.path);
  }
}
