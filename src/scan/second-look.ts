/**
 * A second look at what a scan did not meet, before it counts as deleted.
 *
 * A file that came after its folder was read is not seen; one that is renamed, or replaced, just then may be missed altogether
 * (POSIX, readdir), and so may all of a folder. Another run may have stored it, now or long before.
 */
import * as fs from "node:fs";
import { errorCode } from "../errors.ts";
import { foldersOf } from "../names/folders.ts";
import { fsPath } from "../names/path-text.ts";

/** Clocks of file servers may be behind by so much. */
const SLACK_MS = 60_000;
/** What a path gives that cannot be one, or that leads through a file, and a link to itself. */
const NOT_THERE = ["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP"];

export interface SecondLook {
  /** Of the source, absolute. */
  readonly root: string;
  readonly followsLinks: boolean;
  /** When the scan began, in milliseconds since 1970. */
  readonly since: number;
  isTooLarge(path: string, size: number): boolean;
}

/**
 * Whether a regular file is there that came, or whose folder came, since the scan began: then nothing is known of it.
 *
 * What was there all the time the scan would have met. Without looking at times, a file system that does not tell `A` from
 * `a` would show the old name of a renamed file for ever.
 *
 * @param path of a file, perhaps a stranger's.
 */
export function cameSince(path: string, { root, followsLinks, since, isTooLarge }: SecondLook): boolean {
  if (!canBeScanned(path)) return false;
  const locate = (part: string) => fsPath(`${root}/${part}`);
  const isNew = ({ ctimeMs }: fs.Stats) => ctimeMs >= since - SLACK_MS;
  try {
    const link = fs.lstatSync(locate(path), { throwIfNoEntry: false });
    const file = followsLinks ? fs.statSync(locate(path), { throwIfNoEntry: false }) : link;
    if (link === undefined || !file?.isFile() || isTooLarge(path, file.size)) return false;
    const folders = foldersOf(path).map((folder) => fs.lstatSync(locate(folder)));
    return folders.every((folder) => folder.isDirectory()) && [link, file, ...folders].some(isNew);
  } catch (error) {
    return !NOT_THERE.includes(errorCode(error) ?? "");
  }
}

/**
 * Whether a folder is there whose entries became others since the scan began. The mount point of a file system that was taken
 * away is there, too, but has not changed.
 */
export function changedSince(
  folder: string,
  { root, followsLinks, since }: Pick<SecondLook, "root" | "followsLinks" | "since">,
): boolean {
  const look = followsLinks ? fs.statSync : fs.lstatSync;
  try {
    const stat = look(fsPath(`${root}/${folder}`));
    return stat.isDirectory() && stat.mtimeMs >= since - SLACK_MS;
  } catch {
    return false; // not there, or out of reach
  }
}

function canBeScanned(path: string): boolean {
  return (
    !path.includes("\0") && path.split("/").every((part) => part !== "" && part !== "." && part !== "..")
  );
}
