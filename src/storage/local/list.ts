/**
 * Listing a folder as a flat, sorted set of keys.
 *
 * The order is that of the keys' bytes, as S3 lists them: within a folder a subfolder sorts as `name/`, so `a.txt`
 * comes before `a/x` and `a-b` before both. Memory is bounded by the largest single folder on the way down.
 */
import * as fs from "node:fs";
import { setImmediate } from "node:timers/promises";
import { errorCode } from "../../errors.ts";
import { fsPath, pathOfBytes, sortPaths } from "../../names/path-text.ts";
import type { ListedObject } from "../storage.ts";
import { isTemporaryFolder } from "./temporary.ts";

const BATCH = 1000;

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
    batch.push({ key });
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
    // The walk is synchronous, which is ten times cheaper; between batches everything else gets its turn.
    await setImmediate();
    signal?.throwIfAborted();
  }
  if (batch.length > 0) yield batch;
}

function* walk(root: string, prefix: string, identity: string, findings: ListingFindings): Generator<string> {
  const names = namesOrNone(root, prefix, identity, findings);
  if (names.length === 0 && prefix !== "") findings.onEmpty?.(prefix.slice(0, -1));
  for (const name of names) {
    if (name.endsWith("/")) yield* walk(root, prefix + name, identity, findings);
    else yield prefix + name;
  }
}

/**
 * A folder that another run emptied and removed since its parent was read holds nothing. But when the root is not what
 * it was (unmounted, say), folders are missing for another reason, and the listing would be cut short in silence.
 */
function namesOrNone(
  root: string,
  prefix: string,
  identity: string,
  { onUnlistable }: ListingFindings,
): string[] {
  try {
    return sortedNames(root, prefix);
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

/** The names in one folder, subfolders with a trailing slash, in byte order. */
function sortedNames(root: string, prefix: string): string[] {
  const folder = `${root}/${prefix}`;
  const names: string[] = [];
  for (const { name, kind } of readFolder(folder)) {
    if (kind === "folder") {
      if (prefix !== "" || !isTemporaryFolder(name)) names.push(`${name}/`);
    } else if (kind === "file" || (kind === "link" && leadsToFile(folder + name))) {
      names.push(name);
    }
  }
  return sortPaths(names);
}

/** What a name in a folder is, without following links. */
export interface FolderEntry {
  readonly name: string;
  readonly kind: "file" | "folder" | "link" | "other";
}

/** Reads one folder; names that are not UTF-8 come in the escaped form of path-text.ts. */
export function readFolder(folder: string): FolderEntry[] {
  const entries = fs.readdirSync(fsPath(folder), { withFileTypes: true });
  // Node replaces invalid bytes by U+FFFD without a word: only then is the folder read again as bytes.
  if (entries.some((entry) => entry.name.includes("\ufffd"))) {
    return fs
      .readdirSync(fsPath(folder), { withFileTypes: true, encoding: "buffer" })
      .map((entry) => ({ name: pathOfBytes(entry.name), kind: kindOf(entry) }));
  }
  return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
}

function kindOf(entry: fs.Dirent | fs.Dirent<Buffer>): FolderEntry["kind"] {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "folder";
  return entry.isSymbolicLink() ? "link" : "other";
}

function leadsToFile(file: string): boolean {
  try {
    return fs.statSync(fsPath(file), { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false; // a loop, or a target out of reach: not a file
  }
}
