/** What `backup diff` shows: how two states of the files differ. */
import type { Config } from "../../config/config.ts";
import type { ErrorReport } from "../../errors.ts";
import { historyOf, lastLife, lifeAt } from "../../plan/history.ts";
import { join } from "../../plan/join.ts";
import type { Entry } from "../../scan/entry.ts";
import { openSource } from "../../scan/open-source.ts";
import { sortedBatches } from "../../spill/sorted-batches.ts";
import { withStoredTimes } from "../destination/stored-groups.ts";
import { withDestination } from "../destination/with-destination.ts";
import type { RunOptions } from "../run-options.ts";
import { withDefaults } from "../run-options.ts";
import { Tally } from "../tally.ts";
import type { HashOutcome } from "../worker/tasks.ts";
import { isManifest, type LookResult, look } from "./look.ts";
import { originalNames } from "./original-names.ts";

/** One side of a difference. `md5` in canonical base 36, where it is known. */
export interface FileState {
  readonly size: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  readonly md5?: string;
}

export interface Difference {
  readonly path: string;
  /** Absent: the file was not there. */
  readonly before?: FileState;
  readonly after?: FileState;
  /** `touched`: the content is the same, or of the same size where it is not known. */
  readonly kind: "added" | "removed" | "changed" | "touched";
}

export interface DiffOptions extends RunOptions {
  /** Seconds since 1970; absent: what is live. */
  readonly from?: number;
  readonly to?: number;
  selects(path: string): boolean;
}

/** Shows how the files differed at two moments. Throws as `look` does. */
export function runDiff(
  config: Config,
  options: DiffOptions,
  show: (difference: Difference) => void,
): Promise<LookResult> {
  const { from, to } = options;
  return look(config, { ...options, needsTimes: true }, ({ path, history }) => {
    const state = (moment: number | undefined) => {
      if (moment !== undefined) return lifeAt(history, moment)?.version;
      const last = lastLife(history);
      return last?.ceased === undefined ? last?.version : undefined;
    };
    const difference = compare(path, state(from), state(to));
    if (difference !== undefined) show(difference);
  });
}

export interface SourceDiffOptions extends RunOptions {
  /** The state that the source is compared with, in seconds since 1970; absent: what is live. */
  readonly from?: number;
  /** Compare the content of files of the same size, too. */
  readonly checksum: boolean;
  selects(path: string): boolean;
  /** Is called for each file that the state has. */
  readonly onStored?: () => void;
}

/**
 * Shows how the source differs from what is stored: by names, sizes and times, or by content. What of the source cannot
 * be listed is reported and not shown as removed, nor is what a rule leaves out, which a run leaves as it is stored. Throws as a backup does.
 */
export async function runSourceDiff(
  config: Config,
  options: SourceDiffOptions,
  show: (difference: Difference) => void,
): Promise<LookResult> {
  const { reporter, signal, from, checksum, selects, onStored } = options;
  const tally = new Tally(reporter);
  const source = await openSource(config, withDefaults(options).openStorage);
  const nameOf = originalNames(config);
  const onFailure = (report: ErrorReport) =>
    tally.error({ ...report, path: report.path && nameOf(report.path) });
  const findings = {
    onError: (report: ErrorReport) => tally.error(report),
    onSkipped: (path: string, reason: string) => reporter.warning(`skipped, ${reason}`, path),
    onNote: () => {},
  };
  try {
    await withDestination(
      config,
      options,
      tally,
      { mode: "backup", readsOnly: true, dryRun: true },
      async ({ storage, workers, versions }) => {
        const entries = sortedBatches(source.scan(findings, signal), (entry: Entry) => entry.sortKey);
        for await (const groups of join(entries, versions(true))) {
          for (const listed of groups) {
            const path = nameOf(listed.path);
            const { entry } = listed;
            if (isManifest(config, listed) || !selects(path) || source.isUnknown(listed.path)) continue;
            const group = await withStoredTimes(listed, storage, onFailure, from !== undefined);
            if (group === undefined) continue;
            const history = historyOf(group.versions);
            const last = lastLife(history);
            const life =
              from === undefined ? (last?.ceased === undefined ? last : undefined) : lifeAt(history, from);
            if (life !== undefined) onStored?.();
            const difference = compare(path, life?.version, entry);
            // What a rule leaves out is not gone.
            if (difference?.kind === "removed" && (await source.excludedBy(listed.path)) !== undefined)
              continue;
            if (difference === undefined || difference.kind === "touched") {
              if (!checksum || entry === undefined || life === undefined) {
                if (difference !== undefined) show(difference);
                continue;
              }
              const { sortKey: _, ...file } = entry;
              const { version } = life;
              await workers.submit({ do: "hash", file }, (outcome) => {
                const hashed = outcome as HashOutcome;
                if (hashed.kind === "failed") tally.error({ ...hashed.report, path });
                if (hashed.kind !== "hashed") return;
                const known = compare(path, version, hashed.read);
                if (known !== undefined) show(known);
              });
            } else show(difference);
          }
          signal.throwIfAborted();
        }
        await workers.drain();
      },
    );
    return tally.result();
  } finally {
    await source.close();
  }
}

function compare(
  path: string,
  before: FileState | undefined,
  after: FileState | undefined,
): Difference | undefined {
  const sides = { path, ...(before && { before: stateOf(before) }), ...(after && { after: stateOf(after) }) };
  if (before === undefined) return after === undefined ? undefined : { ...sides, kind: "added" };
  if (after === undefined) return { ...sides, kind: "removed" };
  const known = before.md5 !== undefined && after.md5 !== undefined;
  if (before.size !== after.size || (known && before.md5 !== after.md5)) return { ...sides, kind: "changed" };
  return before.mtime === after.mtime ? undefined : { ...sides, kind: "touched" };
}

function stateOf({ size, mtime, md5 }: FileState): FileState {
  return { size, mtime, ...(md5 !== undefined && { md5 }) };
}
