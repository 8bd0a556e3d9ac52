/** Making a folder and what lacks above it. */
import * as fs from "node:fs";
import * as path from "node:path";
import { errorCode } from "../../errors.ts";

/**
 * Throws the plain `node:fs` error that says why the system refused. With `recursive` Node tells ENOENT for some of
 * them, EROFS among them: it looks whether the folder is there all the same, and throws what that look came to.
 *
 * @param mode of what is made; without, it is closed to other users.
 */
export function makeFolder(folder: string, mode = 0o700): void {
  try {
    fs.mkdirSync(folder, { mode, recursive: true });
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    makeOne(outermostMissing(folder), mode);
    fs.mkdirSync(folder, { mode, recursive: true });
  }
}

function makeOne(folder: string, mode: number): void {
  try {
    fs.mkdirSync(folder, { mode });
  } catch (error) {
    // Somebody else made it, or it is a link to nothing, of which ENOENT is the right word.
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

function outermostMissing(folder: string): string {
  const parent = path.dirname(folder);
  return parent === folder || fs.existsSync(parent) ? folder : outermostMissing(parent);
}
