/**
 * A list of records that is appended to, then read in order, any number of times; past a few megabytes it lies on
 * disk. Records are JSON values: what goes in comes out equal, lone surrogates in names included.
 */
import { SpillFile } from "./spill-file.ts";

const DEFAULT_MEMORY = 4 * 1024 * 1024;

export class SpillList<T> {
  private readonly memoryLimit: number;
  private readonly file = new SpillFile();
  private readonly spilled: { start: number; end: number }[] = [];
  private lines: string[] = [];
  private characters = 0;
  private count = 0;

  /** `memoryLimit`: characters of JSON held in memory before they go to disk. */
  constructor(memoryLimit = DEFAULT_MEMORY) {
    this.memoryLimit = memoryLimit;
  }

  get length(): number {
    return this.count;
  }

  append(record: T): void {
    const line = JSON.stringify(record);
    this.lines.push(line);
    this.characters += line.length;
    this.count++;
    if (this.characters > this.memoryLimit) this.spill();
  }

  *[Symbol.iterator](): Generator<T> {
    for (const range of this.spilled) {
      for (const line of this.file.lines(range)) yield JSON.parse(line) as T;
    }
    for (const line of this.lines) yield JSON.parse(line) as T;
  }

  close(): void {
    this.file.close();
    this.lines = [];
  }

  private spill(): void {
    this.spilled.push(this.file.append(`${this.lines.join("\n")}\n`));
    this.lines = [];
    this.characters = 0;
  }
}
