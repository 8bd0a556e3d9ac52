/**
 * Extended attributes, ACLs among them, through getfattr and setfattr (Debian's package attr).
 *
 * One walk of getfattr over the whole source tells which folders hold anything that has attributes; only those are
 * asked again, a folder at a time. So a tree without any costs one process.
 */
import { type SpawnSyncReturns, spawn, spawnSync } from "node:child_process";
import { errorCode } from "../errors.ts";
import { folderOf, foldersOf } from "../names/folders.ts";
import { bytesOfPath, pathOfBytes } from "../names/path-text.ts";

/** All but what the system gives by itself (security.selinux) and what is not stored (system.nfs4_acl). */
const WANTED = "^(user\\.|trusted\\.|security\\.capability$|system\\.posix_acl_(access|default)$)";
const NAMES_PER_CALL = 500;
/** Of one entry, in characters of base64; of more nothing is recorded, so that a manifest has a length. */
const XATTRS_MOST = 1024 * 1024;
const OUTPUT_MOST = 1024 * 1024 * 1024;
/**
 * Of xargs: what it ran failed with some of the names, as it does with those that have gone meanwhile. Any other status,
 * lower ones too, says that not all were asked: 1 that no process could be made.
 */
const SOME_FAILED = 123;

export type Xattrs = Readonly<Record<string, string>>;

/** The folders to be walked through, with all that is in them: relative to the root, which is empty, without a trailing slash. */
export type SurveyPlan = readonly string[];

export const EVERYTHING: SurveyPlan = [""];

/** Where below `root` there are attributes. */
export interface XattrSurvey {
  readonly available: boolean;
  /** Whether entries of a folder (without a trailing slash, the root is empty) may have some. */
  mayHaveSomeIn(folder: string): boolean;
  /** Whether the root itself has some. */
  readonly root: boolean;
}

const ANYWHERE: XattrSurvey = { available: true, mayHaveSomeIn: () => true, root: true };

export async function surveyXattrs(
  root: string,
  walked: SurveyPlan,
  signal?: AbortSignal,
): Promise<XattrSurvey> {
  const folders = new Set<string>();
  const places = new Set(walked);
  let ofRoot = !places.has("");
  const child = startSurvey(root, walked, signal);
  if (child === undefined) return ANYWHERE;
  const ended = new Promise<{ available: boolean; complete: boolean }>((resolve) => {
    child.once("error", (error) => {
      const available = errorCode(error) !== "ENOENT";
      resolve({ available, complete: !available });
    });
    child.once("close", (code) => resolve({ available: true, complete: code !== null }));
  });
  let rest = "";
  // There is no output where no process could be made.
  for await (const piece of (child.stdout ?? []) as AsyncIterable<Buffer>) {
    const lines = (rest + piece.toString("latin1")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const file = fileOf(line);
      if (file === ".") ofRoot = true;
      else if (file !== undefined) folders.add(folderOf(file));
    }
  }
  const { available, complete } = await ended;
  // Of what it did not come to, each folder is to be asked: none may lose its attributes because a process was killed.
  if (!complete) return { ...ANYWHERE, available };
  return {
    available,
    // What was not walked through is asked: it may be considered after all, or be newer than the plan.
    mayHaveSomeIn: (folder) => available && (folders.has(folder) || !isWithin(folder, places)),
    root: available && ofRoot,
  };
}

function isWithin(folder: string, places: ReadonlySet<string>): boolean {
  return places.has("") || places.has(folder) || foldersOf(folder).some((outer) => places.has(outer));
}

/** Undefined where the root cannot be entered (a lost connection, say): what is wrong with it is for the scan to tell. */
function startSurvey(root: string, walked: SurveyPlan, signal: AbortSignal | undefined) {
  const places = walked.map((folder) => (folder === "" ? "." : `./${folder}`));
  try {
    // Without a place it only says how it is used; so it does nothing, and tells whether it is there.
    const some = places.length > 0 ? places : ["/dev/null"];
    return spawn("getfattr", ["-R", "-P", "-h", "-m", WANTED, "--", ...some], {
      cwd: root,
      stdio: ["ignore", "pipe", "ignore"],
      ...(signal !== undefined && { signal }),
    });
  } catch {
    return undefined;
  }
}

/**
 * The attributes of some entries of a folder below `root`, by name; entries without any are left out. The root itself
 * is the entry `.` of the folder without a name. Throws where they could not be read to the end.
 *
 * @param onTooMany gets the path of each entry whose attributes are too many to be recorded.
 */
export function readXattrs(
  root: string,
  folder: string,
  names: readonly string[],
  onTooMany: (path: string) => void,
): Map<string, Xattrs> {
  const prefix = folder === "" ? "" : `${folder}/`;
  const found = new Map<string, Xattrs>();
  for (let at = 0; at < names.length; at += NAMES_PER_CALL) {
    const some = names.slice(at, at + NAMES_PER_CALL);
    // Arguments are strings to Node: names that are not UTF-8 cannot be given so, and go through xargs.
    const read = spawnSync("xargs", ["-0", "getfattr", "-d", "-h", "-e", "hex", "-m", WANTED, "--"], {
      cwd: root,
      input: Buffer.concat(some.flatMap((name) => [argumentFor(prefix + name), Buffer.of(0)])),
      stdio: ["pipe", "pipe", "ignore"],
      maxBuffer: OUTPUT_MOST,
    });
    const failure = failureOf("getfattr", read, SOME_FAILED);
    if (failure !== undefined) throw new Error(failure);
    parseDump(read.stdout.toString("latin1"), prefix.length, found, onTooMany);
  }
  return found;
}

/** Entries whose attributes are to be set: paths below `root`. */
export interface XattrsToSet {
  readonly path: string;
  readonly xattrs: Xattrs;
}

/** Sets attributes, links not followed. Returns what setfattr complained of; undefined where there is no setfattr. */
export function writeXattrs(root: string, files: readonly XattrsToSet[]): string[] | undefined {
  const dump = files.map(({ path, xattrs }) => {
    const lines = Object.entries(xattrs).map(
      ([name, value]) =>
        `${quote(bytesOfPath(name), /[\\\n\r=]/g)}=0x${Buffer.from(value, "base64").toString("hex")}`,
    );
    return `# file: ${quote(argumentFor(path), /[\\\n\r]/g)}\n${lines.join("\n")}\n\n`;
  });
  const set = spawnSync("setfattr", ["-h", "--restore=-"], {
    cwd: root,
    input: Buffer.from(dump.join(""), "latin1"),
    maxBuffer: OUTPUT_MOST,
  });
  if (errorCode(set.error) === "ENOENT") return undefined;
  const complaints = (set.stderr ?? "").toString("utf8").split("\n").filter(Boolean);
  const failure = failureOf("setfattr", set, complaints.length > 0 ? 1 : 0);
  return failure === undefined
    ? complaints
    : [...complaints, `${failure}: not all extended attributes are set`];
}

/** Why a process did not do its work to the end; undefined when it ended by itself, with the status 0 or this one. */
function failureOf(
  command: string,
  { error, signal, status }: SpawnSyncReturns<Buffer>,
  allowed: number,
): string | undefined {
  if (signal !== null) return `${command} was ended by ${signal}`;
  if (status !== null && status !== 0 && status !== allowed) return `${command} failed with status ${status}`;
  return error === undefined ? undefined : `${command}: ${errorCode(error) ?? error.message}`;
}

/** Relative to the root, and never taken for an option. */
function argumentFor(path: string): Buffer {
  return path === "" || path === "." ? Buffer.from(".") : bytesOfPath(`./${path}`);
}

/** `skip`: characters of the folder in front of each name. */
function parseDump(
  text: string,
  skip: number,
  found: Map<string, Xattrs>,
  onTooMany: (path: string) => void,
): void {
  for (const block of text.split("\n\n")) {
    const [first = "", ...lines] = block.split("\n");
    const file = fileOf(first);
    if (file === undefined) continue;
    const xattrs = Object.create(null) as Record<string, string>;
    let length = 0;
    for (const line of lines) {
      const equals = line.indexOf("=");
      if (equals < 1 || !line.startsWith("0x", equals + 1)) continue;
      const value = Buffer.from(line.slice(equals + 3), "hex").toString("base64");
      xattrs[textOf(line.slice(0, equals))] = value;
      length += value.length;
    }
    if (length <= XATTRS_MOST) found.set(file.slice(skip), xattrs);
    else onTooMany(file);
  }
}

/** The path text of a `# file:` line; undefined of any other. */
function fileOf(line: string): string | undefined {
  return line.startsWith("# file: ") ? textOf(line.slice(8)).replace(/^\.\//, "") : undefined;
}

/** getfattr writes backslashes, line ends and, in names, equals signs as three octal digits. */
function textOf(latin1: string): string {
  const bytes = latin1.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return pathOfBytes(Buffer.from(bytes, "latin1"));
}

function quote(bytes: Buffer, special: RegExp): string {
  return bytes
    .toString("latin1")
    .replace(special, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
