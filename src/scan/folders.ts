/** The folders that a path lies in, each with a trailing slash, as a scan and its rules know them. */

/** Outermost first, but for the root; of a folder also itself. */
export function* foldersOf(path: string): Generator<string> {
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) yield path.slice(0, at + 1);
}

/** The innermost; the root is empty. */
export function parentOf(path: string): string {
  return path.length < 2 ? "" : path.slice(0, path.lastIndexOf("/", path.length - 2) + 1);
}
