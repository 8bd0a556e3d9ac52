/**
 * Temporary files of a local storage: where they lie, and whose they are.
 *
 * Each process keeps its unfinished files in one folder directly below the storage's root, so on the same file
 * system as their final place. The folder's name says which host (and which process namespace: two containers
 * may share a host name), which process and when that process started (process numbers are used again):
 *
 *     .backup-tmp.HOST-MACHINE-NAMESPACE.PID.STARTED/THREAD-PART/NUMBER
 *
 * MACHINE is a hash of the machine's id: hosts that share a folder over the network may well share a name too.
 *
 * Each thread has parts of its own in there: whoever makes or renames a file locks its folder, and threads that share
 * one spend a tenth of their time waiting.
 *
 * So a later run of the same host knows at once what a dead process left behind; at a destination, what belongs to other
 * hosts goes by age. No name here ends in `.enc`, so neither this tool nor the older one ever takes it for an object.
 */
import { hash } from "node:crypto";
import * as fs from "node:fs";
import { hostname } from "node:os";
import * as path from "node:path";
import { threadId } from "node:worker_threads";
import { makeFolder } from "./make-folder.ts";

const PREFIX = ".backup-tmp.";
/**
 * Files of one part: the thread has left it when they are renamed, and the names in it are few, since ext4 looks through half
 * of a block of them, twice, for each file that is made.
 */
const PART_FILES = 64;

/** The whole of it, since what only begins so is a folder of somebody's own. Releases before MACHINE are recognised, too. */
const FULL_FORM = /^\.backup-tmp\.[A-Za-z0-9_-]*-\d+\.\d+\.\d+$/;

/** Whether a name directly below a storage's root is a folder of temporary files, ours or another process's. */
export function isTemporaryFolder(name: string): boolean {
  return FULL_FORM.test(name);
}

/** This process's folder of temporary files, made when first needed. */
export class TemporaryFolder {
  readonly path: string;
  private part = "";
  private next = 0;

  constructor(root: string) {
    this.path = path.join(root, ownFolderName());
  }

  /** A path that no other thread or process uses. */
  newPath(): string {
    const number = this.next++;
    if (this.part === "" || number % PART_FILES === 0) {
      const part = `${this.path}/${threadId}-${number}`;
      makeFolder(part);
      this.part = part;
    }
    return `${this.part}/${number}`;
  }

  isThere(): boolean {
    return fs.existsSync(this.path);
  }

  /**
   * Removes the folder with all that is in it; every thread of this process must have stopped writing. Never throws: what
   * ended the work before is the error to tell, and a later run sweeps up what stays.
   */
  remove(): void {
    removeFolder(this.path);
    this.part = "";
  }
}

/**
 * In a place that is only for what this tool stores: removes the temporary folders of dead processes of this host at once,
 * and of anyone else when nothing in them has changed for `maxAgeMs`. Returns how many folders went.
 */
export function sweepTemporaryFolders(root: string, maxAgeMs: number, now: number): number {
  return removeLitter(
    root,
    (name) => ownerOf(name) === "dead" || now - lastChange(path.join(root, name)) > maxAgeMs,
  );
}

/**
 * Among files of the user's: removes the temporary folders of dead processes of this host, and nothing for its age alone.
 * Returns how many folders went.
 */
export function sweepOwnTemporaryFolders(root: string): number {
  return removeLitter(root, (name) => ownerOf(name) === "dead");
}

/** A file or a link of such a name is nobody's temporary folder. */
function removeLitter(root: string, isLitter: (name: string) => boolean): number {
  let removed = 0;
  for (const name of readNames(root).filter(isTemporaryFolder)) {
    const folder = path.join(root, name);
    if (name === ownFolderName() || !fs.lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) continue;
    if (isLitter(name) && removeFolder(folder)) removed++;
  }
  return removed;
}

/** False where this user may not, or the disk: litter must not keep a run from going on. */
function removeFolder(folder: string): boolean {
  try {
    fs.rmSync(folder, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}

function ownerOf(name: string): "alive" | "dead" | "unknown" {
  const [host, pid, started] = name.slice(PREFIX.length).split(".");
  if (host !== hostId()) return "unknown";
  const runningSince = processStart(Number(pid));
  return runningSince !== undefined && runningSince === started ? "alive" : "dead";
}

function ownFolderName(): string {
  return `${PREFIX}${hostId()}.${process.pid}.${processStart(process.pid) ?? "0"}`;
}

/** The host, and on Linux the process namespace, in characters that need no care. */
function hostId(): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9-]/g, "_")
    .slice(0, 64);
  const machine = orNone(() => fs.readFileSync("/etc/machine-id", "latin1").trim());
  const namespace = orNone(() => fs.readlinkSync("/proc/self/ns/pid").replace(/\D/g, ""));
  return `${host}-${hash("sha256", machine).slice(0, 8)}-${namespace}`;
}

function orNone(read: () => string): string {
  try {
    return read();
  } catch {
    return "0";
  }
}

/** When a process started, in clock ticks since boot (proc(5), stat, field 22); undefined when it does not run. */
function processStart(pid: number): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return fs.existsSync("/proc/self/stat") ? undefined : startWithoutProc(pid);
  }
}

function startWithoutProc(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
    return "0";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "0" : undefined;
  }
}

function readNames(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The newest change of the folder or of anything in it: a large file grows for hours without touching its folder. */
function lastChange(folder: string): number {
  let newest = fs.lstatSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  try {
    for (const name of fs.readdirSync(folder, { recursive: true }) as string[]) {
      const stat = fs.lstatSync(path.join(folder, name), { throwIfNoEntry: false });
      if (stat !== undefined) newest = Math.max(newest, stat.mtimeMs);
    }
  } catch {
    // A folder closed to this user: what is known of it decides.
  }
  return newest;
}
