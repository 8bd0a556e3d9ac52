/**
 * The history of one path, from the names of its versions and the times at which they were stored. Pure.
 *
 * A *life* is a period in which the file was as one version has it. A stamped name tells its life (docs/format.md,
 * section 2.1); a live object's began when it was stored; a tombstone tells of a life of the object that it marks.
 */
import { compareStamps, periodOf, type Stamp } from "../names/stamp.ts";
import type { Version } from "./group.ts";

export interface Life {
  /** The object that holds the content. */
  readonly version: Version;
  /** Seconds since 1970; 1 where it is not known. */
  readonly began: number;
  /** Seconds since 1970, not included; absent while it lasts. */
  readonly ceased?: number;
  /** The tombstone that tells of it. */
  readonly marker?: Version;
  /** Other objects, or tombstones, that tell of this very life: a bucket renames by copying, and a run can end before it removes. */
  readonly doubles?: readonly Version[];
}

export interface History {
  /** Oldest first, those that last at the end, of these the newest last. */
  readonly lives: readonly Life[];
  /** Tombstones of objects that are not there any more. */
  readonly orphans: readonly Version[];
}

/**
 * The lives of the versions of one path. `storedAt` should be known of live objects: of all for what was when, and of
 * those with a tombstone to tell whether they are live at all (`needsStoredTimes`).
 */
export function historyOf(versions: readonly Version[]): History {
  const lives: Life[] = [];
  const markers = new Map<string, Version[]>();
  const live = new Map<string, Version[]>();
  for (const version of versions) {
    const { form } = version.stamp;
    if (form === "marker") add(markers, version);
    else if (form === "live") add(live, version);
    else lives.push({ version, ...periodOf(version.stamp) });
  }
  const orphans: Version[] = [];
  for (const [content, marks] of markers) if (!live.has(content)) orphans.push(...marks);
  for (const [content, objects] of live) {
    const marks = (markers.get(content) ?? []).sort(byStoring);
    const object = objects.sort(byStoring).at(-1) as Version;
    const lastEnd = Math.max(0, ...marks.map(({ stamp }) => periodOf(stamp as Ended).ceased));
    // What was stored before the end of a life is of that life; beside an object that was stored anew it is not needed.
    const isPast = ({ storedAt }: Version) => storedAt !== undefined && secondsOf(storedAt) < lastEnd;
    const spare = objects.filter((version) => version !== object && isPast(version));
    for (const [i, marker] of marks.entries()) {
      const doubles = i === marks.length - 1 && spare.length > 0 ? { doubles: spare } : {};
      lives.push({ version: object, marker, ...periodOf(marker.stamp as Ended), ...doubles });
    }
    for (const version of objects)
      if (!isPast(version)) lives.push({ version, began: secondsOf(version.storedAt) });
  }
  return { lives: withoutDoubles(lives.sort(byTime)), orphans: orphans.sort(byStoring) };
}

type Ended = Exclude<Stamp, { form: "live" }>;

/** The life that holds at a moment (seconds since 1970): of several, which doubles can be, the one that began last. */
export function lifeAt({ lives }: History, moment: number): Life | undefined {
  let found: Life | undefined;
  for (const life of lives) {
    if (life.began > moment || (life.ceased !== undefined && life.ceased <= moment)) continue;
    if (found === undefined || life.began >= found.began) found = life;
  }
  return found;
}

/** The life that lasts, or else the last that there was. */
export function lastLife({ lives }: History): Life | undefined {
  return lives.at(-1);
}

/**
 * Whether deciding about these versions depends on when they were stored: where several have no period of their own,
 * or a tombstone tells of one.
 */
export function needsStoredTimes(versions: readonly Version[]): boolean {
  let without = 0;
  for (const { stamp } of versions) {
    if (stamp.form === "marker") return true;
    if (stamp.form !== "stamp" && ++without > 1) return true;
  }
  return false;
}

/** A moment in whole seconds, as stamps hold it; 1, the beginning of time, where it is not known. */
export function secondsOf(milliseconds: number | undefined): number {
  return milliseconds === undefined ? 1 : Math.max(1, Math.floor(milliseconds / 1000));
}

function byTime(a: Life, b: Life): number {
  const aLasts = a.ceased === undefined;
  const bLasts = b.ceased === undefined;
  if (aLasts !== bLasts) return aLasts ? 1 : -1;
  if (aLasts) return byStoring(a.version, b.version);
  return (a.ceased as number) - (b.ceased as number) || a.began - b.began || byStoring(a.version, b.version);
}

/** Stored earlier first. What is equal is ordered by its name, so that two runs side by side agree on it. */
function byStoring(a: Version, b: Version): number {
  return (
    compareStamps(a.stamp, b.stamp) ||
    (a.storedAt ?? 0) - (b.storedAt ?? 0) ||
    a.mtime - b.mtime ||
    (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
  );
}

/**
 * The same lives, each once: told by what lasts, else by what is not condemned, else by what was condemned first; of these by
 * what ceased last. On its own a double would be subject to the rules of retention, and could go together with what it is the
 * double of.
 */
function withoutDoubles(lives: readonly Life[]): readonly Life[] {
  if (lives.length < 2) return lives;
  const lasting = new Map(lives.filter(isDated).map((life) => [beginningOf(life), life]));
  const alike = new Map<Life | string, Life[]>();
  for (const life of lives) {
    const { began, ceased, marker, version } = life;
    const { form } = (marker ?? version).stamp;
    const goesOn = form === "stamp" && ceased !== began ? lasting.get(beginningOf(life)) : undefined;
    // What a date marks becomes a stamp where it is condemned.
    const told = form === "marker" ? "marker" : "name";
    const end = isUnique(life) ? "" : ceased;
    const which = ceased === undefined ? life : (goesOn ?? `${beginningOf(life)}.${end}.${told}`);
    alike.set(which, [...(alike.get(which) ?? []), life]);
  }
  if (alike.size === lives.length) return lives;
  return [...alike.values()].map(joined).sort(byTime);
}

/** Whether it lasts, and when it began is known. */
function isDated({ version, ceased }: Life): boolean {
  return ceased === undefined && version.storedAt !== undefined;
}

/**
 * Whether its beginning is known, and tells it from all others of its content: what has begun is not there once more before it has ceased.
 * Of such a life two ends are told where two runs retired it at once, each as of its own moment.
 */
function isUnique({ began, ceased = began }: Life): boolean {
  return began > 1 && ceased > began;
}

function beginningOf({ version, began }: Life): string {
  return `${contentOf(version)}.${began}`;
}

function joined(lives: readonly Life[]): Life {
  const [life, ...others] = [...lives].sort(
    (a, b) => claimOf(a) - claimOf(b) || (b.ceased ?? 0) - (a.ceased ?? 0),
  ) as [Life, ...Life[]];
  if (others.length === 0) return life;
  const told = others.map(({ marker, version }) => marker ?? version);
  return { ...life, doubles: [...told, ...[life, ...others].flatMap(({ doubles = [] }) => doubles)] };
}

function claimOf({ version, marker, ceased }: Life): number {
  const { stamp } = marker ?? version;
  if (ceased === undefined) return -1;
  return "condemned" in stamp ? (stamp.condemned ?? 0) : 0;
}

function add(byContent: Map<string, Version[]>, version: Version): void {
  const content = contentOf(version);
  const same = byContent.get(content);
  if (same === undefined) byContent.set(content, [version]);
  else same.push(version);
}

function contentOf({ mtime, size, md5 }: Version): string {
  return `${mtime}.${size}.${md5}`;
}
