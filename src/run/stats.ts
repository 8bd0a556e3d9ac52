/** What `backup stats` counts: files and versions, by what keeps them, by folder and by extension. */
import type { Config } from "../config/config.ts";
import { type Reason, Retention } from "../plan/retention.ts";
import { type LookResult, look } from "./look.ts";
import { type RunOptions, withDefaults } from "./run-options.ts";

export interface Amount {
  versions: number;
  /** Bytes of the files. */
  bytes: number;
}

export interface GroupAmount {
  readonly live: Amount;
  /** Retired versions. */
  readonly kept: Amount;
}

export interface Stats {
  /** What keeps the versions there are, live ones included. */
  readonly reasons: ReadonlyMap<Reason, Amount>;
  /** By the first folder of the path; files in none are `.`. */
  readonly folders: ReadonlyMap<string, GroupAmount>;
  /** Lower case, with the dot; `` for files without. */
  readonly extensions: ReadonlyMap<string, GroupAmount>;
  readonly total: GroupAmount;
}

export interface StatsOptions extends RunOptions {
  selects(path: string): boolean;
}

/** So many folders, and extensions, are told apart; what more there are counts as `OTHERS`. */
const GROUPS_MOST = 10_000;
export const OTHERS = "(others)";

/** Counts everything that is stored. Throws as `look` does. */
export async function runStats(
  config: Config,
  options: StatsOptions,
): Promise<{ stats: Stats; result: LookResult }> {
  const retention = new Retention(config, withDefaults(options).now());
  const reasons = new Map<Reason, Amount>();
  const folders = new Map<string, GroupAmount>();
  const extensions = new Map<string, GroupAmount>();
  const total: GroupAmount = { live: none(), kept: none() };
  const result = await look(config, { ...options, needsTimes: false }, ({ path, history }) => {
    const groups = [total, groupOf(folders, folderOf(path)), groupOf(extensions, extensionOf(path))];
    for (const life of history.lives) {
      const reason = retention.reasonFor(history, life);
      const { size } = life.version;
      const amount = reasons.get(reason) ?? none();
      reasons.set(reason, amount);
      add(amount, size);
      for (const group of groups) add(reason === "live" ? group.live : group.kept, size);
    }
  });
  return { stats: { reasons, folders, extensions, total }, result };
}

function none(): Amount {
  return { versions: 0, bytes: 0 };
}

function add(amount: Amount, bytes: number): void {
  amount.versions++;
  amount.bytes += bytes;
}

function groupOf(groups: Map<string, GroupAmount>, name: string): GroupAmount {
  const key = groups.has(name) || groups.size < GROUPS_MOST ? name : OTHERS;
  const group = groups.get(key) ?? { live: none(), kept: none() };
  groups.set(key, group);
  return group;
}

function folderOf(path: string): string {
  const end = path.indexOf("/");
  return end < 0 ? "." : path.slice(0, end);
}

function extensionOf(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const dot = name.lastIndexOf(".");
  return dot <= 0 ? "" : name.slice(dot).toLowerCase();
}
