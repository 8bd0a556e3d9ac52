/** A month in the life of some files, the same every time. */
import * as fs from "node:fs";
import path from "node:path";
import { writeFile } from "../world.ts";

export interface FileState {
  readonly content: string;
  readonly mtime: number;
}
export type TreeState = ReadonlyMap<string, FileState>;

const PATHS = 40;

/** What happens to the files of one folder; each step is a few changes, and tells the state that they lead to. */
export class Script {
  private readonly folder: string;
  private readonly files = new Map<string, FileState>();
  /** What once was, to come back. */
  private readonly past: [string, FileState][] = [];
  private seed: number;
  private serial = 0;

  constructor(folder: string, seed: number) {
    this.folder = folder;
    this.seed = seed;
    for (let i = 0; i < PATHS; i++) this.put(nameOf(i), this.fresh(1_600_000_000 + i));
  }

  /** Changes some files, at a moment in seconds since 1970. */
  step(now: number): TreeState {
    for (let n = 1 + this.random(4); n > 0; n--) this.change(now);
    return new Map(this.files);
  }

  private change(now: number): void {
    const name = nameOf(this.random(PATHS));
    const old = this.files.get(name);
    const kind = this.random(7);
    if (kind <= 1) this.put(name, this.fresh(now - this.random(50)));
    else if (kind === 2)
      this.put(name, this.fresh(1_500_000_000 + this.random(1000))); // older than what it was
    else if (kind === 3) this.remove(name);
    else if (kind === 4) this.move(name, `moved/${this.random(5)}/${name}`);
    else if (kind === 5) {
      if (old !== undefined) this.put(name, { ...old, mtime: now - this.random(50) });
    } else {
      const once = this.past[this.random(this.past.length)];
      if (once !== undefined) this.put(...once);
    }
  }

  private move(from: string, to: string): void {
    const state = this.files.get(from);
    if (state === undefined) return;
    this.remove(from);
    this.put(to, state);
  }

  private fresh(mtime: number): FileState {
    return { content: `content ${String(++this.serial).padStart(6, "0")}`, mtime };
  }

  private put(name: string, state: FileState): void {
    this.files.set(name, state);
    this.past.push([name, state]);
    writeFile(path.join(this.folder, name), state.content, state.mtime);
  }

  private remove(name: string): void {
    if (this.files.delete(name)) fs.rmSync(path.join(this.folder, name));
  }

  private random(below: number): number {
    this.seed = (Math.imul(this.seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (this.seed >>> 8) % Math.max(1, below);
  }
}

function nameOf(i: number): string {
  return i % 3 === 0 ? `folder ${i % 4}/file.${i}` : `file.${i}`;
}
