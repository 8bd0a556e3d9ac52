/**
 * Rules in the syntax of gitignore(5), through the `ignore` package.
 */
import ignore, { type Ignore } from "ignore";

/** What the rules say of one path. `rule`: the line that decided. */
export interface Verdict {
  readonly excluded: boolean;
  /** A rule that begins with `!` took it back. */
  readonly included: boolean;
  readonly rule?: string;
}

/** The package remembers every path that it was asked about, so it is made anew after so many. */
const REMEMBERED = 10_000;

export class GitignoreRules {
  private readonly lines: readonly string[];
  private rules: Ignore | undefined;
  private asked = 0;

  constructor(lines: readonly string[]) {
    this.lines = lines.filter((line) => line.trim() !== "!").map(withPositiveClasses);
  }

  get isEmpty(): boolean {
    return this.lines.length === 0;
  }

  /** @param path relative to where the rules lie; of a folder with a slash at its end */
  judge(path: string): Verdict {
    if (this.lines.length === 0) return { excluded: false, included: false };
    if (this.rules === undefined || ++this.asked > REMEMBERED) {
      this.rules = ignore({ ignorecase: false, allowRelativePaths: true }).add([...this.lines]);
      this.asked = 0;
    }
    const { ignored, unignored, rule } = this.rules.test(path);
    return { excluded: ignored, included: unignored, ...(rule && { rule: rule.pattern }) };
  }
}

const LAST = 0xffff;
const SLASH = 0x2f;
/** Characters that the package could not take as the end of a range. */
const AWKWARD = /[\\\][^-]/;

/** The package does not know `[!a-c]`, any one but these: it gets the ranges of all others. */
function withPositiveClasses(line: string): string {
  return line.replace(/(?<!\\)\[[!^]([^\]/]+)\]/g, (whole, content: string) => {
    const taken = [...content.matchAll(/(.)-(.)|(.)/gs)].map(
      ([, from = "", to = "", one]): [number, number] =>
        one === undefined ? [from.charCodeAt(0), to.charCodeAt(0)] : [one.charCodeAt(0), one.charCodeAt(0)],
    );
    taken.push([SLASH, SLASH]);
    taken.sort((a, b) => a[0] - b[0]);
    const edges: string[] = [];
    let next = 1;
    for (const [from, to] of [...taken, [LAST + 1, LAST + 1] as const]) {
      if (from > next) edges.push(String.fromCharCode(next), String.fromCharCode(from - 1));
      next = Math.max(next, to + 1);
    }
    if (AWKWARD.test(edges.join(""))) return whole;
    return `[${edges.map((edge, i) => (i % 2 === 0 ? `${edge}-` : edge)).join("")}]`;
  });
}

/** The lines of a file of rules. */
export function rulesIn(text: string): string[] {
  return text.replace(/^\ufeff/, "").split(/\r?\n/);
}
