/** The folder in which the command was started: what relative paths mean. It may have been removed since. */
import { isAbsolute, resolve } from "node:path";
import { ConfigError, errorCode } from "../errors.ts";
import { isUtf8 } from "../names/path-text.ts";

/**
 * Undefined where it was removed; to be asked once. The process goes to the root then: Node starts no thread in a folder that
 * is gone. Whoever gets undefined resolves no relative path.
 */
export function workingFolder(): string | undefined {
  try {
    return process.cwd();
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    process.chdir("/");
    return undefined;
  }
}

/** The absolute path. Throws ConfigError where that would need a working folder, and there is none, or for a path that is not UTF-8. */
export function resolveFrom(cwd: string | undefined, path: string): string {
  if (!isUtf8(path)) {
    // Node would make another folder of it, with a replacement in its name.
    throw new ConfigError("is not UTF-8", { path, remedy: "give a path that is: a link to it, for one" });
  }
  if (isAbsolute(path)) return resolve(path);
  if (cwd !== undefined) return resolve(cwd, path);
  throw new ConfigError("is a relative path, and the folder in which the command was started was removed", {
    path,
    remedy: "start it in a folder that is there, or give absolute paths",
  });
}
