/**
 * How much of what is stored a run found in the source again: of all, and of each source where there are several.
 */
import type { LossFacts } from "../../plan/guard.ts";

class Counts implements LossFacts {
  sourceFiles = 0;
  livePaths = 0;
  lost = 0;
  readonly name?: string;

  constructor(name?: string) {
    if (name !== undefined) this.name = name;
  }
}

export class Presence {
  readonly all = new Counts();
  private readonly byName: ReadonlyMap<string, Counts>;

  /** @param names of several sources: the first components of their paths. */
  constructor(names: readonly string[] = []) {
    this.byName = new Map(names.map((name) => [name, new Counts(name)]));
  }

  get parts(): readonly LossFacts[] {
    return [...this.byName.values()];
  }

  /** A file that the scan met. */
  meet(path: string): void {
    this.add(path, "sourceFiles", 1);
  }

  /** A path with a live version. */
  meetLive(path: string): void {
    this.add(path, "livePaths", 1);
  }

  /** One of them of which nobody asks where its file is: a rule leaves it out. */
  leaveOut(path: string): void {
    this.add(path, "livePaths", -1);
  }

  /** A live version whose file is missing. */
  miss(path: string): void {
    this.add(path, "lost", 1);
  }

  /** One that was missed lives on under another path. */
  explain(path: string): void {
    this.add(path, "lost", -1);
  }

  private add(path: string, what: "sourceFiles" | "livePaths" | "lost", by: number): void {
    this.all[what] += by;
    if (this.byName.size === 0) return;
    const end = path.indexOf("/");
    const part = end < 0 ? undefined : this.byName.get(path.slice(0, end));
    if (part !== undefined) part[what] += by;
  }
}
