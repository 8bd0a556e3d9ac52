/**
 * Where the survey of extended attributes goes: not into what a scan leaves out. It walks by itself (getfattr), and would
 * otherwise go through other file systems, or wait for one that does not answer.
 */
import * as fs from "node:fs";
import { errorCode } from "../errors.ts";
import { EVERYTHING, type SurveyPlan } from "../metadata/xattrs.ts";
import { foldersOf } from "../names/folders.ts";
import { bytesOfPath, fsPath, pathOfBytes } from "../names/path-text.ts";
import { isLargeFolder, readFolder } from "../storage/local/read-folder.ts";
import type { Exclusions } from "./exclusions.ts";

/** So deep folders are looked for that a rule leaves out, below the root. */
const DEEP = 2;
/** Above this a folder is walked through as a whole: a command line has an end. */
const WALKED_MOST = 1000;
/** Likewise: each is a process of its own, 4 ms. */
const ASKED_MOST = 100;
const MOUNTS = "/proc/self/mountinfo";

/** @param root absolute. */
export function planSurvey(root: string, exclusions: Exclusions, mountPoints = mountPointsOf): SurveyPlan {
  const mounts = exclusions.oneFileSystem ? mountPoints(root) : [];
  if (mounts.length === 0 && !exclusions.mayLeaveOutFolders) return EVERYTHING;
  return new Planner(root, exclusions, mounts).visit("", 0)?.walked ?? EVERYTHING;
}

interface Part {
  readonly walked: SurveyPlan;
  /** Folders on the way to these: their own entries will be asked. */
  readonly asked: number;
}

class Planner {
  private readonly root: string;
  private readonly exclusions: Exclusions;
  private readonly mounts: ReadonlySet<string>;
  /** Folders on the way to mount points, and to what the settings name. */
  private readonly towards: ReadonlySet<string>;

  constructor(root: string, exclusions: Exclusions, mounts: readonly string[]) {
    this.root = root;
    this.exclusions = exclusions;
    this.mounts = new Set(mounts);
    this.towards = new Set([...mounts, ...exclusions.namedPlaces].flatMap(foldersOf));
  }

  /** Undefined of a folder that is to be walked through as a whole. */
  visit(folder: string, depth: number): Part | undefined {
    const prefix = folder === "" ? "" : `${folder}/`;
    const walked: string[] = [];
    let asked = 1;
    let isWhole = true;
    for (const name of this.foldersIn(folder)) {
      const path = prefix + name;
      const isLeftOut = this.exclusions.skipsFolder(`${path}/`) || this.isElsewhere(path);
      const isLookedInto = !isLeftOut && (depth + 1 < DEEP || this.towards.has(path));
      const below = isLookedInto ? this.visit(path, depth + 1) : undefined;
      if (isLeftOut || below !== undefined) isWhole = false;
      if (!isLeftOut) walked.push(...(below?.walked ?? [path]));
      asked += below?.asked ?? 0;
    }
    // Arguments are strings to Node: what is not UTF-8 cannot be given.
    const cannotBeGiven = walked.some((path) => bytesOfPath(path).toString() !== path);
    const isTooMuch = walked.length > WALKED_MOST || asked > ASKED_MOST;
    return isWhole || isTooMuch || cannotBeGiven ? undefined : { walked, asked };
  }

  private foldersIn(folder: string): string[] {
    const location = folder === "" ? this.root : `${this.root}/${folder}`;
    try {
      if (isLargeFolder(location)) return [];
      const folders = readFolder(location).filter(({ kind }) => kind === "folder");
      return folders.map(({ name }) => name);
    } catch {
      return []; // the scan says why
    }
  }

  /** Whether a mount point is one of another file system. */
  private isElsewhere(path: string): boolean {
    if (!this.mounts.has(path)) return false;
    try {
      return fs.lstatSync(fsPath(`${this.root}/${path}`)).dev !== fs.statSync(fsPath(this.root)).dev;
    } catch {
      return true;
    }
  }
}

/** What is mounted below a folder, relative to it (proc(5), mountinfo); nothing where the system does not tell. */
function mountPointsOf(root: string): string[] {
  const real = realPathOf(root);
  const above = real === "/" ? "/" : `${real}/`;
  const lines = readMounts().split("\n");
  const places = lines.map((line) => pathOfBytes(Buffer.from(unescaped(line.split(" ")[4] ?? ""), "latin1")));
  return places
    .filter((place) => place.startsWith(above) && place !== above)
    .map((place) => place.slice(above.length));
}

/** Links are not in the table of mounts. */
function realPathOf(root: string): string {
  try {
    return pathOfBytes(fs.realpathSync(fsPath(root), { encoding: "buffer" }));
  } catch {
    return root; // the scan says why
  }
}

function readMounts(): string {
  try {
    return fs.readFileSync(MOUNTS, "latin1");
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
    return ""; // no Linux
  }
}

/** Spaces, tabs, line ends and backslashes are three octal digits there. */
function unescaped(latin1: string): string {
  return latin1.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
