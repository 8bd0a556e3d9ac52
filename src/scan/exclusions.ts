/**
 * What of a source is left out, and why.
 *
 * In this order: places of the tool's own and `ignore_regex`, which nothing takes back; then `exclude`, then the
 * `.backupignore` files from the outermost folder to the innermost, each of which can add to or take back what came
 * before, but not what lies in a folder that stays left out; `include`, which takes back any of these, also inside of
 * such folders; last size, caches and other file systems, which the scan sees by itself. Nothing takes back the last.
 */

import { parentPrefixOf, prefixesOf } from "../names/folders.ts";
import { GitignoreRules, type RuleProblem } from "../patterns/gitignore.ts";
import type { FilesFrom } from "./files-from.ts";

export const RULES_FILE = ".backupignore";
export const CACHE_TAG = "CACHEDIR.TAG";
/** Why a folder on another file system is left out. */
export const OTHER_FILE_SYSTEM = "one_file_system";
export const OURS = "the destination lies there";
/** The first bytes of a tag (Cache Directory Tagging Specification). */
export const CACHE_SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55";

/** A rule that is a path from the root on: with a slash that is not its last character. */
const PLACE = /^(?![#!])[^*?[\\]*\/[^*?[\\]+$/;

export interface ExclusionSettings {
  /** Match at the start of the path. */
  readonly expressions: readonly RegExp[];
  /** Folders, with a trailing slash, that are the tool's own. */
  readonly prefixes: readonly string[];
  /** Lines in the syntax of gitignore. */
  readonly exclude: readonly string[];
  readonly include: readonly string[];
  readonly caches: boolean;
  /** Bytes. */
  readonly largerThan?: number;
  readonly oneFileSystem: boolean;
  /** Nothing but what it lists. */
  readonly only?: FilesFrom;
}

/** Why a path is left out. `classic`: by a rule that treats what is stored already like deleted files. */
export interface Reason {
  readonly text: string;
  readonly classic: boolean;
}

/** The rules that lie in one folder, its path with a slash at its end. */
interface Level {
  readonly folder: string;
  readonly rules: GitignoreRules;
}

/** What the rules make of a folder, and which of those that lie in folders apply in it, innermost first. */
interface Step {
  readonly folder: string;
  readonly leftOut: string | undefined;
  readonly levels: readonly Level[];
}

export class Exclusions {
  readonly caches: boolean;
  readonly oneFileSystem: boolean;
  private readonly settings: ExclusionSettings;
  /** Folders that are the tool's own. */
  private readonly prefixes: string[];
  private readonly exclude: GitignoreRules;
  private readonly include: GitignoreRules;
  /** Of folders with a file of rules: their path with a slash. */
  private readonly ofFolders = new Map<string, GitignoreRules>();
  /** From the root to the folder that was asked about last: the next path mostly lies in it, or close by. */
  private readonly way: Step[] = [];
  /** Folders whose content is left out for what the scan found there. */
  private readonly leftOut = new Map<string, string>();

  constructor(settings: ExclusionSettings) {
    this.settings = settings;
    this.prefixes = [...settings.prefixes];
    this.caches = settings.caches;
    this.oneFileSystem = settings.oneFileSystem;
    this.exclude = new GitignoreRules(settings.exclude);
    this.include = new GitignoreRules(settings.include);
  }

  /** Rules of one folder (its path with a slash; empty: the root) for everything in it. Tells which cannot match. */
  addRules(folder: string, lines: readonly string[]): readonly RuleProblem[] {
    const rules = new GitignoreRules(lines);
    this.ofFolders.set(folder, rules);
    this.way.length = 0;
    return rules.problems;
  }

  /** Notes that a scan found a file or folder, whatever becomes of it. */
  meet(path: string): void {
    this.settings.only?.meet(path);
  }

  /** Notes that a folder's content is left out, but for the tag that may lie in it. */
  leaveOut(folder: string, why: string): void {
    this.leftOut.set(folder, why);
    this.settings.only?.passOver(folder, why);
  }

  /** Whether another file system was found to be mounted at a folder, which is left out. */
  isMountPoint(folder: string): boolean {
    return this.leftOut.get(folder) === OTHER_FILE_SYSTEM;
  }

  /** Whether a folder is on the way to something that `files_from` lists. */
  leadsThrough(folder: string): boolean {
    return this.settings.only?.leadsThrough(folder) === true;
  }

  /** Notes that the destination was found in a folder, which is left out like one that the settings tell of. */
  leaveOutOurs(folder: string): void {
    this.prefixes.push(folder);
    this.settings.only?.passOver(folder, OURS);
  }

  /** Why a file is left out; undefined when it is not, as far as its path tells. */
  reasonFor(path: string): Reason | undefined {
    const classic = this.classicReason(path);
    if (classic !== undefined) return { text: classic, classic: true };
    const text = this.listed(path) ?? this.ruleFor(path) ?? this.foundFor(path);
    return text === undefined ? undefined : { text, classic: false };
  }

  /** Whether anything may be left out but by `ignore_regex`. */
  get mayLeaveOut(): boolean {
    const { exclude, ofFolders, leftOut, settings } = this;
    const byRules = !exclude.isEmpty || ofFolders.size > 0 || leftOut.size > 0;
    return byRules || settings.only !== undefined || this.limitsSize;
  }

  /** Whether a folder may be skipped before a scan has found anything. */
  get mayLeaveOutFolders(): boolean {
    return !this.exclude.isEmpty || this.prefixes.length > 0 || this.settings.only !== undefined;
  }

  /** The places of folders that may be left out, where settings name them: without wildcards, and from the root on. */
  get namedPlaces(): readonly string[] {
    const { exclude } = this.settings;
    const named = exclude.filter((line) => PLACE.test(line)).map((line) => line.replace(/^\//, ""));
    return [...this.prefixes, ...named].map((place) => place.replace(/\/$/, ""));
  }

  /** Whether sizes matter at all. */
  get limitsSize(): boolean {
    return this.settings.largerThan !== undefined;
  }

  /** Whether a file of so many bytes is left out for its size. */
  isTooLarge(path: string, size: number): boolean {
    const { largerThan } = this.settings;
    return largerThan !== undefined && size > largerThan && !this.isIncluded(path);
  }

  /** Notes that a folder, which had to be entered, could not be. */
  missFolder(folder: string, why: string): void {
    this.settings.only?.passOver(folder, why);
  }

  /** Whether a folder (with a trailing slash) need not be entered: nothing in it can be considered. */
  skipsFolder(folder: string): boolean {
    const { only } = this.settings;
    if (this.listed(folder) !== undefined && !only?.leadsThrough(folder)) return true;
    const isOurs = this.prefixes.some((prefix) => folder.startsWith(prefix));
    const rule = this.ruleFor(folder) ?? this.foundFor(folder);
    const isReached = rule !== OTHER_FILE_SYSTEM && this.include.mayMatchIn(folder);
    const why = isOurs ? OURS : isReached ? undefined : rule;
    if (why !== undefined) only?.passOver(folder, why);
    return why !== undefined;
  }

  private listed(path: string): string | undefined {
    const { only } = this.settings;
    return only === undefined || only.takes(path) ? undefined : "files_from";
  }

  private classicReason(path: string): string | undefined {
    const { expressions } = this.settings;
    if (this.prefixes.some((prefix) => path.startsWith(prefix))) return OURS;
    const expression = expressions.find((candidate) => {
      candidate.lastIndex = 0;
      return candidate.test(path);
    });
    return expression === undefined ? undefined : "ignore_regex";
  }

  private isIncluded(path: string): boolean {
    return !this.include.isEmpty && this.include.judge(path).excluded;
  }

  /** The rule of `exclude` or of a folder that leaves it out, unless another takes it back. */
  private ruleFor(path: string): string | undefined {
    if (this.exclude.isEmpty && this.ofFolders.size === 0) return undefined;
    const { leftOut, levels } = this.wayTo(parentPrefixOf(path));
    const found = leftOut ?? this.ruleAmong(levels, path);
    return found !== undefined && this.isIncluded(path) ? undefined : found;
  }

  /** The last step to a folder: itself, or the first one that is left out. */
  private wayTo(folder: string): Step {
    const { way } = this;
    let last = way.at(-1);
    while (last !== undefined && !folder.startsWith(last.folder)) {
      way.pop();
      last = way.at(-1);
    }
    last ??= this.stepInto("", undefined, []);
    while (last.leftOut === undefined && last.folder.length < folder.length) {
      const next = folder.slice(0, folder.indexOf("/", last.folder.length) + 1);
      last = this.stepInto(next, this.ruleAmong(last.levels, next), last.levels);
    }
    return last;
  }

  private stepInto(folder: string, leftOut: string | undefined, outer: readonly Level[]): Step {
    const rules = this.ofFolders.get(folder);
    const step = { folder, leftOut, levels: rules === undefined ? outer : [{ folder, rules }, ...outer] };
    this.way.push(step);
    return step;
  }

  /** The rule that leaves out a path itself: the innermost level that says anything of it decides. */
  private ruleAmong(levels: readonly Level[], path: string): string | undefined {
    for (const { folder, rules } of levels) {
      const { excluded, included, rule } = rules.match(path.slice(folder.length));
      if (excluded) return `${folder}${RULES_FILE}: ${rule}`;
      if (included) return undefined;
    }
    const { excluded, rule } = this.exclude.match(path);
    return excluded ? `exclude: ${rule}` : undefined;
  }

  private foundFor(path: string): string | undefined {
    if (this.leftOut.size === 0) return undefined;
    for (const folder of prefixesOf(path)) {
      const why = this.leftOut.get(folder);
      // Not entered, whatever is included of it: a scan does not see what is there.
      if (why === OTHER_FILE_SYSTEM) return why;
      if (why === undefined || path === folder + CACHE_TAG) continue;
      return this.isIncluded(path) ? undefined : why;
    }
    return undefined;
  }
}
