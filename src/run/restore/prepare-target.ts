/**
 * Making the folder that a restore goes to, and clearing away what restores that were cut off left in it.
 */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Config } from "../../config/config.ts";
import { BackupError, ConfigError, errorCode, RefusedError } from "../../errors.ts";
import { makeFolder } from "../../storage/local/make-folder.ts";
import { sweepOwnTemporaryFolders } from "../../storage/local/temporary.ts";

/**
 * Makes the target folder. The default one lies under a known name in a folder that everyone may write to, so it has
 * to be a real folder, ours, and closed to others. Returns what gives a folder that was closed meanwhile its mode again.
 * @throws ConfigError, RefusedError
 */
export function prepareTarget({ restore, restoreIsDefault }: Config): () => void {
  if (restore.kind !== "local") return () => {};
  const root = path.resolve(restore.path);
  try {
    if (restoreIsDefault) makePrivate(root);
    else makeFolder(root, 0o777);
    sweepOwnTemporaryFolders(root);
    return restoreIsDefault ? () => {} : closeIfEmpty(root);
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new ConfigError(`the restore folder cannot be made (${errorCode(error)})`, {
      path: root,
      cause: error,
    });
  }
}

/**
 * Closes a folder with nothing in it to others until files have their modes; returns what opens it again. Where this user
 * may not, it stays as it is.
 */
function closeIfEmpty(root: string): () => void {
  if (fs.readdirSync(root).length > 0) return () => {};
  const mode = fs.statSync(root).mode & 0o7777;
  try {
    fs.chmodSync(root, mode & 0o7700);
  } catch {
    return () => {};
  }
  return () => fs.chmodSync(root, mode);
}

function makePrivate(root: string): void {
  try {
    fs.mkdirSync(root, { mode: 0o700 });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
  const stat = fs.lstatSync(root);
  if (!stat.isDirectory() || (process.getuid !== undefined && stat.uid !== process.getuid())) {
    throw new RefusedError("restore", "the default restore folder belongs to somebody else", {
      path: root,
      remedy: "set `restore` to a folder of your own",
    });
  }
  fs.chmodSync(root, 0o700);
}
