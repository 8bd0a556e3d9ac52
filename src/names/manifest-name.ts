/**
 * The reserved names of metadata manifests, and how files of the source keep out of their way (docs/format.md,
 * section 9).
 */

const RESERVED = ".backup-meta";
const ESCAPE = "=";
const DOT = 0x2e;
const MANIFEST = /(?:^|\/)\.backup-meta\.([0-9a-z])\.(0|[1-9a-z][0-9a-z]{0,3})$/;

/** Manifests have no time of their own, so that equal metadata give equal names. */
export const MANIFEST_MTIME = 0;

/**
 * The path of one of a folder's 2^log manifests.
 *
 * @param folder path of the folder, empty for the root.
 */
export function manifestPath(folder: string, log: number, index: number): string {
  const name = `${RESERVED}.${log.toString(36)}.${index.toString(36)}`;
  return folder === "" ? name : `${folder}/${name}`;
}

/** Whether a file comes before the manifests of its folder, in the order of paths. */
export function isBeforeManifests(path: string): boolean {
  const name = path.lastIndexOf("/") + 1;
  const first = path.charCodeAt(name);
  return first < DOT || (first === DOT && path.slice(name) < RESERVED);
}

/** Which manifest a path names; undefined when it names none. */
export function parseManifestPath(path: string): { folder: string; log: number; index: number } | undefined {
  const match = MANIFEST.exec(path);
  if (match === null) return undefined;
  const log = Number.parseInt(match[1] as string, 36);
  const index = Number.parseInt(match[2] as string, 36);
  return index < 2 ** log ? { folder: path.slice(0, match.index), log, index } : undefined;
}

/** The path under which a file of the source is stored: out of the way of manifests. */
export function escapePath(path: string): string {
  const name = path.lastIndexOf("/") + 1;
  if (!path.startsWith(RESERVED, name)) return path;
  const at = name + RESERVED.length;
  return path.slice(0, at) + ESCAPE + path.slice(at);
}

/** What no stored path comes before, of this path and all of later names in its folder: to escape some changes their order. */
export function leastStoredPath(path: string): string {
  const name = path.lastIndexOf("/") + 1;
  return path.startsWith(RESERVED, name) ? path.slice(0, name + RESERVED.length) : path;
}

/** Inverse of `escapePath`. */
export function unescapePath(path: string): string {
  const name = path.lastIndexOf("/") + 1;
  if (!path.startsWith(RESERVED + ESCAPE, name)) return path;
  const at = name + RESERVED.length;
  return path.slice(0, at) + path.slice(at + ESCAPE.length);
}
