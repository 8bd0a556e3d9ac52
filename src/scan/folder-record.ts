/**
 * What a scan records of one folder, and the manifests it becomes: entries of the source whose content is at hand.
 */
import type * as fs from "node:fs";
import { digestOf } from "../crypto/digest.ts";
import type { Accounts } from "../metadata/accounts.ts";
import {
  type Attributes,
  formatEntry,
  formatManifest,
  type Kind,
  type Manifest,
  type ManifestEntry,
  manifestIndexOf,
} from "../metadata/manifest.ts";
import { MANIFEST_MTIME, manifestPath } from "../names/manifest-name.ts";
import { comparePaths } from "../names/path-text.ts";
import { md5ToBase36, sortKeyOf } from "../names/stored-name.ts";
import type { Entry } from "./entry.ts";

/** More entries, or characters, than these are spread over twice as many manifests. */
const ENTRIES_MOST = 4000;
const CHARACTERS_MOST = 2 * 1024 * 1024;
const LOG_MOST = 16;
/** A file with fewer bytes is not worth holes. */
export const SPARSE_LEAST = 64 * 1024;
const HOLE_LEAST = 4096;
const BILLION = 1_000_000_000n;

type Xattrs = Attributes["xattrs"];
const NONE: Xattrs = {};

/** The names of owners, shared by all folders of a run. */
export interface AccountNames {
  readonly users: Accounts;
  readonly groups: Accounts;
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

/** A file that has several names. */
interface Links {
  /** Equal for all of them. */
  readonly id: string;
  /** How many there are, here and elsewhere. */
  readonly count: number;
}

/** An entry but for what only the whole scan knows. In place of its stat, whose big integers are ten times as large. */
interface Recorded {
  readonly entry: ManifestEntry;
  readonly links: Links | undefined;
}

export class FolderRecord {
  /** Path without a trailing slash; empty for the root. */
  private readonly folder: string;
  private readonly recorded: Recorded[] = [];

  constructor(folder: string) {
    this.folder = folder;
  }

  add(name: string, kind: Kind, stat: fs.BigIntStats, target?: string): void {
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
    this.recorded.push({ entry, links });
  }

  /** The folder's manifests, as files of the source. */
  manifests(
    own: { stat: fs.BigIntStats; xattrs: Xattrs },
    xattrs: ReadonlyMap<string, Xattrs>,
    links: LinkTable,
    accounts: AccountNames,
  ): Entry[] {
    this.recorded.sort((a, b) => comparePaths(a.entry.name, b.entry.name));
    const entries = this.recorded.map((recorded) => this.complete(recorded, xattrs, links));
    const folder = attributesOf(own.stat, own.xattrs);
    return spread(entries).map((part, index, { length }) => {
      const manifest: Manifest = {
        ...(index === 0 && { folder }),
        ...namesFor(index === 0 ? [folder, ...part] : part, accounts),
        entries: part,
      };
      return asFile(manifestPath(this.folder, Math.log2(length), index), formatManifest(manifest));
    });
  }

  private complete(
    { entry, links }: Recorded,
    xattrs: ReadonlyMap<string, Xattrs>,
    table: LinkTable,
  ): ManifestEntry {
    const own = xattrs.get(entry.name);
    if (own === undefined && links === undefined) return entry;
    const path = this.folder === "" ? entry.name : `${this.folder}/${entry.name}`;
    return {
      ...entry,
      ...(own !== undefined && { xattrs: own }),
      ...(links !== undefined && { linkGroup: table.groupOf(links, path) }),
    };
  }
}

/** The kind of what is no folder. */
export function kindOf(stat: fs.BigIntStats): Kind {
  if (stat.isFile()) return "file";
  if (stat.isSymbolicLink()) return "symlink";
  if (stat.isFIFO()) return "fifo";
  if (stat.isSocket()) return "socket";
  return stat.isBlockDevice() ? "block" : "character";
}

function attributesOf(stat: fs.BigIntStats, xattrs: Xattrs): Attributes {
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

/** The entries of each of 2^k manifests, k as small as the limits allow. */
function spread(entries: readonly ManifestEntry[]): (readonly ManifestEntry[])[] {
  for (let log = 0; ; log++) {
    if (entries.length > ENTRIES_MOST * 2 ** log && log < LOG_MOST) continue;
    const parts = Array.from({ length: 2 ** log }, () => [] as ManifestEntry[]);
    for (const entry of entries) (parts[manifestIndexOf(entry.name, log)] as ManifestEntry[]).push(entry);
    if (
      log === LOG_MOST ||
      parts.every((part) => part.length <= 1 || charactersOf(part) <= CHARACTERS_MOST)
    ) {
      return parts;
    }
  }
}

function charactersOf(entries: readonly ManifestEntry[]): number {
  let characters = 0;
  for (const entry of entries) {
    // Only attributes, targets and the paths of hard links make entries long; the rest is some hundred characters.
    const { target, linkGroup, xattrs } = entry;
    const long = target !== undefined || linkGroup !== undefined || Object.keys(xattrs).length > 0;
    characters += long ? formatEntry(entry).length : 1.5 * entry.name.length + 100;
  }
  return characters;
}

function namesFor(owned: readonly Attributes[], { users, groups }: AccountNames) {
  const names = { users: {} as Record<string, string>, groups: {} as Record<string, string> };
  for (const { uid, gid } of owned) {
    const user = users.nameOf(uid);
    const group = groups.nameOf(gid);
    if (user !== undefined) names.users[uid] = user;
    if (group !== undefined) names.groups[gid] = group;
  }
  return names;
}

function asFile(path: string, text: string): Entry {
  const bytes = Buffer.from(text, "utf8");
  const md5 = md5ToBase36(digestOf("md5", bytes));
  const sortKey = sortKeyOf(path, MANIFEST_MTIME, bytes.length);
  return { path, size: bytes.length, mtime: MANIFEST_MTIME, manifest: { text, md5 }, sortKey };
}
