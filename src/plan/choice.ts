/**
 * Which version of a path a reader means. Pure.
 */
import { md5FromBase36 } from "../names/stored-name.ts";
import { type History, type Life, lastLife, lifeAt } from "./history.ts";

/** Without any of these: what is live. */
export interface Choice {
  /** What was live at this moment, in seconds since 1970. */
  readonly at?: number;
  /** Of files that are not there any more, the last version. */
  readonly deleted?: boolean;
  /** The version whose md5 begins so, in hex. */
  readonly md5?: string;
}

/** The life that is meant; undefined where there is none. Of several with the same md5 the last. */
export function chooseLife(history: History, { at, deleted = false, md5 }: Choice): Life | undefined {
  if (md5 !== undefined) return history.lives.findLast(({ version }) => hexOf(version.md5).startsWith(md5));
  if (at !== undefined) return lifeAt(history, at);
  const last = lastLife(history);
  return last?.ceased === undefined || deleted ? last : undefined;
}

/** Whether a path has several contents whose md5 begins so. */
export function isAmbiguous({ lives }: History, md5: string): boolean {
  const found = new Set(lives.map(({ version }) => hexOf(version.md5)).filter((hex) => hex.startsWith(md5)));
  return found.size > 1;
}

/** An md5 as people and other tools write it. */
export function hexOf(md5: string): string {
  return md5FromBase36(md5).toString("hex");
}
