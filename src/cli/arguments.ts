/** The arguments of the command as they were given: Node has U+FFFD for each byte that is not UTF-8. */
import { readFileSync } from "node:fs";
import { pathOfBytes } from "../names/path-text.ts";

/**
 * Paths are told in the form of path-text.ts, so that a name which is not UTF-8 can be asked for.
 * @param given as Node tells them: the last ones of this process
 */
export function asGiven(given: readonly string[]): readonly string[] {
  if (!given.some((argument) => argument.includes("\ufffd"))) return given;
  let bytes: Buffer;
  try {
    bytes = readFileSync("/proc/self/cmdline");
  } catch {
    return given; // no Linux
  }
  const all = bytes.toString("latin1").split("\0").slice(0, -1);
  const own = all.slice(-given.length).map((argument) => Buffer.from(argument, "latin1"));
  const isTheSame =
    own.length === given.length && own.every((argument, i) => argument.toString() === given[i]);
  return isTheSame ? own.map(pathOfBytes) : given;
}
