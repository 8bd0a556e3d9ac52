/**
 * Records that are spread over numbered partitions, each of which is read by itself; past a few megabytes they lie on
 * disk. Records are JSON values, as in a SpillList.
 */
import { SpillFile } from "./spill-file.ts";

const DEFAULT_MEMORY = 4 * 1024 * 1024;

interface Partition {
  readonly spilled: { start: number; end: number }[];
  lines: string[];
}

export class SpillPartitions<T> {
  private readonly memoryLimit: number;
  private readonly file = new SpillFile();
  private readonly partitions: Partition[];
  private characters = 0;

  /** `memoryLimit`: characters of JSON held in memory before they go to disk. */
  constructor(count: number, memoryLimit = DEFAULT_MEMORY) {
    this.memoryLimit = memoryLimit;
    this.partitions = Array.from({ length: count }, () => ({ spilled: [], lines: [] }));
  }

  append(index: number, record: T): void {
    const line = JSON.stringify(record);
    this.partition(index).lines.push(line);
    this.characters += line.length;
    if (this.characters > this.memoryLimit) this.spill();
  }

  /** In the order in which they were appended. */
  *read(index: number): Generator<T> {
    const { spilled, lines } = this.partition(index);
    for (const range of spilled) {
      for (const line of this.file.lines(range)) yield JSON.parse(line) as T;
    }
    for (const line of lines) yield JSON.parse(line) as T;
  }

  close(): void {
    this.file.close();
    for (const partition of this.partitions) partition.lines = [];
  }

  private spill(): void {
    for (const partition of this.partitions) {
      if (partition.lines.length === 0) continue;
      partition.spilled.push(this.file.append(`${partition.lines.join("\n")}\n`));
      partition.lines = [];
    }
    this.characters = 0;
  }

  private partition(index: number): Partition {
    const partition = this.partitions[index];
    if (partition === undefined) throw new RangeError(`no partition ${index}`);
    return partition;
  }
}
