/**
 * How source, destination and restore target lie to each other: the destination must be neither the source nor
 * around it, and is left out of the backup when it lies inside. Nothing is created or changed.
 */
import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pathOfBytes } from "../names/path-text.ts";
import type { LocalStorageConfig, S3StorageConfig, StorageConfig } from "./config.ts";
import { quoted } from "./text.ts";
import { resolveFrom } from "./working-folder.ts";

/**
 * Where `inner` lies inside `outer`: its path below it, empty when they are the same place, undefined when it lies
 * elsewhere. Local paths are compared after resolving links, and by the folders' identity, so that a bind mount or
 * a file system that ignores case makes no difference.
 */
export async function pathInside(
  inner: StorageConfig,
  outer: StorageConfig,
  cwd: string | undefined,
): Promise<string | undefined> {
  if (inner.kind === "local" && outer.kind === "local") return localInside(inner, outer, cwd);
  if (inner.kind === "s3" && outer.kind === "s3") return s3Inside(inner, outer);
  return undefined;
}

/** Problems of a backup from `src` to `dest`, and what of the source has to be left out. */
export async function sourceExcludesOf(
  src: StorageConfig,
  dest: StorageConfig,
  cwd: string | undefined,
  problems: string[],
  warnings: string[],
): Promise<string[]> {
  const srcBelow = await pathInside(src, dest, cwd);
  if (srcBelow === "") {
    problems.push("src and dest are the same place: give the backup a place of its own");
    return [];
  }
  if (srcBelow !== undefined) {
    problems.push("src lies inside dest: give the backup a place outside of what holds the source");
    return [];
  }
  const destBelow = await pathInside(dest, src, cwd);
  if (destBelow === undefined) return [];
  warnings.push(
    `dest lies inside src: the folder ${quoted(`${destBelow}/`)} of the source is left out of the backup`,
  );
  return [`${destBelow}/`];
}

async function localInside(
  inner: LocalStorageConfig,
  outer: LocalStorageConfig,
  cwd: string | undefined,
): Promise<string | undefined> {
  const target = await realFolder(resolveFrom(cwd, outer.path));
  const identity = await identityOf(target);
  let folder = await realFolder(resolveFrom(cwd, inner.path));
  let below = "";
  for (;;) {
    if (folder === target || (identity !== undefined && identity === (await identityOf(folder))))
      return below;
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    below = below === "" ? basename(folder) : `${basename(folder)}/${below}`;
    folder = parent;
  }
}

/** The path without links; what does not exist yet is kept as it is written. */
async function realFolder(path: string): Promise<string> {
  try {
    return pathOfBytes(await realpath(path, { encoding: "buffer" }));
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(await realFolder(parent), basename(path));
  }
}

async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function s3Inside(inner: S3StorageConfig, outer: S3StorageConfig): string | undefined {
  if (inner.bucket !== outer.bucket || serviceOf(inner) !== serviceOf(outer)) return undefined;
  if (inner.basePath === outer.basePath) return "";
  if (outer.basePath === "") return inner.basePath;
  return inner.basePath.startsWith(`${outer.basePath}/`)
    ? inner.basePath.slice(outer.basePath.length + 1)
    : undefined;
}

/** Which service an endpoint is: all of Amazon's names reach the same buckets. */
function serviceOf({ endpointUrl }: S3StorageConfig): string {
  const url = endpointUrl === undefined ? null : URL.parse(endpointUrl);
  if (url === null || /(?:^|\.)amazonaws\.com(?:\.cn)?$/.test(url.hostname)) return "aws";
  return url.host;
}
