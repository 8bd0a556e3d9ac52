/**
 * The merge-join: two sorted listings become one stream of paths with all that is known of each.
 *
 * Both sides ascend by bytes: the source by `path.mtime.size.`, the destination by `path.mtime.size.md5.deleted.enc`.
 * An unchanged file therefore meets its version exactly. A changed one, and other versions of a path, lie somewhere
 * in the range of keys that begin with `path.`, where versions of other paths (`a.txt`, beside `a`) may lie between.
 * So a path stays open until both sides have left its range. Such ranges are nested or apart, never overlapping: the
 * open paths are always a chain of beginnings of the current key, hardly ever more than two.
 */
import { comparePaths } from "../names/path-text.ts";
import { formatStoredName } from "../names/stored-name.ts";
import type { Entry } from "../scan/entry.ts";
import type { PathGroup, Version } from "./group.ts";

const BATCH = 500;

/** Where a version belongs in the order of the join: its plain name, whatever its key looks like. */
export function orderKeyOf(version: Version): string {
  return version.sealed ? formatStoredName(version) : version.key;
}

/** Joins two listings, each ascending (see order.ts). Groups come out once they are complete, nearly in path order. */
export async function* join(
  source: AsyncIterable<Entry[]>,
  destination: AsyncIterable<Version[]>,
): AsyncGenerator<PathGroup[]> {
  const entries = new Cursor(source, (entry: Entry) => entry.sortKey);
  const versions = new Cursor(destination, orderKeyOf);
  const open = new OpenPaths();
  let complete: PathGroup[] = [];
  try {
    await Promise.all([entries.fill(), versions.fill()]);
    for (;;) {
      const entry = entries.current;
      const version = versions.current;
      if (entry === undefined && version === undefined) break;
      if (version === undefined || (entry !== undefined && comparePaths(entries.key, versions.key) <= 0)) {
        open.leaveFor(entries.key, complete);
        open.at((entry as Entry).path).entry = entry as Entry;
        if (entries.step()) await entries.fill();
      } else {
        open.leaveFor(versions.key, complete);
        addOnce(version, versions.key, open.at(version.path));
        if (versions.step()) await versions.fill();
      }
      if (complete.length >= BATCH) {
        yield complete;
        complete = [];
      }
    }
    open.leaveAll(complete);
    if (complete.length > 0) yield complete;
  } finally {
    await entries.close();
    await versions.close();
  }
}

/**
 * A listing may repeat a key (a page that begins with the last key of the one before, say). Taken for two versions, the
 * one would have to go in favour of the other: itself.
 */
function addOnce(version: Version, orderKey: string, { versions }: PathGroup): void {
  for (let i = versions.length - 1; i >= 0; i--) {
    const other = versions[i] as Version;
    if (other.key === version.key) return;
    if (orderKeyOf(other) !== orderKey) break; // what is equal comes together
  }
  versions.push(version);
}

/** The chain of paths whose range of keys the join is in, shortest first. */
class OpenPaths {
  private readonly chain: PathGroup[] = [];

  /** Closes the paths whose range `key` lies beyond. */
  leaveFor(key: string, complete: PathGroup[]): void {
    for (let last = this.chain.at(-1); last !== undefined; last = this.chain.at(-1)) {
      if (key.startsWith(last.path) && key.charCodeAt(last.path.length) === 0x2e) return;
      complete.push(last);
      this.chain.pop();
    }
  }

  leaveAll(complete: PathGroup[]): void {
    complete.push(...this.chain.splice(0).reverse());
  }

  /** The group of a path whose range the current key is in. */
  at(path: string): PathGroup {
    let place = this.chain.length;
    for (; place > 0; place--) {
      const group = this.chain[place - 1] as PathGroup;
      if (group.path === path) return group;
      if (group.path.length < path.length) break;
    }
    const group: PathGroup = { path, versions: [] };
    this.chain.splice(place, 0, group);
    return group;
  }
}

/** A stream of batches read item by item; only the step from one batch to the next waits. */
class Cursor<T> {
  current: T | undefined;
  key = "";
  private readonly iterator: AsyncIterator<T[]>;
  private readonly keyOf: (item: T) => string;
  private batch: T[] = [];
  private index = 0;

  constructor(batches: AsyncIterable<T[]>, keyOf: (item: T) => string) {
    this.iterator = batches[Symbol.asyncIterator]();
    this.keyOf = keyOf;
  }

  /** Moves on; true when the next batch has to be fetched first. */
  step(): boolean {
    this.index++;
    this.show();
    return this.index >= this.batch.length;
  }

  async fill(): Promise<void> {
    do {
      const next = await this.iterator.next();
      if (next.done) {
        this.current = undefined;
        return;
      }
      this.batch = next.value;
      this.index = 0;
    } while (this.batch.length === 0);
    this.show();
  }

  async close(): Promise<void> {
    await this.iterator.return?.();
  }

  private show(): void {
    this.current = this.batch[this.index];
    if (this.current !== undefined) this.key = this.keyOf(this.current);
  }
}
