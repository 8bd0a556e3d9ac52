/**
 * Retiring versions, and ending their retirement: renames, tombstones and removals, a group at a time.
 */
import { type ErrorReport, errorCode, reportOf } from "../../errors.ts";
import type { Period, Stamp } from "../../names/stamp.ts";
import type { StoredVersion } from "../../names/stored-name.ts";
import type { Version } from "../../plan/group.ts";
import { secondsOf } from "../../plan/history.ts";
import type { Purge } from "../../plan/purge.ts";
import type { ObjectStat, StagedObject } from "../../storage/storage.ts";
import type { TombstoneSealer } from "../destination/tombstones.ts";
import { objectRules } from "../object/object-rules.ts";
import { newKeyOf } from "./new-key.ts";
import type { RetireContext, Successor } from "./retirements.ts";

export interface Retiring {
  /** Versions of one path that are not live any more, oldest first: each took the place of the one before. */
  readonly versions: readonly Version[];
  /** What took the place of the last of them. */
  readonly successor?: Successor;
  readonly why: "replaced" | "deleted" | "outdated metadata";
  /** Of the path what is retired already, and tombstones. */
  readonly retired: readonly StoredVersion[];
}

export interface HistoryContext extends RetireContext {
  readonly sealTombstone: TombstoneSealer;
  /** The storage's clock, in milliseconds since 1970. */
  readonly now: number;
  /** Whether names are there that could not be read: then what a tombstone tells of may be under one of them. */
  readonly isPartlyUnread: boolean;
}

/** What of a path goes, or gets another stamp. */
export interface Ending {
  readonly purge: Purge;
  readonly isManifest: boolean;
}

/** Changes that share their flushes: tombstones are published together, and what they replace goes after that. */
export class GroupOfChanges {
  private readonly context: HistoryContext;
  private readonly tombstones: { staged: StagedObject; path: string; done: () => void }[] = [];
  private readonly removals: { version: Version; done: () => void }[][] = [[], []];

  constructor(context: HistoryContext) {
    this.context = context;
  }

  async retire({ versions, successor, why, retired }: Retiring): Promise<void> {
    const { storage, tally, now, signal } = this.context;
    signal.throwIfAborted();
    try {
      const until = successor === undefined ? secondsOf(now) : await this.beginningOf(successor, versions[0]);
      if (until === undefined) return;
      const stamps = retired.map(({ stamp }) => stamp);
      const began: (number | undefined)[] = [];
      for (const { key, storedAt } of versions) {
        const stored = storedAt ?? (await storage.stat(key))?.modified;
        began.push(stored === undefined ? undefined : secondsOf(stored));
      }
      for (const [i, version] of versions.entries()) {
        const first = began[i];
        if (first === undefined) continue; // another run was quicker
        const isMarked = this.isToBeMarked(version, retired);
        if (!isMarked && (await this.hasCopy(version, first, retired))) {
          await this.removeCopied(version, why);
          continue;
        }
        const least = isMarked ? first + 1 : first;
        const next = began.slice(i + 1).find((moment) => moment !== undefined) ?? until;
        const stamp = freeStamp(first, next >= first ? next : secondsOf(now), least, stamps);
        stamps.push(stamp);
        // One file was deleted, however many doubles of it a kill left.
        const isDouble = why === "deleted" && i < versions.length - 1;
        await this.retireAs(version, isMarked ? markerOf(stamp) : stamp, isDouble ? "replaced" : why);
      }
    } catch (error) {
      signal.throwIfAborted();
      tally.error(failure(error, versions[0]?.path ?? ""));
    }
  }

  async end({ purge: { remove, orphans, restamp, doubles, ended }, isManifest }: Ending): Promise<void> {
    const { tally, reporter, signal, isPartlyUnread } = this.context;
    for (const double of doubles) await this.endDouble(double);
    for (const version of isPartlyUnread ? remove : [...remove, ...orphans]) {
      const told = !isManifest && ended.some((life) => (life.marker ?? life.version).key === version.key);
      const done = () => {
        if (!told) return;
        tally.add("expired", version.size);
        reporter.file("expired", version.path, "removed", version.size);
      };
      this.removals[version.stamp.form === "marker" ? 1 : 0]?.push({ version, done });
    }
    for (const { version, stamp } of restamp) {
      const action = stamp.condemned === undefined ? "reprieved" : "condemned";
      const done = () => {
        if (isManifest) return;
        tally.add(action, version.size);
        reporter.file(action, version.path, undefined, version.size);
      };
      try {
        signal.throwIfAborted();
        await this.restamp(version, stamp, done);
      } catch (error) {
        signal.throwIfAborted();
        tally.error(failure(error, version.path));
      }
    }
  }

  /** A double goes only where what it is the double of is there, and is the same. */
  private async endDouble({ version, of }: Purge["doubles"][number]): Promise<void> {
    const { storage, tally, signal } = this.context;
    const { form } = version.stamp;
    try {
      signal.throwIfAborted();
      const other = await storage.stat(of.key);
      // Tombstones, and what was sealed anew, say the same in bytes of their own.
      const isRenamed = form === "stamp" || form === "date";
      const isThere = isRenamed ? isSame(other, await storage.stat(version.key)) : other !== undefined;
      if (isThere) this.removals[form === "marker" ? 1 : 0]?.push({ version, done: () => {} });
    } catch (error) {
      signal.throwIfAborted();
      tally.error(failure(error, version.path));
    }
  }

  /** Publishes tombstones, then removes objects, and last the tombstones of objects that went. */
  async finish(): Promise<void> {
    const { storage, tally, limit, dryRun, now } = this.context;
    if (this.tombstones.length > 0) {
      const results = await storage.publish(
        this.tombstones.map(({ staged }) => staged),
        now,
      );
      for (const [i, { path, done }] of this.tombstones.entries()) {
        const error = results[i]?.error;
        if (error === undefined) done();
        else tally.error(failure(error, path));
      }
    }
    const failed = new Set<string>();
    for (const removals of this.removals) {
      const unchanged = await Promise.all(
        removals.map(({ version }) => limit(() => this.isKnownAsListed(version, failed))),
      );
      const possible = removals.filter(({ version }, i) => unchanged[i] && !failed.has(version.path));
      const keys = possible.map(({ version }) => version.key);
      const failures = dryRun || keys.length === 0 ? [] : await storage.remove(keys);
      const errors = new Map(failures.map(({ key, error }) => [key, error]));
      for (const { version, done } of possible) {
        const error = errors.get(version.key);
        if (error === undefined) done();
        else {
          failed.add(version.path);
          tally.error(failure(error, version.path));
        }
      }
    }
    if (!dryRun) await storage.flush();
  }

  /** False, too, where that cannot be told: then the tombstone has to stay with its object. */
  private async isKnownAsListed(version: Version, failed: Set<string>): Promise<boolean> {
    const { tally, signal } = this.context;
    signal.throwIfAborted();
    try {
      return await this.isAsListed(version);
    } catch (error) {
      signal.throwIfAborted();
      failed.add(version.path);
      tally.error(failure(error, version.path));
      return false;
    }
  }

  /** False of an object with a tombstone that was stored anew meanwhile: it is live again. */
  private async isAsListed({ key, stamp, storedAt }: Version): Promise<boolean> {
    if (stamp.form !== "live") return true;
    const stat = await this.context.storage.stat(key);
    return stat !== undefined && secondsOf(stat.modified) === secondsOf(storedAt);
  }

  /** When a successor began to be live; undefined, with a warning, where it is not there any more. */
  private async beginningOf(
    { key, size }: Successor,
    version: StoredVersion | undefined,
  ): Promise<number | undefined> {
    const { storage, reporter, dryRun, now } = this.context;
    if (dryRun) return secondsOf(now);
    const stat = await storage.stat(key);
    if (stat !== undefined && (size === undefined || stat.size === size)) return secondsOf(stat.modified);
    reporter.warning("the version in its place is not there any more, so this one stays", version?.path);
    return undefined;
  }

  private async retireAs(version: StoredVersion, stamp: Period, why: Retiring["why"]): Promise<void> {
    const { storage, reporter, tally } = this.context;
    const to = { ...fieldsOf(version), stamp };
    const key = await this.keyOf(version, to);
    const problem = storage.keyProblem(key);
    if (problem !== undefined) {
      // A name can fit live and not retired. The version is safe as it is, so it stays.
      if (why === "outdated metadata") return;
      reporter.warning(`cannot be retired, and stays live: ${problem}`, version.path);
      tally.add("kept live", version.size);
      return;
    }
    const done = () => this.tellRetired(version, why);
    if (stamp.form === "marker") await this.mark(to, key, done);
    else await this.rename(version, to, key, done);
  }

  /** Tombstones are new objects; anything else is renamed. */
  private async keyOf(version: StoredVersion, to: Retired): Promise<string> {
    const { sealer } = this.context;
    return to.stamp.form === "marker" ? sealer.keyFor(to) : newKeyOf(version, to, this.context);
  }

  /**
   * Whether a version is retired already but for its removal: a bucket renames by copying, and a run can end in between, or
   * not be allowed to remove. Of a life that began at the same second and lasted, only this object can have been it.
   */
  private async hasCopy(
    version: StoredVersion,
    began: number,
    retired: readonly StoredVersion[],
  ): Promise<boolean> {
    const { storage } = this.context;
    for (const copy of retired) {
      const { stamp } = copy;
      if (stamp.form !== "stamp" || stamp.began !== began || stamp.ceased <= began) continue;
      if (!hasContentOf(copy, version)) continue;
      if (isSame(await storage.stat(copy.key), await storage.stat(version.key))) return true;
    }
    return false;
  }

  /** By another name, an object would take what tombstones tell of its earlier lives along. */
  private isToBeMarked(version: StoredVersion, retired: readonly StoredVersion[]): boolean {
    if (this.context.config.retire === "tombstone") return true;
    return retired.some((other) => other.stamp.form === "marker" && hasContentOf(other, version));
  }

  private async removeCopied(version: StoredVersion, why: Retiring["why"]): Promise<void> {
    const { storage, dryRun } = this.context;
    const [failed] = dryRun ? [] : await storage.remove([version.key]);
    if (failed !== undefined) throw failed.error;
    this.tellRetired(version, why);
  }

  private tellRetired({ path, size }: StoredVersion, why: Retiring["why"]): void {
    if (why !== "deleted") return;
    this.context.tally.add("deleted", size);
    this.context.reporter.file("deleted", path, "marked", size);
  }

  /** Gives a retired version, or its tombstone, another stamp. */
  private async restamp(version: Version, stamp: Period, done: () => void): Promise<void> {
    const { storage, reporter } = this.context;
    const to = { ...fieldsOf(version), stamp };
    const key = await this.keyOf(version, to);
    const problem = storage.keyProblem(key);
    if (problem !== undefined) {
      reporter.warning(`cannot be marked for removal, and stays: ${problem}`, version.path);
      return;
    }
    if (stamp.form !== "marker") return this.rename(version, to, key, done);
    await this.mark(to, key, () => {
      this.removals[1]?.push({ version, done: () => {} });
      done();
    });
  }

  private async mark(to: Retired, key: string, done: () => void): Promise<void> {
    const { storage, sealTombstone, dryRun, signal, config } = this.context;
    if (dryRun) return done();
    const tombstone = sealTombstone(to);
    const placing = objectRules(config).classFor({ path: to.path, size: tombstone.length });
    const staged = await storage.write(key, tombstone, { signal, ...placing });
    this.tombstones.push({ staged, path: to.path, done });
  }

  private async rename(version: StoredVersion, to: Retired, key: string, done: () => void): Promise<void> {
    const { storage, reporter, dryRun, config } = this.context;
    if (dryRun) return done();
    try {
      await storage.rename(version.key, key, objectRules(config).classFor(to));
      done();
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
      reporter.warning("another run was quicker, nothing to rename", version.path);
    }
  }
}

/** As far as it shows: what a rename looks at before it removes, too. */
function isSame(copy: ObjectStat | undefined, original: ObjectStat | undefined): boolean {
  if (copy === undefined || original === undefined || copy.size !== original.size) return false;
  return copy.md5 === undefined || original.md5 === undefined || copy.md5 === original.md5;
}

type Retired = Parameters<TombstoneSealer>[0];

/** The period as a stamp that no other version of the path has: ends are moved by seconds where they would be equal. */
function freeStamp(began: number, ceased: number, least: number, taken: readonly Stamp[]): Period {
  let end = Math.max(ceased, least, began);
  while (taken.some((stamp) => "ceased" in stamp && stamp.began === began && stamp.ceased === end)) end++;
  return { form: "stamp", began, ceased: end };
}

function hasContentOf(one: StoredVersion, other: StoredVersion): boolean {
  return one.mtime === other.mtime && one.size === other.size && one.md5 === other.md5;
}

function markerOf(stamp: Period): Period {
  return { ...stamp, form: "marker" };
}

function fieldsOf({ path, mtime, size, md5 }: StoredVersion) {
  return { path, mtime, size, md5 };
}

function failure(error: unknown, path: string): ErrorReport {
  return { ...reportOf(error, "destination"), path };
}
