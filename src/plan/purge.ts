/**
 * What happens to the objects of lives that retention does not keep. Pure.
 *
 * With a purge delay a version is first condemned: its name gets the moment, and it goes when the delay has passed. A
 * version that the rules keep again is reprieved.
 */
import { type Period, SECONDS_MOST, type Stamp } from "../names/stamp.ts";
import type { Version } from "./group.ts";
import type { History, Life } from "./history.ts";

export interface Purge {
  /** Objects and tombstones to be removed, in this order. */
  readonly remove: readonly Version[];
  /** Objects and tombstones to be given another stamp. */
  readonly restamp: readonly { readonly version: Version; readonly stamp: Period }[];
  /** The lives that end with this. */
  readonly ended: readonly Life[];
}

/**
 * @param expired what retention does not keep (`Retention.expired`)
 * @param delaySeconds how long condemned versions stay; 0: they are removed at once
 * @param now seconds since 1970
 */
export function planPurge(
  { lives, orphans }: History,
  expired: readonly Life[],
  delaySeconds: number,
  now: number,
): Purge {
  const unwanted = new Set(expired);
  const ended: Life[] = [];
  const restamp: { version: Version; stamp: Period }[] = [];
  for (const life of lives) {
    const { stamp } = life.marker ?? life.version;
    if (stamp.form === "live") continue;
    const condemned = stamp.form === "date" ? undefined : stamp.condemned;
    const version = life.marker ?? life.version;
    if (!unwanted.has(life)) {
      if (condemned !== undefined) restamp.push({ version, stamp: condemnedAt(life, stamp, undefined) });
    } else if (delaySeconds === 0 || (condemned !== undefined && now - condemned >= delaySeconds)) {
      ended.push(life);
    } else if (condemned === undefined) {
      restamp.push({ version, stamp: condemnedAt(life, stamp, now) });
    }
  }
  const gone = new Set(ended);
  const needed = new Set(lives.filter((life) => !gone.has(life)).map(({ version }) => version));
  // An object that is one with a tombstone goes before it: left alone, it would look live.
  const objects = new Set(ended.map(({ version }) => version).filter((version) => !needed.has(version)));
  const markers = ended.flatMap(({ marker }) => (marker === undefined ? [] : [marker]));
  return { remove: [...objects, ...markers, ...orphans], restamp, ended };
}

function condemnedAt({ began, ceased = began }: Life, stamp: Stamp, moment: number | undefined): Period {
  const form = stamp.form === "marker" ? "marker" : "stamp";
  // Of a date that a wrong clock set, before 1970 or beyond what a stamp holds.
  const end = Math.min(Math.max(ceased, began), SECONDS_MOST - 1);
  return { form, began, ceased: end, ...(moment !== undefined && { condemned: moment }) };
}
