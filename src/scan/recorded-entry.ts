/** What a scan records of one entry of a folder, for the folder's manifest. */
import type * as fs from "node:fs";
import type { Attributes, Kind, ManifestEntry } from "../metadata/manifest.ts";

/** A file with fewer bytes is not worth holes. */
export const SPARSE_LEAST = 64 * 1024;
const HOLE_LEAST = 4096;
/** Recorded of a mount point whose file system is left out. */
export const MOUNT_POINT_TIME = { seconds: 0, nanoseconds: 0 };
const BILLION = 1_000_000_000n;

export type Xattrs = Attributes["xattrs"];
const NONE: Xattrs = {};

/** A file that has several names. */
interface Links {
  /** Equal for all of them. */
  readonly id: string;
  /** How many there are, here and elsewhere. */
  readonly count: number;
}

/** An entry but for what only the whole scan knows. In place of its stat, whose big integers are ten times as large. */
export interface RecordedEntry {
  readonly entry: ManifestEntry;
  readonly links: Links | undefined;
}

/** Gets what is recorded in a folder. */
export interface Recorder {
  add(recorded: RecordedEntry): void;
  /** There is an entry that could not be looked at. */
  miss(): void;
}

/** Files with several names: the first one met in the order of the scan stands for the file. */
export class LinkTable {
  private readonly waiting = new Map<string, { first: string; left: number }>();

  groupOf({ id, count }: Links, path: string): string {
    const known = this.waiting.get(id) ?? { first: path, left: count };
    known.left--;
    if (known.left > 0) this.waiting.set(id, known);
    else this.waiting.delete(id);
    return known.first;
  }
}

/** @param target of a symbolic link. */
export function recordEntry(name: string, kind: Kind, stat: fs.BigIntStats, target?: string): RecordedEntry {
  const size = kind === "file" ? Number(stat.size) : 0;
  const entry: ManifestEntry = {
    name,
    kind,
    size,
    ...attributesOf(stat, NONE),
    ...(target !== undefined && { target }),
    ...(size >= SPARSE_LEAST && Number(stat.blocks) * 512 <= size - HOLE_LEAST && { sparse: true }),
    ...((kind === "character" || kind === "block") && { device: deviceOf(stat.rdev) }),
  };
  const links =
    kind === "file" && stat.nlink > 1n
      ? { id: `${stat.dev}:${stat.ino}`, count: Number(stat.nlink) }
      : undefined;
  return { entry, links };
}

/** With what the whole scan knows of it. `folder` has no trailing slash; the root's is empty. */
export function completeEntry(
  { entry, links }: RecordedEntry,
  folder: string,
  xattrs: Xattrs | undefined,
  table: LinkTable,
): ManifestEntry {
  if (xattrs === undefined && links === undefined) return entry;
  const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
  return {
    ...entry,
    ...(xattrs !== undefined && { xattrs }),
    ...(links !== undefined && { linkGroup: table.groupOf(links, path) }),
  };
}

/** The kind of what is no folder. */
export function kindOf(stat: fs.BigIntStats): Kind {
  if (stat.isFile()) return "file";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isFIFO()) return "fifo";
  if (stat.isSocket()) return "socket";
  return stat.isBlockDevice() ? "block" : "character";
}

export function attributesOf(stat: fs.BigIntStats, xattrs: Xattrs): Attributes {
  const rest = stat.mtimeNs % BILLION;
  const nanoseconds = rest < 0n ? rest + BILLION : rest;
  return {
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    seconds: Number((stat.mtimeNs - nanoseconds) / BILLION),
    nanoseconds: Number(nanoseconds),
    xattrs,
  };
}

/** makedev(3) of glibc, backwards. */
function deviceOf(rdev: bigint): readonly [number, number] {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return [Number(major), Number(minor)];
}
