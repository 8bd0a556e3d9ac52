/** How the entries of one folder are spread over manifests, and what each of those is as a file of the source. */
import { digestOf } from "../crypto/digest.ts";
import type { Accounts } from "../metadata/accounts.ts";
import {
  type Attributes,
  formatEntry,
  formatManifest,
  type ManifestEntry,
  manifestIndexOf,
} from "../metadata/manifest.ts";
import { MANIFEST_MTIME, manifestPath } from "../names/manifest-name.ts";
import { md5ToBase36, sortKeyOf } from "../names/stored-name.ts";
import type { Entry } from "./entry.ts";

/** More entries, or characters, than these are spread over twice as many manifests. */
const ENTRIES_MOST = 4000;
const CHARACTERS_MOST = 2 * 1024 * 1024;
const LOG_MOST = 16;

/** The names of owners, shared by all folders of a run. */
export interface AccountNames {
  readonly users: Accounts;
  readonly groups: Accounts;
}

/** One of 2^log manifests of a folder. */
export interface ManifestPart {
  readonly log: number;
  readonly index: number;
  /** Ascending by the bytes of their names. */
  readonly entries: readonly ManifestEntry[];
  /** Whether some entry of the folder could not be looked at. */
  readonly isPartial: boolean;
}

/** How much there is for each of 2^16 manifests, and so for any smaller number of them. */
export class PartSizes {
  private readonly counts = new Uint32Array(2 ** LOG_MOST);
  private readonly characters = new Float64Array(2 ** LOG_MOST);
  private total = 0;

  add(entry: ManifestEntry): void {
    const index = manifestIndexOf(entry.name, LOG_MOST);
    this.counts[index] = (this.counts[index] as number) + 1;
    this.characters[index] = (this.characters[index] as number) + charactersOf(entry);
    this.total++;
  }

  /** The least k of which 2^k manifests keep within the limits. */
  get log(): number {
    let log = logOfCount(this.total);
    while (log < LOG_MOST && !this.isEnough(log)) log++;
    return log;
  }

  private isEnough(log: number): boolean {
    const width = 2 ** (LOG_MOST - log);
    for (let from = 0; from < this.counts.length; from += width) {
      let count = 0;
      let characters = 0;
      for (let at = from; at < from + width; at++) {
        count += this.counts[at] as number;
        characters += this.characters[at] as number;
      }
      if (count > 1 && characters > CHARACTERS_MOST) return false;
    }
    return true;
  }
}

/** For so many entries, none of which is long. */
export function logOfCount(count: number): number {
  let log = 0;
  while (log < LOG_MOST && count > ENTRIES_MOST * 2 ** log) log++;
  return log;
}

/** For entries that are at hand. */
export function logFor(entries: readonly ManifestEntry[]): number {
  let characters = 0;
  for (const entry of entries) characters += charactersOf(entry);
  if (entries.length <= ENTRIES_MOST && characters <= CHARACTERS_MOST) return 0;
  const sizes = new PartSizes();
  for (const entry of entries) sizes.add(entry);
  return sizes.log;
}

/** What it takes as a line, about. */
function charactersOf(entry: ManifestEntry): number {
  // Only attributes, targets and the paths of hard links make entries long; the rest is some hundred characters.
  const { target, linkGroup, xattrs } = entry;
  const long = target !== undefined || linkGroup !== undefined || Object.keys(xattrs).length > 0;
  return long ? formatEntry(entry).length : 1.5 * entry.name.length + 100;
}

/**
 * A manifest as a file of the source.
 *
 * @param folder without a trailing slash; the root's is empty.
 * @param own what the folder itself has; the first of its manifests holds it.
 */
export function manifestOf(
  folder: string,
  own: Attributes,
  { log, index, entries, isPartial }: ManifestPart,
  accounts: AccountNames,
): Entry {
  const isFirst = index === 0;
  const text = formatManifest({
    ...(isFirst && { folder: own }),
    ...namesFor(isFirst ? [own, ...entries] : entries, accounts),
    entries,
  });
  const { path, size, mtime, manifest } = manifestFile(manifestPath(folder, log, index), text);
  const sortKey = sortKeyOf(path, mtime, size);
  return { path, size, mtime, manifest: { ...manifest, ...(isPartial && { isPartial }) }, sortKey };
}

/** The same of a text. */
export function manifestFile(path: string, text: string) {
  const bytes = Buffer.from(text, "utf8");
  const md5 = md5ToBase36(digestOf("md5", bytes));
  return { path, size: bytes.length, mtime: MANIFEST_MTIME, manifest: { text, md5 } };
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
