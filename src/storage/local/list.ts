/**
 * Listing a folder as a flat, sorted set of keys.
 *
 * The order is that of the keys' bytes, as S3 lists them: within a folder a subfolder sorts as `name/`, so `a.txt`
 * comes before `a/x` and `a-b` before both. Memory is flat: the names of a very large folder, such as a destination whose
 * names are encrypted, are sorted on disk.
 */
import * as fs from "node:fs";
import { setImmediate } from "node:timers/promises";
import { errorCode } from "../../errors.ts";
import { fsPath, sortPaths } from "../../names/path-text.ts";
import { ExternalSorter } from "../../spill/external-sorter.ts";
import type { ListedObject } from "../storage.ts";
import { type FolderEntry, isLargeFolder, readFolder, readLargeFolder } from "./read-folder.ts";
import { isTemporaryFolder } from "./temporary.ts";

const BATCH = 1000;
const SORTED_IN_MEMORY = 8 * 1024 * 1024;

export interface ListingFindings {
  /** Gets each folder in which nothing was found to list, its path below the root. */
  onEmpty?(folder: string): void;
  /** Gets the error of each folder below the root that cannot be read, and the listing goes on. */
  onUnlistable?(error: unknown): void;
}

/**
 * All regular files below `root`, links to files included, links to folders not entered, hidden ones too.
 * Sizes and times are left out: they would cost a call per file. Throws the plain `node:fs` error when any folder
 * cannot be read: a listing is complete or it is none, unless who asks wants to be told (`onUnlistable`).
 */
export async function* listFolder(
  root: string,
  signal?: AbortSignal,
  findings: ListingFindings = {},
): AsyncGenerator<ListedObject[]> {
  let batch: ListedObject[] = [];
  for (const key of walk(root, "", identityOf(root), findings)) {
    if (key !== undefined) batch.push({ key });
    if (key !== undefined && batch.length < BATCH) continue;
    if (batch.length > 0) yield batch;
    batch = [];
    // The walk is synchronous, which is ten times cheaper; between batches everything else gets its turn.
    await setImmediate();
    signal?.throwIfAborted();
  }
  if (batch.length > 0) yield batch;
}

/** Keys in order; undefined is a pause. */
function* walk(
  root: string,
  prefix: string,
  identity: string,
  findings: ListingFindings,
): Generator<string | undefined> {
  let isEmpty = true;
  for (const name of yield* namesOrNone(root, prefix, identity, findings)) {
    isEmpty = false;
    if (name.endsWith("/")) yield* walk(root, prefix + name, identity, findings);
    else yield prefix + name;
  }
  if (isEmpty && prefix !== "") findings.onEmpty?.(prefix.slice(0, -1));
}

/**
 * A folder that another run emptied and removed since its parent was read holds nothing. But when the root is not what
 * it was (unmounted, say), folders are missing for another reason, and the listing would be cut short in silence.
 */
function* namesOrNone(
  root: string,
  prefix: string,
  identity: string,
  { onUnlistable }: ListingFindings,
): Generator<undefined, Iterable<string>> {
  try {
    return yield* sortedNames(root, prefix);
  } catch (error) {
    if (prefix === "" || identityOf(root) !== identity) throw error;
    if (isGone(root, prefix, error)) return [];
    if (onUnlistable === undefined) throw error;
    onUnlistable(error);
    return [];
  }
}

function isGone(root: string, prefix: string, error: unknown): boolean {
  const folder = fsPath(`${root}/${prefix}`);
  return errorCode(error) === "ENOENT" && fs.lstatSync(folder, { throwIfNoEntry: false }) === undefined;
}

function identityOf(folder: string): string {
  const stat = fs.statSync(folder);
  return `${stat.dev}:${stat.ino}`;
}

/** The names in one folder, subfolders with a trailing slash, in byte order. All are read before the first is given. */
function* sortedNames(root: string, prefix: string): Generator<undefined, Iterable<string>> {
  const folder = `${root}/${prefix}`;
  if (isLargeFolder(folder)) return yield* sortedNamesOfLarge(folder, prefix);
  const names: string[] = [];
  for (const entry of readFolder(folder)) {
    const name = listedName(entry, folder, prefix);
    if (name !== undefined) names.push(name);
  }
  return sortPaths(names);
}

function* sortedNamesOfLarge(folder: string, prefix: string): Generator<undefined, Iterable<string>> {
  const names = new ExternalSorter<string>((name) => name, SORTED_IN_MEMORY);
  let isWhole = false;
  try {
    for (const entry of readLargeFolder(folder)) {
      const name = listedName(entry, folder, prefix);
      if (name === undefined) continue;
      names.add(name);
      if (names.length % BATCH === 0) yield;
    }
    isWhole = true;
  } finally {
    if (!isWhole) names.close();
  }
  return givenBy(names);
}

function* givenBy(names: ExternalSorter<string>): Generator<string> {
  try {
    let last: string | undefined;
    for (const name of names.sorted()) {
      if (name !== last) yield name;
      last = name;
    }
  } finally {
    names.close();
  }
}

/** Undefined of what is no part of a listing. */
function listedName({ name, kind }: FolderEntry, folder: string, prefix: string): string | undefined {
  if (kind === "folder") return prefix !== "" || !isTemporaryFolder(name) ? `${name}/` : undefined;
  return kind === "file" || (kind === "link" && leadsToFile(folder + name)) ? name : undefined;
}

function leadsToFile(file: string): boolean {
  try {
    return fs.statSync(fsPath(file), { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false; // a loop, or a target out of reach: not a file
  }
}
