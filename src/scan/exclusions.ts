/**
 * What of a source is left out, and why.
 *
 * In this order: places of the tool's own and `ignore_regex`, which nothing takes back; then `exclude`, then the
 * `.backupignore` files from the outermost folder to the innermost, each of which can add to or take back what came
 * before; `include`, which takes back any of these, also inside of folders that they leave out; last size, caches and
 * other file systems, which the scan sees by itself.
 */
import { GitignoreRules } from "./gitignore.ts";

export const RULES_FILE = ".backupignore";
export const CACHE_TAG = "CACHEDIR.TAG";
/** The first bytes of a tag (Cache Directory Tagging Specification). */
export const CACHE_SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55";

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
  /** Only these files, and what lies in these folders; paths without slashes at their ends. */
  readonly only?: readonly string[];
}

/** Why a path is left out. `classic`: by a rule that treats what is stored already like deleted files. */
export interface Reason {
  readonly text: string;
  readonly classic: boolean;
}

export class Exclusions {
  readonly caches: boolean;
  readonly oneFileSystem: boolean;
  private readonly settings: ExclusionSettings;
  private readonly exclude: GitignoreRules;
  private readonly include: GitignoreRules;
  /** Of folders with a file of rules: their path with a slash, outermost first as they are met. */
  private readonly ofFolders = new Map<string, GitignoreRules>();
  private readonly only: ReadonlySet<string> | undefined;
  /** Folders on the way to one of those, with a trailing slash. */
  private readonly towards = new Set<string>();
  /** Folders whose content is left out for what the scan found there. */
  private readonly leftOut = new Map<string, string>();

  constructor(settings: ExclusionSettings) {
    this.settings = settings;
    this.caches = settings.caches;
    this.oneFileSystem = settings.oneFileSystem;
    this.exclude = new GitignoreRules(settings.exclude);
    this.include = new GitignoreRules(settings.include);
    this.only = settings.only && new Set(settings.only);
    for (const path of settings.only ?? []) {
      for (const folder of foldersOf(path)) this.towards.add(folder);
    }
  }

  /** Rules of one folder (its path with a slash; empty: the root) for everything in it. */
  addRules(folder: string, lines: readonly string[]): void {
    this.ofFolders.set(folder, new GitignoreRules(lines));
  }

  /** Notes that a folder's content is left out, but for the tag that may lie in it. */
  leaveOut(folder: string, why: string): void {
    this.leftOut.set(folder, why);
  }

  /** Why a file is left out; undefined when it is not, as far as its path tells. */
  reasonFor(path: string): Reason | undefined {
    const classic = this.classicReason(path);
    if (classic !== undefined) return { text: classic, classic: true };
    const text = this.listed(path) ?? this.ruleFor(path) ?? this.foundFor(path);
    return text === undefined ? undefined : { text, classic: false };
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

  /** Whether a folder (with a trailing slash) need not be entered. */
  skipsFolder(folder: string): boolean {
    if (this.settings.prefixes.some((prefix) => folder.startsWith(prefix))) return true;
    if (!this.towards.has(folder) && this.listed(folder) !== undefined) return true;
    return this.include.isEmpty && (this.ruleFor(folder) ?? this.foundFor(folder)) !== undefined;
  }

  private listed(path: string): string | undefined {
    const { only } = this;
    if (only === undefined || only.has(path.replace(/\/$/, ""))) return undefined;
    for (const folder of foldersOf(path)) if (only.has(folder.slice(0, -1))) return undefined;
    return "files_from";
  }

  private classicReason(path: string): string | undefined {
    const { prefixes, expressions } = this.settings;
    if (prefixes.some((prefix) => path.startsWith(prefix))) return "the destination lies there";
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
    const global = this.exclude.judge(path);
    let found = global.excluded ? `exclude: ${global.rule}` : undefined;
    // From the root down to the folder that the path lies in.
    for (let at = 0; this.ofFolders.size > 0; ) {
      const folder = path.slice(0, at);
      const rules = this.ofFolders.get(folder);
      if (rules !== undefined) {
        const { excluded, included, rule } = rules.judge(path.slice(at));
        if (excluded) found = `${folder}${RULES_FILE}: ${rule}`;
        else if (included) found = undefined;
      }
      at = path.indexOf("/", at) + 1;
      if (at === 0 || at === path.length) break;
    }
    return found !== undefined && this.isIncluded(path) ? undefined : found;
  }

  private foundFor(path: string): string | undefined {
    if (this.leftOut.size === 0) return undefined;
    for (const folder of foldersOf(path)) {
      const why = this.leftOut.get(folder);
      if (why === undefined || path === folder + CACHE_TAG) continue;
      return this.isIncluded(path) ? undefined : why;
    }
    return undefined;
  }
}

/** The folders that a path lies in, outermost first, with a trailing slash; of a folder also itself. */
function* foldersOf(path: string): Generator<string> {
  for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) yield path.slice(0, at + 1);
}
