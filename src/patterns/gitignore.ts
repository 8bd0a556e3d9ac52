/**
 * Rules in the syntax of gitignore(5). Pure.
 */
import { parentPrefixOf, prefixesOf } from "../names/folders.ts";
import { compileWildcards } from "./wildcards.ts";

/** What the rules say of one path. `rule`: the line that decided. */
export interface Verdict {
  readonly excluded: boolean;
  /** A rule that begins with `!` took it back. */
  readonly included: boolean;
  readonly rule?: string;
}

/** A line that can match nothing. */
export interface RuleProblem {
  /** From 1. */
  readonly line: number;
  readonly rule: string;
  readonly why: string;
}

interface Rule {
  readonly text: string;
  readonly isNegative: boolean;
  readonly foldersOnly: boolean;
  /** Matches the last component in any folder, not the whole path. */
  readonly ofNames: boolean;
  /** What every path that it matches begins with, up to the first wildcard. */
  readonly lead: string;
  /** Without wildcards: matches its lead alone. */
  readonly isPlace: boolean;
  readonly expression: RegExp;
}

const LEAD = /^[^*?[\\]*/;
const NOTHING_SAID: Verdict = { excluded: false, included: false };

export class GitignoreRules {
  /** No lines at all, not even such as say nothing. */
  readonly isEmpty: boolean;
  readonly problems: readonly RuleProblem[];
  /** The last first, since it wins. */
  private readonly rules: readonly Rule[];
  /** The folder of the path that was judged last, and what is said of it. */
  private folder = "";
  private ofFolder = NOTHING_SAID;

  constructor(lines: readonly string[]) {
    const rules: Rule[] = [];
    const problems: RuleProblem[] = [];
    for (const [i, line] of lines.entries()) {
      const text = withoutTrailingBlanks(line);
      if (text === "" || text.startsWith("#")) continue;
      const rule = ruleOf(text);
      if (typeof rule === "string") problems.push({ line: i + 1, rule: text, why: rule });
      else rules.push(rule);
    }
    this.isEmpty = lines.length === 0;
    this.problems = problems;
    this.rules = rules.reverse();
  }

  /**
   * What is said of a path where nobody else has a say: what lies in an excluded folder is excluded.
   *
   * @param path relative to where the rules lie; of a folder with a slash at its end
   */
  judge(path: string): Verdict {
    if (this.rules.length === 0) return NOTHING_SAID;
    const folder = parentPrefixOf(path);
    if (folder !== this.folder) {
      this.folder = folder;
      this.ofFolder = this.judgeWay(folder);
    }
    return this.ofFolder.excluded ? this.ofFolder : this.match(path);
  }

  /** What is said of a path itself, whatever becomes of the folders that it lies in. */
  match(path: string): Verdict {
    if (this.rules.length === 0) return NOTHING_SAID;
    const isFolder = path.endsWith("/");
    const whole = isFolder ? path.slice(0, -1) : path;
    const name = whole.slice(whole.lastIndexOf("/") + 1);
    for (const { text, isNegative, foldersOnly, ofNames, expression } of this.rules) {
      if ((foldersOnly && !isFolder) || !expression.test(ofNames ? name : whole)) continue;
      return isNegative
        ? { excluded: false, included: true }
        : { excluded: true, included: false, rule: text };
    }
    return NOTHING_SAID;
  }

  /** Whether any rule but those with `!` may match something in a folder (with a trailing slash), however deep. */
  mayMatchIn(folder: string): boolean {
    return this.rules.some(({ isNegative, lead, isPlace }) => {
      return !isNegative && (lead.startsWith(folder) || (!isPlace && folder.startsWith(lead)));
    });
  }

  private judgeWay(folder: string): Verdict {
    for (const outer of prefixesOf(folder)) {
      const verdict = this.match(outer);
      if (verdict.excluded) return verdict;
    }
    return NOTHING_SAID;
  }
}

/** A rule, or why there is none. */
function ruleOf(text: string): Rule | string {
  const isNegative = text.startsWith("!");
  const given = isNegative ? text.slice(1) : text;
  const foldersOnly = given.endsWith("/");
  const pattern = foldersOnly ? given.slice(0, -1) : given;
  if (pattern === "") return "it names nothing";
  const ofNames = !pattern.includes("/");
  const whole = pattern.replace(/^\//, "");
  const compiled = compileWildcards(whole);
  if ("problem" in compiled) return compiled.problem;
  const lead = ofNames ? "" : (LEAD.exec(whole) as RegExpExecArray)[0];
  const isPlace = !ofNames && lead === whole;
  return { text, isNegative, foldersOnly, ofNames, lead, isPlace, expression: compiled.expression };
}

/** Blanks at the end do not count, unless a backslash stands in front. */
function withoutTrailingBlanks(line: string): string {
  let end = 0;
  for (let at = 0; at < line.length; at++) {
    if (line[at] === "\\") at++;
    else if (line[at] === " ") continue;
    end = at + 1;
  }
  return line.slice(0, end);
}

/** The lines of a file of rules. */
export function rulesIn(text: string): string[] {
  return text.replace(/^\ufeff/, "").split(/\r?\n/);
}
