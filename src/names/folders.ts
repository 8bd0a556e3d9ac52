/** The folders that a path lies in: as paths, or as prefixes, which have a slash at their end as a scan and its rules know them. */

/** The folders above a path, outermost first, but for the root. */
export function foldersOf(path: string): string[] {
  const folders: string[] = [];
  for (let slash = path.indexOf("/"); slash !== -1; slash = path.indexOf("/", slash + 1)) {
    folders.push(path.slice(0, slash));
  }
  return folders;
}

/** The folder that a path lies in; the root is empty. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** The same as prefixes; of a prefix also itself. */
export function* prefixesOf(path: string): Generator<string> {
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) yield path.slice(0, at + 1);
}

/** The innermost folder as a prefix, of a prefix the one above it; the root is empty. */
export function parentPrefixOf(path: string): string {
  return path.length < 2 ? "" : path.slice(0, path.lastIndexOf("/", path.length - 2) + 1);
}
