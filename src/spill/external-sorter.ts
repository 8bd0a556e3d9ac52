/**
 * Sorting more records than memory should hold: sorted runs on disk, merged while reading.
 *
 * The order is that of the bytes of each record's key (path-text.ts); records with equal keys keep the order in which
 * they came.
 */
import { comparePaths } from "../names/path-text.ts";
import { SpillFile } from "./spill-file.ts";

const DEFAULT_MEMORY = 24 * 1024 * 1024;
/** What an entry costs beside its characters, roughly. */
const OVERHEAD = 100;

interface Item<T> {
  readonly key: string;
  readonly record: T;
}

export class ExternalSorter<T> {
  private readonly keyOf: (record: T) => string;
  private readonly memoryLimit: number;
  private readonly file = new SpillFile();
  private readonly runs: { start: number; end: number }[] = [];
  private items: Item<T>[] = [];
  private bytes = 0;
  private count = 0;

  constructor(keyOf: (record: T) => string, memoryLimit = DEFAULT_MEMORY) {
    this.keyOf = keyOf;
    this.memoryLimit = memoryLimit;
  }

  get length(): number {
    return this.count;
  }

  add(record: T): void {
    const key = this.keyOf(record);
    this.items.push({ key, record });
    this.count++;
    this.bytes += 3 * key.length + OVERHEAD;
    if (this.bytes > this.memoryLimit) this.spill();
  }

  /** All records in order; to be called once everything was added. Closes itself when read to the end. */
  *sorted(): Generator<T> {
    this.items.sort(byKey);
    if (this.runs.length === 0) {
      for (const { record } of this.items) yield record;
    } else {
      const sources: Iterator<Item<T>>[] = this.runs.map((run) => this.readRun(run));
      sources.push(this.items.values());
      for (const { record } of merge(sources)) yield record;
    }
    this.close();
  }

  close(): void {
    this.items = [];
    this.file.close();
  }

  private *readRun(run: { start: number; end: number }): Generator<Item<T>> {
    for (const line of this.file.lines(run)) {
      const record = JSON.parse(line) as T;
      yield { key: this.keyOf(record), record };
    }
  }

  private spill(): void {
    this.items.sort(byKey);
    let start = -1;
    let end = 0;
    for (let at = 0; at < this.items.length; at += 1000) {
      const lines = this.items.slice(at, at + 1000).map(({ record }) => JSON.stringify(record));
      const range = this.file.append(`${lines.join("\n")}\n`);
      if (start < 0) start = range.start;
      end = range.end;
    }
    this.runs.push({ start, end });
    this.items = [];
    this.bytes = 0;
  }
}

function byKey(a: Item<unknown>, b: Item<unknown>): number {
  return comparePaths(a.key, b.key);
}

/** A k-way merge; `k` is small (a run holds megabytes), so a scan over the heads serves. Earlier sources win ties. */
function* merge<T>(sources: Iterator<Item<T>>[]): Generator<Item<T>> {
  const heads = sources.map((source) => source.next());
  for (;;) {
    let least = -1;
    for (let i = 0; i < heads.length; i++) {
      const head = heads[i];
      if (head === undefined || head.done) continue;
      const best = least === -1 ? undefined : heads[least];
      if (best === undefined || best.done || comparePaths(head.value.key, best.value.key) < 0) least = i;
    }
    const head = heads[least];
    const source = sources[least];
    if (head === undefined || head.done || source === undefined) return;
    yield head.value;
    heads[least] = source.next();
  }
}
