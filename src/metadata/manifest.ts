/**
 * Metadata manifests: what a file system knows of one folder and of the entries in it, as text (docs/format.md,
 * section 13). Deterministic: the same metadata give the same bytes.
 */

import { digestOf } from "../crypto/digest.ts";
import { DamagedError } from "../errors.ts";
import { bytesOfPath, comparePaths } from "../names/path-text.ts";

/** What files and folders have in common. */
export interface Attributes {
  /** Permission bits with setuid, setgid and sticky: 0 to 07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of the modification: whole seconds since 1970, rounded down, and the nanoseconds beyond. */
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Names and values (base64), by name; ACLs are among them. */
  readonly xattrs: Readonly<Record<string, string>>;
}

export const KINDS = ["file", "symlink", "fifo", "socket", "character", "block"] as const;
export type Kind = (typeof KINDS)[number];

/** One entry of a folder that is no folder itself. */
export interface ManifestEntry extends Attributes {
  /** Path text of one component. */
  readonly name: string;
  readonly kind: Kind;
  /** Files only; bytes. */
  readonly size: number;
  /** Symbolic links only. */
  readonly target?: string;
  /** Equal in all entries that are one file under several names; says nothing else. */
  readonly linkGroup?: string;
  /** Whether the file has holes. */
  readonly sparse?: boolean;
  /** Devices only: major and minor number. */
  readonly device?: readonly [number, number];
}

export interface Manifest {
  /** Of the folder itself; only in the first of its manifests. */
  readonly folder?: Attributes;
  readonly users: Readonly<Record<string, string>>;
  readonly groups: Readonly<Record<string, string>>;
  /** Ascending by the bytes of their names. */
  readonly entries: readonly ManifestEntry[];
}

/** The longest manifest that a reader takes, in bytes. */
export const MANIFEST_MOST = 10 * 1024 * 1024;
const VERSION = 1;
const LETTERS = ["f", "l", "p", "s", "c", "b"];
/** Of users, groups and attributes. */
const NAME_MOST = 255;
/** Names of some file systems are longer than those of most: 255 characters of exFAT and NTFS take up to 765 bytes. */
const PATH_MOST = 4096;
/** File systems hold times of 64 bits. */
const SECONDS_MOST = 2 ** 63;

/** The text of a manifest. Its entries have to be in order. */
export function formatManifest({ folder, users, groups, entries }: Manifest): string {
  const head = JSON.stringify({
    "backup-meta": VERSION,
    ...(folder !== undefined && { folder: shortOf(folder) }),
    users: sortedRecord(users),
    groups: sortedRecord(groups),
  });
  return `${[head, ...entries.map(formatEntry)].join("\n")}\n`;
}

/** One entry as a line without its end. */
export function formatEntry(entry: ManifestEntry): string {
  const { name, kind, size, target, linkGroup, sparse, device } = entry;
  return JSON.stringify({
    n: name,
    k: LETTERS[KINDS.indexOf(kind)],
    ...(kind === "file" && { s: size }),
    ...shortOf(entry),
    ...(target !== undefined && { l: target }),
    ...(linkGroup !== undefined && { h: linkGroup }),
    ...(sparse === true && { z: 1 }),
    ...(device !== undefined && { d: device }),
  });
}

/**
 * Reads a manifest. Unknown fields are skipped, entries of unknown kinds as well.
 *
 * @throws DamagedError (EMANIFEST) for anything else that is not as docs/format.md has it.
 */
export function parseManifest(bytes: Buffer): Manifest {
  if (bytes.length > MANIFEST_MOST) throw refusal("is longer than a metadata manifest can be");
  const lines = bytes.toString("utf8").split("\n");
  if (lines.pop() !== "") throw refusal("ends within a line");
  const head = objectIn(lines.shift() ?? "");
  if (head["backup-meta"] !== VERSION) throw refusal("is a metadata manifest of an unknown version");
  const entries: ManifestEntry[] = [];
  let last: string | undefined;
  for (const line of lines) {
    const entry = parseEntry(objectIn(line));
    if (entry === undefined) continue;
    if (last !== undefined && comparePaths(last, entry.name) >= 0) throw refusal("has entries out of order");
    last = entry.name;
    entries.push(entry);
  }
  return {
    ...(head.folder !== undefined && { folder: attributesIn(asObject(head.folder)) }),
    users: namesIn(head.users),
    groups: namesIn(head.groups),
    entries,
  };
}

/** Which of 2^log manifests an entry belongs to. */
export function manifestIndexOf(name: string, log: number): number {
  return log === 0 ? 0 : digestOf("md5", bytesOfPath(name)).readUInt32BE(0) >>> (32 - log);
}

function shortOf({ mode, uid, gid, seconds, nanoseconds, xattrs }: Attributes) {
  return {
    m: mode,
    u: uid,
    g: gid,
    t: seconds,
    ...(nanoseconds !== 0 && { ns: nanoseconds }),
    ...(Object.keys(xattrs).length > 0 && { x: sortedRecord(xattrs) }),
  };
}

function parseEntry(line: Record<string, unknown>): ManifestEntry | undefined {
  if (typeof line.k !== "string") throw refusal("has an entry without a kind");
  const kind = KINDS[LETTERS.indexOf(line.k)];
  if (kind === undefined) return undefined;
  const name = textIn(line.n, PATH_MOST);
  if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
    throw refusal("has an entry whose name is not one");
  }
  const device = kind === "character" || kind === "block" ? deviceIn(line.d) : undefined;
  return {
    name,
    kind,
    size: kind === "file" ? numberIn(line.s, 0, Number.MAX_SAFE_INTEGER) : 0,
    ...attributesIn(line),
    ...(kind === "symlink" && { target: targetIn(line.l) }),
    ...(line.h !== undefined && kind === "file" && { linkGroup: textIn(line.h, 65_535) }),
    ...(line.z === 1 && kind === "file" && { sparse: true }),
    ...(device !== undefined && { device }),
  };
}

function attributesIn(from: Record<string, unknown>): Attributes {
  return {
    mode: numberIn(from.m, 0, 0o7777),
    uid: numberIn(from.u, 0, 2 ** 32 - 2),
    gid: numberIn(from.g, 0, 2 ** 32 - 2),
    seconds: numberIn(from.t, -SECONDS_MOST, SECONDS_MOST),
    nanoseconds: from.ns === undefined ? 0 : numberIn(from.ns, 0, 999_999_999),
    xattrs: from.x === undefined ? {} : xattrsIn(from.x),
  };
}

function xattrsIn(value: unknown): Record<string, string> {
  const xattrs = emptyRecord();
  for (const [name, content] of Object.entries(asObject(value))) {
    if (name === "" || /[\0]/.test(name) || bytesOfPath(name).length > NAME_MOST || !isBase64(content)) {
      throw refusal("has a malformed extended attribute");
    }
    xattrs[name] = content;
  }
  return xattrs;
}

function isBase64(value: unknown): value is string {
  if (typeof value !== "string" || value.length > 100_000) return false;
  return Buffer.from(value, "base64").toString("base64") === value;
}

function deviceIn(value: unknown): readonly [number, number] {
  if (!Array.isArray(value) || value.length !== 2) throw refusal("has a device without its number");
  return [numberIn(value[0], 0, 2 ** 32 - 1), numberIn(value[1], 0, 2 ** 32 - 1)];
}

function targetIn(value: unknown): string {
  const target = textIn(value, PATH_MOST);
  if (target === "" || target.includes("\0")) throw refusal("has a symbolic link without a target");
  return target;
}

function namesIn(value: unknown): Record<string, string> {
  const names = emptyRecord();
  for (const [id, name] of Object.entries(asObject(value))) {
    if (!/^(?:0|[1-9]\d{0,9})$/.test(id)) throw refusal("has a name for something that is no id");
    names[id] = textIn(name, NAME_MOST);
  }
  return names;
}

function numberIn(value: unknown, least: number, most: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
  throw refusal("has a number that is out of range or missing");
}

function textIn(value: unknown, most: number): string {
  if (typeof value === "string" && bytesOfPath(value).length <= most) return value;
  throw refusal("has a text that is too long or missing");
}

function objectIn(line: string): Record<string, unknown> {
  try {
    return asObject(JSON.parse(line));
  } catch (error) {
    throw error instanceof DamagedError ? error : refusal("has a line that is not JSON");
  }
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw refusal("has something else where an object belongs");
}

/** Without a prototype: names come from strangers, `__proto__` among them. */
function emptyRecord(): Record<string, string> {
  return Object.create(null) as Record<string, string>;
}

function sortedRecord(record: Readonly<Record<string, string>>): Record<string, string> {
  const sorted = emptyRecord();
  for (const key of Object.keys(record).sort(comparePaths)) sorted[key] = record[key] as string;
  return sorted;
}

function refusal(reason: string): DamagedError {
  return new DamagedError(`metadata: ${reason}`, { code: "EMANIFEST" });
}
