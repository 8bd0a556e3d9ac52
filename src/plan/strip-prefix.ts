/**
 * Where a path goes when a folder of the backup becomes the root of the target. Pure.
 *
 * @param prefix without slashes at its ends; undefined: nothing is stripped
 * @returns undefined for what does not lie in that folder; the folder itself is the empty path
 */
export function stripPrefix(path: string, prefix: string | undefined): string | undefined {
  if (prefix === undefined) return path;
  if (path === prefix) return "";
  return path.startsWith(`${prefix}/`) ? path.slice(prefix.length + 1) : undefined;
}

/** The same for a file: one that is the prefix itself keeps its last component. */
export function stripPrefixOfFile(path: string, prefix: string | undefined): string | undefined {
  if (prefix === undefined) return path;
  return stripPrefix(path, prefix) || (path === prefix ? path.slice(path.lastIndexOf("/") + 1) : undefined);
}
