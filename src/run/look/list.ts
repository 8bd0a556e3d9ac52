/** What `backup list` and `backup find` show: files at the destination, and their past. */
import type { Config } from "../../config/config.ts";
import { type Choice, chooseLife, hexOf } from "../../plan/choice.ts";
import type { History, Life } from "../../plan/history.ts";
import type { RunOptions } from "../run-options.ts";
import { type LookResult, look } from "./look.ts";

/** One version of one file. */
export interface ListedVersion {
  readonly path: string;
  /** Bytes of the file. */
  readonly size: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  /** Hexadecimal. */
  readonly md5: string;
  /** Seconds since 1970: from when it was live; absent where it is not known, or was not asked for. */
  readonly began?: number;
  /** Until when; absent while it is live. */
  readonly ceased?: number;
  /** Since when a rule wants it removed. */
  readonly condemned?: number;
}

export interface ListOptions extends RunOptions {
  readonly choice: Choice;
  /** Every version of a file, not only the one that is chosen. */
  readonly allVersions: boolean;
  /** Whether to show anything of this path. */
  selects(path: string): boolean;
}

/** Shows versions one by one, oldest first within a path. Throws as `look` does. */
export function runList(
  config: Config,
  options: ListOptions,
  show: (version: ListedVersion) => void,
): Promise<LookResult> {
  const { choice, allVersions } = options;
  const needsTimes = allVersions || choice.at !== undefined;
  return look(config, { ...options, needsTimes }, ({ path, history }) => {
    for (const life of allVersions ? livesOf(history, choice) : [chooseLife(history, choice)]) {
      if (life !== undefined) show(listed(path, life, needsTimes));
    }
  });
}

/** All lives of a path; with a moment, those that had begun by then. */
function livesOf({ lives }: History, { at }: Choice): readonly Life[] {
  return at === undefined ? lives : lives.filter(({ began }) => began <= at);
}

function listed(path: string, life: Life, withTimes: boolean): ListedVersion {
  const { size, mtime, md5 } = life.version;
  const { stamp } = life.marker ?? life.version;
  const condemned = "condemned" in stamp ? stamp.condemned : undefined;
  return {
    path,
    size,
    mtime,
    md5: hexOf(md5),
    ...(life.began > 1 && (withTimes || life.ceased !== undefined) && { began: life.began }),
    ...(life.ceased !== undefined && { ceased: life.ceased }),
    ...(condemned !== undefined && { condemned }),
  };
}
