/**
 * What happens to the objects of lives that retention does not keep. Pure.
 *
 * With a purge delay a version is first condemned: its name gets the moment, and it goes when the delay has passed. A
 * version that the rules keep again is reprieved. Where that was cut off two objects tell of one life: one of them is enough,
 * and another name for it would make one more with every run that is not allowed to remove.
 */
import { type Period, SECONDS_MOST, type Stamp } from "../names/stamp.ts";
import type { Version } from "./group.ts";
import type { History, Life } from "./history.ts";

export interface Purge {
  /** Objects and tombstones to be removed, in this order. */
  readonly remove: readonly Version[];
  /** Tombstones of objects that are not there any more, to be removed likewise if all is known that is there. */
  readonly orphans: readonly Version[];
  /** Objects and tombstones to be given another stamp. */
  readonly restamp: readonly { readonly version: Version; readonly stamp: Period }[];
  /** Objects and tombstones to be removed as soon as those that they are the doubles of are seen. */
  readonly doubles: readonly { readonly version: Version; readonly of: Version }[];
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
  const expiring: Life[] = [];
  const ended: Life[] = [];
  const restamp: { version: Version; stamp: Period }[] = [];
  const doubles: { version: Version; of: Version }[] = [];
  for (const life of lives) {
    const [version] = tellersOf(life);
    const { stamp } = version;
    if (stamp.form === "live") continue;
    const condemned = firstCondemned(life);
    const since = condemned && condemnedOf(condemned);
    if (!unwanted.has(life)) {
      if (condemned === version) restamp.push({ version, stamp: condemnedAt(life, stamp, undefined) });
      else doubles.push(...doublesOf(life, version));
    } else if (delaySeconds === 0 || (since !== undefined && now - since >= delaySeconds)) {
      expiring.push(life);
    } else if (condemned === undefined) {
      restamp.push({ version, stamp: condemnedAt(life, stamp, now) });
    } else {
      doubles.push(...doublesOf(life, condemned));
    }
  }
  const needed = objectsOf(lives, expiring);
  const lastOf = new Map(lives.map((life) => [life.version, life]));
  for (const life of expiring) {
    // An object would look live since it was stored last if nothing told of the end of that any more.
    const isNeeded = needed.has(life.version) && lastOf.get(life.version) === life;
    if (isNeeded) doubles.push(...doublesOf(life, firstCondemned(life)));
    else ended.push(life);
  }
  // An object that is one with a tombstone goes before it: left alone, it would look live.
  const told = ended.flatMap((life) => [life.version, ...tellersOf(life)]);
  const objects = told.filter(({ stamp }) => stamp.form !== "marker");
  const markers = told.filter(({ stamp }) => stamp.form === "marker");
  const unneeded = new Set([...objects.filter((version) => !needed.has(version)), ...markers]);
  return { remove: [...unneeded], orphans, restamp, doubles, ended };
}

/** The objects of lives that are not about to end. */
function objectsOf(lives: readonly Life[], expiring: readonly Life[]): ReadonlySet<Version> {
  const gone = new Set(expiring);
  return new Set(lives.filter((life) => !gone.has(life)).map(({ version }) => version));
}

/** What tells of a life, but for one that is enough. What is live by its name tells nothing: its content is in the life's object. */
function doublesOf(life: Life, enough = tellersOf(life)[0]): Purge["doubles"] {
  return tellersOf(life)
    .filter((version) => version !== enough)
    .map((version) => ({ version, of: version.stamp.form === "live" ? life.version : enough }));
}

function firstCondemned(life: Life): Version | undefined {
  return tellersOf(life).find((version) => condemnedOf(version) !== undefined);
}

/** What tells of a life: those that are condemned last, the one that was first before others. */
function tellersOf({ version, marker, doubles = [] }: Life): readonly [Version, ...Version[]] {
  return [marker ?? version, ...doubles];
}

function condemnedOf({ stamp }: Version): number | undefined {
  return "condemned" in stamp ? stamp.condemned : undefined;
}

function condemnedAt({ began, ceased = began }: Life, stamp: Stamp, moment: number | undefined): Period {
  const form = stamp.form === "marker" ? "marker" : "stamp";
  // Of a date that a wrong clock set, before 1970 or beyond what a stamp holds.
  const end = Math.min(Math.max(ceased, began), SECONDS_MOST - 1);
  return { form, began, ceased: end, ...(moment !== undefined && { condemned: moment }) };
}
