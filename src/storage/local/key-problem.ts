/** Which keys a folder cannot hold. */
import { bytesOfPath } from "../../names/path-text.ts";
import { isTemporaryFolder } from "./temporary.ts";

/** Linux: NAME_MAX and PATH_MAX, the latter with its closing zero byte. */
const NAME_MAX = 255;
const PATH_MAX = 4095;

/**
 * Why a key cannot be a file below a folder; undefined when it can.
 *
 * @param rootBytes length of the folder's absolute path.
 */
export function localKeyProblem(key: string, rootBytes: number): string | undefined {
  const components = key.split("/");
  if (components.some((name) => name === "" || name === "." || name === "..")) {
    return "a local folder cannot hold a path with an empty, '.' or '..' component";
  }
  if (key.includes("\0")) return "a file name cannot hold a zero byte";
  if (isTemporaryFolder(components[0] ?? "")) return "the name is reserved for temporary files";
  if (components.some((name) => isLonger(name, NAME_MAX))) {
    return `a component of the stored name is longer than ${NAME_MAX} bytes`;
  }
  if (isLonger(key, PATH_MAX - rootBytes - 1)) return `the stored path is longer than ${PATH_MAX} bytes`;
  return undefined;
}

/** A character has at most three bytes for each of its UTF-16 units. */
function isLonger(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && bytesOfPath(text).length > bytes;
}
