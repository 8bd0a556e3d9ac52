/**
 * Files that a restore has made and that no recorded metadata fit: deleted ones, older versions, and those that changed while
 * they were stored. What their mode was is not known, so nobody but their owner may read them. Where nothing was recorded at
 * all (a bucket has no modes) they are like any new file.
 */
import * as fs from "node:fs";
import { comparePaths, fsPath } from "../../names/path-text.ts";
import { ExternalSorter } from "../../spill/external-sorter.ts";
import { TemporaryFolder } from "../../storage/local/temporary.ts";
import type { Reporter } from "../reporter.ts";

/** Of a file that only its owner may read. */
export const PRIVATE = 0o600;
/** Of a new file, as far as the process's umask allows. */
export const NEW_MODE = 0o666;

export interface UnrecordedContext {
  /** The target, absolute. */
  readonly root: string;
  readonly reporter: Reporter;
  /** Whether metadata were recorded where a path comes from. */
  isRecorded(path: string): boolean;
  /** Gets what kept one of them from its mode; the others get theirs. */
  onFailure(error: unknown, path: string): void;
}

/** Whether others cannot get into a folder anyway: then what is made in it may have its mode at once. */
export function isClosed(folder: string): boolean {
  return (fs.statSync(folder).mode & 0o077) === 0;
}

/**
 * Gives such files their modes. Throws where none can get any.
 *
 * @param made paths of files that were made, not replaced
 * @param fitting paths of files that have their metadata
 */
export function settleUnrecorded(
  made: Iterable<string>,
  fitting: Iterable<string>,
  { root, reporter, isRecorded, onFailure }: UnrecordedContext,
): void {
  let usual: number | undefined;
  for (const path of without(made, fitting)) {
    const location = fsPath(`${root}/${path}`);
    const recorded = isRecorded(path);
    usual ??= usualMode(root);
    let isThere: boolean;
    try {
      isThere = setMode(location, recorded ? PRIVATE : usual);
    } catch (error) {
      onFailure(error, path);
      continue;
    }
    if (recorded && isThere)
      reporter.warning("its mode and owner are not known: only who restored it can read it", path);
  }
}

/** Of a regular file; no link is followed. Whether it is one: what is there now may have taken the place of a deleted file. */
function setMode(location: string | Buffer, mode: number): boolean {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  if (!fs.lstatSync(location).isFile()) return false;
  const fd = fs.openSync(location, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stat = fs.fstatSync(fd);
    if (stat.isFile() && (stat.mode & 0o777) !== mode) fs.fchmodSync(fd, mode);
    return true;
  } finally {
    fs.closeSync(fd);
  }
}

/** The paths of one list that are not in the other. */
function* without(paths: Iterable<string>, others: Iterable<string>): Generator<string> {
  const [all, known] = [sorted(paths), sorted(others)];
  let other = known.next();
  for (const path of all) {
    while (!other.done && comparePaths(other.value, path) < 0) other = known.next();
    if (other.done || other.value !== path) yield path;
  }
  known.return();
}

function sorted(paths: Iterable<string>): Generator<string, void> {
  const sorter = new ExternalSorter<string>((path) => path);
  for (const path of paths) sorter.add(path);
  return sorter.sorted();
}

/** As the umask, or an ACL of the folder, would have it. */
function usualMode(root: string): number {
  const temporary = new TemporaryFolder(root);
  try {
    const file = temporary.newPath();
    fs.closeSync(fs.openSync(file, "wx", NEW_MODE));
    return fs.statSync(file).mode & 0o777;
  } finally {
    temporary.remove();
  }
}
