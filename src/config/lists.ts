/** Lists in files of their own: the rules of `exclude_file`, and the paths of `files_from`. */
import { readFile } from "node:fs/promises";
import { ConfigError, errorCode } from "../errors.ts";
import { pathOfBytes } from "../names/path-text.ts";
import { rulesIn } from "../patterns/gitignore.ts";
import { quoted } from "./text.ts";
import { resolveFrom } from "./working-folder.ts";

/** The lines of `exclude_file`, which has to be there: without its rules more would be stored than is meant. */
export async function rulesListed(file: string, cwd: string | undefined): Promise<string[]> {
  return rulesIn(pathOfBytes(await readBytes(file, cwd)));
}

/**
 * The paths in `files_from`, as a scan has them: one a line, or each ended by a zero byte where there is one
 * (`find -print0`). The source as a whole (`.`) is the empty path.
 *
 * @throws ConfigError for a path that cannot be below the source: it would select nothing
 */
export async function pathsListed(file: string, cwd: string | undefined): Promise<string[]> {
  const bytes = await readBytes(file, cwd);
  const text = pathOfBytes(bytes);
  const given = bytes.includes(0) ? text.split("\0") : text.replace(/^\ufeff/, "").split(/\r?\n|\r$/);
  const listed = given.filter((path) => path !== "");
  const outside = listed.filter((path) => path.startsWith("/") || path.split("/").includes(".."));
  if (outside.length > 0) {
    const more = outside.length === 1 ? "" : `, and ${outside.length - 1} more like it`;
    throw new ConfigError(`files_from lists ${quoted(outside[0] as string)}${more}`, {
      path: file,
      remedy: "list paths relative to the source, without `..`",
    });
  }
  return listed.map((path) => path.split("/").filter(isName).join("/"));
}

function isName(component: string): boolean {
  return component !== "" && component !== ".";
}

async function readBytes(file: string, cwd: string | undefined): Promise<Buffer> {
  const location = resolveFrom(cwd, file);
  try {
    return await readFile(location);
  } catch (error) {
    throw new ConfigError(`cannot be read (${errorCode(error)})`, { path: file, cause: error });
  }
}
