/**
 * Going through what a destination holds, path by path, for the commands that only look.
 */
import type { Config } from "../../config/config.ts";
import { type ErrorReport, reportOf, StorageError } from "../../errors.ts";
import { parseManifestPath } from "../../names/manifest-name.ts";
import type { PathGroup, Version } from "../../plan/group.ts";
import { type History, historyOf } from "../../plan/history.ts";
import { reservesNames } from "../../scan/open-source.ts";
import type { Storage } from "../../storage/storage.ts";
import { hasSealedNames } from "../destination/catalogue.ts";
import type { OpenDestination } from "../destination/destination.ts";
import { storedGroups, withStoredTimes } from "../destination/stored-groups.ts";
import { withDestination } from "../destination/with-destination.ts";
import type { RunOptions } from "../run-options.ts";
import { Tally } from "../tally.ts";
import { originalNames } from "./original-names.ts";

export interface PathHistory {
  /** As the source has it. */
  readonly path: string;
  readonly history: History;
  /** Whether it is metadata; only where those are asked for. */
  readonly isManifest: boolean;
}

export interface LookOptions extends RunOptions {
  /** Whether to visit this path, as the source has it. */
  selects(path: string): boolean;
  /** Whether it matters when versions that are live began to be. */
  readonly needsTimes: boolean;
  /** Whether versions carry the sizes of their objects where the listing tells them. */
  readonly needsSizes?: boolean;
  /** Whether to visit metadata manifests, too. */
  readonly manifests?: boolean;
}

interface HistoriesOptions extends Pick<LookOptions, "needsTimes" | "manifests" | "selects" | "signal"> {
  /** Is told of a path whose history cannot be told. */
  onFailure(report: ErrorReport): void;
}

/** What ended a look: how many failures were reported, by kind. */
export type LookResult = Pick<ReturnType<Tally["result"]>, "errors">;

/**
 * Visits the history of every file, nearly in the order of paths. Names that cannot be read are reported, and so is what
 * storage does not tell of one file; metadata manifests are no files and left out.
 * @throws BackupError where the destination cannot be read at all; `InterruptedError` after a signal
 */
export async function look(
  config: Config,
  options: LookOptions,
  visit: (file: PathHistory, destination: OpenDestination) => void | Promise<void>,
): Promise<LookResult> {
  const tally = new Tally(options.reporter);
  const opening = { mode: "verify", readsOnly: true, sizes: options.needsSizes ?? false } as const;
  await withDestination(config, options, tally, opening, async (destination) => {
    const versions = await versionsInOrder(destination, options.signal);
    const onFailure = (report: ErrorReport) => tally.error(report);
    for await (const file of histories(config, destination, versions, { ...options, onFailure })) {
      try {
        await visit(file, destination);
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        onFailure({ ...reportOf(error, "destination"), path: file.path });
      }
    }
  });
  return tally.result();
}

/**
 * All versions in the order of the join, for those who cannot begin anew when it turns out not to be there: what was
 * shown cannot be taken back. So only an order of our own making is trusted: that of a folder without encrypted names.
 */
export async function versionsInOrder(
  destination: OpenDestination,
  signal: AbortSignal,
): Promise<AsyncIterable<Version[]>> {
  const { storage, sealedNames } = destination;
  return destination.versions(sealedNames || storage.kind !== "local" || (await hasSealed(storage, signal)));
}

/** Encrypted names may come anywhere in a listing, where a setting was changed. The listing proper tells what is amiss with it. */
async function hasSealed(storage: Storage, signal: AbortSignal): Promise<boolean> {
  for await (const objects of storage.list(signal, () => {})) if (hasSealedNames(objects)) return true;
  return false;
}

/** The histories of files, from versions in the order of the join. */
export async function* histories(
  config: Config,
  { storage }: OpenDestination,
  versions: AsyncIterable<Version[]>,
  { needsTimes, manifests = false, selects, signal, onFailure }: HistoriesOptions,
): AsyncGenerator<PathHistory> {
  const nameOf = originalNames(config);
  for await (const groups of storedGroups(versions)) {
    for (const group of groups) {
      const path = nameOf(group.path);
      const metadata = isManifest(config, group);
      if ((metadata && !manifests) || !selects(path)) continue;
      const told = (report: ErrorReport) => onFailure({ ...report, path });
      const known = await withStoredTimes(group, storage, told, needsTimes);
      if (known === undefined) continue;
      const history = historyOf(known.versions);
      if (history.lives.length > 0) yield { path, history, isManifest: metadata };
    }
    signal.throwIfAborted();
  }
}

/** Whether what is stored under this path is metadata, as far as its name tells. */
export function isManifest(config: Config, { path }: PathGroup): boolean {
  return reservesNames(config) && parseManifestPath(path) !== undefined;
}
