/** What `backup stats` counts: files and versions, by what keeps them, by folder and by extension. */
import type { Config } from "../../config/config.ts";
import type { Version } from "../../plan/group.ts";
import type { History } from "../../plan/history.ts";
import { LargestGroups } from "../../plan/largest-groups.ts";
import { type Reason, Retention } from "../../plan/retention.ts";
import type { OpenDestination } from "../destination/destination.ts";
import { type RunOptions, withDefaults } from "../run-options.ts";
import { type LookResult, look } from "./look.ts";

export interface Amount {
  /** Versions, one for each time in which a file was so. */
  versions: number;
  /** Bytes of the files. Where one object holds several versions they count once, with the newest. */
  bytes: number;
  /** Bytes of the objects, tombstones included; 0 where they were not asked for. */
  stored: number;
}

export interface GroupAmount {
  readonly live: Amount;
  /** Retired versions. */
  readonly kept: Amount;
}

export interface Groups {
  /** Largest first. */
  readonly largest: readonly (readonly [string, GroupAmount])[];
  /** What is too many to be told apart. */
  readonly others: GroupAmount | undefined;
}

export interface Stats {
  /** What keeps the versions there are, live ones included. */
  readonly reasons: ReadonlyMap<Reason, Amount>;
  /** By folder; files in none are `.`. */
  readonly folders: Groups;
  /** Lower case, with the dot; `` for files without. */
  readonly extensions: Groups;
  readonly total: GroupAmount;
  /** Metadata manifests, live and retired: no files, and in none of the other figures. */
  readonly metadata: Amount;
}

export interface StatsOptions extends RunOptions {
  /** So many components of a folder's path are told apart; 1: the first only. */
  readonly depth: number;
  /** Whether to ask for the bytes of objects, too: a look at each where the listing does not tell. */
  readonly stored: boolean;
  selects(path: string): boolean;
}

/** So many folders, and extensions, are told apart. */
const GROUPS_MOST = 10_000;

/** Counts everything that is stored. Throws as `look` does. */
export async function runStats(
  config: Config,
  options: StatsOptions,
): Promise<{ stats: Stats; result: LookResult }> {
  const retention = new Retention(config, withDefaults(options).now());
  const reasons = new Map<Reason, Amount>();
  const folders = groups();
  const extensions = groups();
  const total = noGroup();
  const metadata = none();
  const count = async (history: History, { storage }: OpenDestination, countLife: CountLife) => {
    const counted = new Set<string>();
    // From the newest on: what is live is what an object is there for.
    for (const life of history.lives.toReversed()) {
      const { version, marker } = life;
      const isFirst = !counted.has(version.key);
      counted.add(version.key);
      let stored = 0;
      if (options.stored) {
        for (const one of isFirst ? [version, marker] : [marker]) stored += await storedBytes(one, storage);
      }
      countLife(
        { versions: 1, bytes: isFirst ? version.size : 0, stored },
        retention.reasonFor(history, life),
      );
    }
  };
  const looking = {
    ...options,
    needsTimes: false,
    needsSizes: options.stored,
    manifests: true,
  };
  const result = await look(config, looking, ({ path, history, isManifest }, destination) =>
    count(history, destination, (amount, reason) => {
      if (isManifest) return add(metadata, amount);
      const ofReason = reasons.get(reason) ?? none();
      reasons.set(reason, ofReason);
      add(ofReason, amount);
      for (const group of [
        total,
        folders.of(folderOf(path, options.depth)),
        extensions.of(extensionOf(path)),
      ])
        add(reason === "live" ? group.live : group.kept, amount);
    }),
  );
  const stats = { reasons, folders: ended(folders), extensions: ended(extensions), total, metadata };
  return { stats, result };
}

type CountLife = (amount: Amount, reason: Reason) => void;

async function storedBytes(version: Version | undefined, storage: OpenDestination["storage"]) {
  if (version === undefined) return 0;
  return version.storedSize ?? (await storage.stat(version.key))?.size ?? 0;
}

function none(): Amount {
  return { versions: 0, bytes: 0, stored: 0 };
}

function noGroup(): GroupAmount {
  return { live: none(), kept: none() };
}

function add(to: Amount, { versions, bytes, stored }: Amount): void {
  to.versions += versions;
  to.bytes += bytes;
  to.stored += stored;
}

function groups(): LargestGroups<GroupAmount> {
  const addGroup = (to: GroupAmount, { live, kept }: GroupAmount) => {
    add(to.live, live);
    add(to.kept, kept);
  };
  return new LargestGroups(GROUPS_MOST, noGroup, addGroup, ({ live, kept }) => live.bytes + kept.bytes);
}

function ended(found: LargestGroups<GroupAmount>): Groups {
  return { largest: found.largest(), others: found.others };
}

/** The first components of a path, up to `depth`, without the file's own name. */
function folderOf(path: string, depth: number): string {
  let end = -1;
  for (let level = 0; level < depth; level++) {
    const next = path.indexOf("/", end + 1);
    if (next < 0) break;
    end = next;
  }
  return end < 0 ? "." : path.slice(0, end);
}

function extensionOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? "" : name.slice(dot).toLowerCase();
}
