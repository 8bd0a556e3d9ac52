/** Making a folder and what lacks above it. */
import * as fs from "node:fs";
import * as path from "node:path";
import { errorCode } from "../../errors.ts";

/** Others may remove an empty folder before the next one is made in it. */
export const MAKING_ATTEMPTS = 5;

/**
 * Throws the plain `node:fs` error that says why the system refused. Node's own way (`recursive`) tells ENOENT for some of
 * them, EROFS among them, and tries for ever where a folder is there in which the system says ENOENT, as in /proc.
 *
 * @param mode of what is made; without, it is closed to other users.
 */
export function makeFolder(folder: string, mode = 0o700): void {
  for (let attempt = 1; ; attempt++) {
    try {
      makeOne(folder, mode);
      return;
    } catch (error) {
      const parent = path.dirname(folder);
      if (errorCode(error) !== "ENOENT" || parent === folder || attempt === MAKING_ATTEMPTS) throw error;
      makeFolder(parent, mode);
    }
  }
}

function makeOne(folder: string, mode: number): void {
  try {
    fs.mkdirSync(folder, { mode });
  } catch (error) {
    // A link to nothing is in the way: ENOENT is the right word for that, and nothing to be made above it.
    if (errorCode(error) !== "EEXIST" || !fs.statSync(folder).isDirectory()) throw error;
  }
}
