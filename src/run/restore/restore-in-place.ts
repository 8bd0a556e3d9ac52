/**
 * Restoring onto the live source: only what differs is written, and, when asked, files are removed that were not there.
 *
 * Nothing is removed unless everything was restored and both sides could be listed whole, nor when that would be most of
 * the source (guardAgainstRemoval); what a run would not consider (excluded files, links, special files) stays, too, be it by the
 * rules that were there before or by those that were restored. Folders get their times afterwards, since a removal changes them.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Config } from "../../config/config.ts";
import { ConfigError, errorCode, RefusedError, reportOf, StorageError } from "../../errors.ts";
import { fsPath } from "../../names/path-text.ts";
import { guardAgainstRemoval } from "../../plan/guard.ts";
import { Selection } from "../../plan/selection.ts";
import { ExternalSorter } from "../../spill/external-sorter.ts";
import { SpillList } from "../../spill/spill-list.ts";
import { runSourceDiff } from "../look/diff.ts";
import { withDefaults } from "../run-options.ts";
import type { RunResult, Tally } from "../tally.ts";
import { checkTargetPath } from "../target/local-target.ts";
import { ConsideredFiles } from "./considered-files.ts";
import { type RestoreOptions, runRestore } from "./restore.ts";

export interface InPlaceOptions extends Omit<RestoreOptions, "stripPrefix"> {
  /** Remove files of the source that the state does not have. */
  readonly delete: boolean;
  /** Also when most files would be removed, or all. */
  readonly allowMassDelete?: boolean;
}

interface RemovalOptions extends InPlaceOptions {
  readonly considered: ConsideredFiles | undefined;
}

interface Surplus {
  readonly path: string;
  readonly bytes: number;
}

/** Throws as a restore does; ConfigError without a source. */
export async function restoreInPlace(config: Config, options: InPlaceOptions): Promise<RunResult> {
  const { src } = config;
  if (src === undefined) throw new ConfigError("--in-place needs `src`", { path: "src" });
  const onto = { ...config, restore: src, restoreIsDefault: false };
  if (!options.delete) return runRestore(onto, options);
  // Neither a dry run nor one onto a bucket changes what is considered.
  const considered = options.dryRun !== true && src.kind === "local" ? new ConsideredFiles() : undefined;
  const selection = new Selection(options.only ?? []);
  try {
    await considered?.list(config, { ...options, selects: (file) => selection.selects(file) });
    const beforeFolders: RestoreOptions["beforeFolders"] = (tally, restored) =>
      removeSurplus(config, { ...options, considered }, tally, restored);
    return await runRestore(onto, { ...options, beforeFolders });
  } finally {
    considered?.close();
  }
}

/** A failure is reported, and the restore goes on. Throws when the run is to stop. */
async function removeSurplus(
  config: Config,
  options: RemovalOptions,
  tally: Tally,
  { files, foreseen }: { readonly files: number; readonly foreseen: ReadonlySet<string> },
): Promise<void> {
  const surplus = new SpillList<Surplus>();
  try {
    const { errors, seen } = await findSurplus(config, options, surplus, foreseen);
    const settings = { ...config, allowMassDelete: options.allowMassDelete ?? false };
    const refused =
      tally.failed || errors.size > 0 || options.considered?.isPartial
        ? incomplete()
        : guardAgainstRemoval({ wanted: files, seen, surplus: surplus.length }, settings);
    if (refused !== undefined) tally.error(reportOf(refused, "restore"));
    else await removeAll(config, options, surplus, tally);
  } catch (error) {
    options.signal.throwIfAborted();
    tally.error(reportOf(error, "restore"));
  } finally {
    surplus.close();
  }
}

function incomplete(): RefusedError {
  return new RefusedError("restore", "not everything could be restored or listed: nothing was removed", {
    code: "EINCOMPLETE",
    remedy: "see the errors above, and run again",
  });
}

async function findSurplus(
  config: Config,
  options: RemovalOptions,
  surplus: SpillList<Surplus>,
  foreseen: ReadonlySet<string>,
) {
  const { choice = {}, only = [], considered } = options;
  const selection = new Selection(only);
  let seen = 0;
  const looking = {
    ...options,
    ...(choice.at !== undefined && { from: choice.at }),
    checksum: false,
    selects: (file: string) => selection.selects(file),
    onStored: () => {
      seen++;
    },
  };
  const added = new ExternalSorter<Surplus>(({ path: file }) => file);
  try {
    const { errors } = await runSourceDiff(config, looking, ({ kind, path: file, after }) => {
      // What a link takes the place of is not there any more when files are removed.
      if (kind === "added" && !foreseen.has(file)) added.add({ path: file, bytes: after?.size ?? 0 });
    });
    for (const file of considered?.of(added.sorted()) ?? added.sorted()) surplus.append(file);
    return { errors, seen };
  } finally {
    added.close();
  }
}

async function removeAll(
  { src }: Config,
  options: InPlaceOptions,
  surplus: Iterable<Surplus>,
  tally: Tally,
): Promise<void> {
  if (src === undefined) return;
  const { signal, reporter, dryRun = false } = options;
  const storage = src.kind === "s3" ? await withDefaults(options).openStorage(src, "source") : undefined;
  try {
    for (const { path: file, bytes } of surplus) {
      signal.throwIfAborted();
      try {
        if (!dryRun && src.kind === "local") removeFile(path.resolve(src.path), file);
        const [failure] = dryRun || storage === undefined ? [] : await storage.remove([file]);
        if (failure !== undefined) throw failure.error;
        tally.add("removed", bytes);
        reporter.file("removed", file);
      } catch (error) {
        tally.error({ ...reportOf(error, "restore"), path: file });
      }
    }
  } finally {
    await storage?.close();
  }
}

/** Removes a file, never through a link: the scan saw real folders, and it has to be so still. */
function removeFile(root: string, file: string): void {
  checkTargetPath(file);
  const components = file.split("/");
  for (let i = 1; i < components.length; i++) {
    const folder = `${root}/${components.slice(0, i).join("/")}`;
    if (!fs.lstatSync(fsPath(folder)).isDirectory()) {
      throw new StorageError("restore", "the path leads through something that is no folder", { path: file });
    }
  }
  try {
    fs.unlinkSync(fsPath(`${root}/${file}`));
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
