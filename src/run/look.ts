/**
 * Going through what a destination holds, path by path, for the commands that only look.
 */
import type { Config } from "../config/config.ts";
import { parseManifestPath, unescapePath } from "../names/manifest-name.ts";
import type { PathGroup, Version } from "../plan/group.ts";
import { type History, historyOf } from "../plan/history.ts";
import type { OpenDestination } from "./destination.ts";
import { reservesNames } from "./open-source.ts";
import type { RunOptions } from "./run-options.ts";
import { storedGroups, withStoredTimes } from "./stored-groups.ts";
import { Tally } from "./tally.ts";
import { withDestination } from "./with-destination.ts";

export interface PathHistory {
  /** As the source has it. */
  readonly path: string;
  readonly history: History;
}

export interface LookOptions extends RunOptions {
  /** Whether it matters when versions that are live began to be. */
  readonly needsTimes: boolean;
}

/** What ended a look: how many failures were reported, by kind. */
export type LookResult = Pick<ReturnType<Tally["result"]>, "errors">;

/**
 * Visits the history of every file, nearly in the order of paths. Names that cannot be read are reported; metadata
 * manifests are no files and left out.
 * @throws BackupError where the destination cannot be read at all; `InterruptedError` after a signal
 */
export async function look(
  config: Config,
  options: LookOptions,
  visit: (file: PathHistory, destination: OpenDestination) => void | Promise<void>,
): Promise<LookResult> {
  const tally = new Tally(options.reporter);
  await withDestination(config, options, tally, { mode: "verify" }, async (destination) => {
    // What was shown cannot be taken back, so only an order of our own making is trusted.
    const sorted = destination.sealedNames || destination.storage.kind !== "local";
    for await (const file of histories(config, destination, destination.versions(sorted), options)) {
      await visit(file, destination);
    }
  });
  return tally.result();
}

/** The histories of files, from versions in the order of the join. */
export async function* histories(
  config: Config,
  { storage }: OpenDestination,
  versions: AsyncIterable<Version[]>,
  { needsTimes, signal }: Pick<LookOptions, "needsTimes" | "signal">,
): AsyncGenerator<PathHistory> {
  for await (const groups of storedGroups(versions)) {
    for (const group of groups) {
      if (isManifest(config, group)) continue;
      const { versions: found } = await withStoredTimes(group, storage, needsTimes);
      const history = historyOf(found);
      if (history.lives.length > 0) yield { path: unescapePath(group.path), history };
    }
    signal.throwIfAborted();
  }
}

/** Whether what is stored under this path is metadata, as far as its name tells. */
export function isManifest(config: Config, { path }: PathGroup): boolean {
  return reservesNames(config) && parseManifestPath(path) !== undefined;
}
