/** `backup decrypt FILE [-o OUT]`: the original of one stored object, into a file or to standard output. */
import * as fs from "node:fs";
import * as path from "node:path";
import type { Config } from "../config/config.ts";
import { BackupError, errorCode } from "../errors.ts";
import { type OpenedFile, openFile } from "../run/look/decrypt.ts";
import type { Outlet } from "./outlet.ts";

/**
 * Nothing leaves before it is authenticated: a file gets its name when all is verified; to standard output a segmented
 * object goes block by block, and a classic one is read twice.
 *
 * @throws BackupError; its `kind` gives the exit code.
 */
export async function decryptFile(
  file: string,
  output: string | Outlet,
  config: Config,
  signal: AbortSignal,
): Promise<void> {
  const opened = await openFile(file, config);
  if (typeof output === "string") await writeTo(output, opened, signal);
  else await print(opened, output, signal);
}

async function writeTo(output: string, opened: OpenedFile, signal: AbortSignal): Promise<void> {
  const temporary = path.join(path.dirname(output), `.${process.pid}.${Date.now()}.backup-decrypt`);
  let handle: fs.promises.FileHandle | undefined;
  try {
    if (fs.lstatSync(output, { throwIfNoEntry: false }) !== undefined) throw alreadyThere(output);
    handle = await fs.promises.open(temporary, "wx", 0o600);
    for await (const piece of opened.read(signal)) await handle.writeFile(piece);
    await handle.sync();
    await handle.close();
    handle = undefined;
    giveName(temporary, output);
  } catch (error) {
    if (error instanceof BackupError || signal.aborted) throw error;
    if (errorCode(error) === "EEXIST") throw alreadyThere(output);
    throw new BackupError("restore", `cannot be written (${errorCode(error)})`, {
      path: output,
      cause: error,
    });
  } finally {
    await handle?.close();
    fs.rmSync(temporary, { force: true });
  }
}

/** Never replaces anything, as a rename alone would. Some file systems (vfat, exFAT) have no links: there the name is taken first. */
function giveName(temporary: string, output: string): void {
  try {
    fs.linkSync(temporary, output);
  } catch (error) {
    if (errorCode(error) === "EEXIST") throw error;
    fs.closeSync(fs.openSync(output, "wx", 0o600));
    try {
      fs.renameSync(temporary, output);
    } catch (second) {
      fs.rmSync(output, { force: true });
      throw second;
    }
  }
}

function alreadyThere(output: string): BackupError {
  return new BackupError("restore", "is there already, and is not replaced", {
    path: output,
    code: "EEXIST",
    remedy: "name another file with -o",
  });
}

async function print(opened: OpenedFile, out: Outlet, signal: AbortSignal): Promise<void> {
  if (!opened.authenticatesPieces) for await (const _ of opened.read(signal)) signal.throwIfAborted();
  for await (const piece of opened.read(signal)) {
    out.write(piece);
    await out.room(signal);
  }
}
