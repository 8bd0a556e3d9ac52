/**
 * Which paths a restore takes: exact paths, whole folders, and globs. Pure.
 */
import { globOf } from "../patterns/globs.ts";

interface Pattern {
  readonly text: string;
  readonly glob: ((path: string) => boolean) | undefined;
  matched: boolean;
}

export class Selection {
  private readonly patterns: readonly Pattern[];

  /**
   * Each text selects the file of that very path, every file below a folder of that path (`.`: every file), and, where it holds `*`,
   * `?`, `[` or `{`, what it matches as a glob (`*` stays within a folder, `**` does not). No texts select all.
   */
  constructor(texts: readonly string[]) {
    const paths = texts.map(plainPath);
    this.patterns = (paths.includes(ROOT) ? [] : paths).map((text) => {
      const glob = /[*?[{]/.test(text) ? globOf(text) : undefined;
      return { text, glob, matched: false };
    });
  }

  /** Whether a path is selected; the patterns that do so are not counted as matched. */
  includes(path: string): boolean {
    return this.patterns.length === 0 || this.patterns.some((pattern) => matches(pattern, path));
  }

  /** The same, and it counts. */
  selects(path: string): boolean {
    if (this.patterns.length === 0) return true;
    let selected = false;
    for (const pattern of this.patterns) {
      if (!matches(pattern, path)) continue;
      pattern.matched = true;
      selected = true;
    }
    return selected;
  }

  /** Whether nothing is left out. */
  get everything(): boolean {
    return this.patterns.length === 0;
  }

  /** Whether something in this folder itself (empty: the root) may be selected; what lies deeper does not matter. */
  maySelectIn(folder: string): boolean {
    return this.everything || this.patterns.some((pattern) => mayMatchIn(pattern, folder));
  }

  /** The texts that selected nothing so far. */
  unmatched(): string[] {
    return this.patterns.filter(({ matched }) => !matched).map(({ text }) => text);
  }
}

/** All that there is, seen from where it is stored. */
const ROOT = ".";

/** A path as people write it, as one of the backup: without `./` in front, and slashes behind, unless there is nothing else. */
export function plainPath(given: string): string {
  if (/^\.\/+$/.test(given)) return ROOT;
  return given.replace(/^\.\//, "").replace(/\/+$/, "") || given;
}

/** Which texts of a selection meet only files that were not there at the moment, or not in the version, that is asked for. */
export class PastMatches {
  private readonly there: Selection;
  private readonly notThen: Selection;
  private metAny = false;

  constructor(texts: readonly string[]) {
    this.there = new Selection(texts);
    this.notThen = new Selection(texts);
  }

  note(path: string, isThere: boolean): void {
    this.metAny ||= isThere;
    (isThere ? this.there : this.notThen).selects(path);
  }

  /** Whether any file was there. */
  get any(): boolean {
    return this.metAny;
  }

  notThere(): string[] {
    const notMet = new Set(this.notThen.unmatched());
    return this.there.unmatched().filter((text) => !notMet.has(text));
  }
}

function mayMatchIn({ text, glob }: Pattern, folder: string): boolean {
  const isWithin = (outer: string) => outer === "" || folder === outer || folder.startsWith(`${outer}/`);
  const parent = text.slice(0, Math.max(0, text.lastIndexOf("/")));
  if (folder === parent || isWithin(text)) return true;
  // A glob matches below its last folder without wildcards, at the earliest.
  const fixed = text.slice(0, text.search(/[*?[{\\]/));
  return glob !== undefined && isWithin(fixed.slice(0, Math.max(0, fixed.lastIndexOf("/"))));
}

function matches({ text, glob }: Pattern, path: string): boolean {
  if (path === text || path.startsWith(`${text}/`)) return true;
  return glob?.(path) === true;
}
