/**
 * Content that is at the destination already: another name for its object, or a copy of it.
 */
import type { Header } from "../../container/segmented.ts";
import { BackupError, reportOf } from "../../errors.ts";
import { LIVE } from "../../names/stamp.ts";
import type { NameFields, StoredVersion } from "../../names/stored-name.ts";
import type { SourceFile } from "../../scan/source.ts";
import type { StagedObject, Storage } from "../../storage/storage.ts";
import { objectRules } from "../object/object-rules.ts";
import type { ObjectSealer } from "../object/object-sealer.ts";
import { copyRenewed } from "./copy-renewed.ts";
import { type Attempt, fallBack, headersOf, keyFor, keyOver, type StoreContext } from "./store-context.ts";
import type { CopyOutcome, ReadFile, StoreOutcome, Task } from "./tasks.ts";

/**
 * The content is there already, under another time or marked deleted. A new name brings it up to date; an object that
 * repeats its time inside gets a new trailer with it. Undefined where it cannot be copied, does not open, or has gone
 * meanwhile (another run was quicker): then the file is stored like any other.
 *
 * @param sealAgain stages the content under its new name, where that takes less than a copy.
 */
export async function keepContent(
  version: StoredVersion,
  { path, headers, previous, sameSize }: Attempt,
  read: ReadFile,
  context: StoreContext,
  sealAgain?: () => Promise<StagedObject>,
): Promise<StoreOutcome | undefined> {
  const keepsHistory = context.config.versionsKeepDays !== null;
  const mayRename = !keepsHistory || version.key === previous?.key;
  if (version.mtime === read.mtime && mayRename) return { kind: "same", read, version };
  const to = { path, ...read, stamp: LIVE };
  // That of an object that a tombstone marks: only storing it anew makes it live, and a copy that fails would take it along.
  const free = (key: string) => (sameSize.some((other) => other.key === key) ? undefined : key);
  if (free(keyFor(to, context)) === undefined) return undefined;
  try {
    if (sealAgain) return { kind: "same", read, version, staged: await sealAgain() };
    // Under the keys of that object, which may be others than those of new ones.
    const keyOf = (header: Header) => free(keyOver(to, header, context));
    const renewed = await copyRenewed(version, { path, mtime: read.mtime, ...headers }, keyOf, context);
    if (renewed === undefined) return undefined;
    if (renewed !== "classic") return { kind: "same", read, version, staged: renewed };
    // What was live stays, as a part of the history.
    return {
      kind: "same",
      read,
      version,
      ...(keepsHistory && { staged: await copyWhole(version, to, context) }),
    };
  } catch (error) {
    return fallBack(error, context);
  }
}

/** Whether another name for content of this size takes less by sealing it again than by copying what there is. */
export function isSealedAgain(size: number, sealer: ObjectSealer, destination: Storage): boolean {
  return sealer.bindsNames && size < destination.worthCopying;
}

/** Stages a copy of a version under another path or time. Never throws. */
export async function copyFile(
  { version, to, file }: Task & { do: "copy" },
  context: StoreContext,
): Promise<CopyOutcome> {
  if (context.stopped()) return { kind: "stopped" };
  let opened: SourceFile | undefined;
  try {
    opened = await context.source.open(file);
    // The old path may have had others.
    const headers = await headersOf(opened, context);
    const keyOf = (header: Header) => keyOver(to, header, context);
    const renewed = await copyRenewed(version, { ...to, ...headers }, keyOf, context);
    if (renewed === undefined) throw new BackupError("internal", "a moved file has no key");
    if (renewed !== "classic") return { kind: "copied", staged: renewed, renewed: true };
    return { kind: "copied", staged: await copyWhole(version, to, context), renewed: false };
  } catch (error) {
    if (context.stopped()) return { kind: "stopped" };
    return { kind: "failed", report: reportOf(error, "destination", to.path) };
  } finally {
    await opened?.close();
  }
}

/** Of an object of the classic container. With history both have a time of their own. */
function copyWhole(version: StoredVersion, to: NameFields, context: StoreContext): Promise<StagedObject> {
  const { config, destination } = context;
  const separate = config.versionsKeepDays !== null;
  const key = keyOver(to, undefined, context);
  return destination.copy(version.key, key, { separate, ...objectRules(config).classFor(to) });
}
