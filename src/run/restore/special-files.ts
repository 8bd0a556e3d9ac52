/** Making what Node has no call for: FIFOs, devices, sockets. All are made elsewhere first and renamed into place. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { createServer } from "node:net";
import * as path from "node:path";
import { StorageError } from "../../errors.ts";
import type { ManifestEntry } from "../../metadata/manifest.ts";

/** Makes one at `location`, readable by its owner alone. Throws StorageError. */
export async function makeSpecialFile(
  { kind, device = [0, 0] }: Pick<ManifestEntry, "kind" | "device">,
  location: string,
): Promise<void> {
  if (kind === "socket") return makeSocket(location);
  const [major, minor] = device;
  const [command, ...args] =
    kind === "fifo"
      ? ["mkfifo", "-m", "600", location]
      : ["mknod", "-m", "600", location, kind === "block" ? "b" : "c", String(major), String(minor)];
  const { status, error } = spawnSync(command as string, args, { stdio: "ignore" });
  if (status === 0) return;
  throw new StorageError("restore", `cannot be made by ${command}`, {
    cause: error,
    code: error === undefined ? "EFAILED" : "ENOENT",
  });
}

/** A socket comes into being when it is bound; the server behind it goes at once, the name stays (it is renamed). */
async function makeSocket(location: string): Promise<void> {
  // Socket addresses hold some 100 bytes, however long the folder's path is.
  const folder = fs.openSync(path.dirname(location), fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  const server = createServer();
  try {
    server.listen(`/proc/self/fd/${folder}/${path.basename(location)}`);
    await once(server, "listening");
    // Closing removes the name that was bound; another name for it stays.
    fs.linkSync(location, `${location}.socket`);
    server.close();
    await once(server, "close");
    fs.renameSync(`${location}.socket`, location);
    fs.chmodSync(location, 0o600);
  } finally {
    fs.closeSync(folder);
  }
}
