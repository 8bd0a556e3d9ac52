/** Which paths of the source are left out: by expression, or because the destination lies there. */
export class IgnoreRules {
  private readonly expressions: readonly RegExp[];
  private readonly prefixes: readonly string[];

  /** `expressions` match at the start of the path; `prefixes` are folders with a trailing slash. */
  constructor(expressions: readonly RegExp[], prefixes: readonly string[]) {
    this.expressions = expressions;
    this.prefixes = prefixes;
  }

  ignores(path: string): boolean {
    for (const prefix of this.prefixes) if (path.startsWith(prefix)) return true;
    for (const expression of this.expressions) {
      expression.lastIndex = 0;
      if (expression.test(path)) return true;
    }
    return false;
  }

  /** Whether a whole folder (path with a trailing slash) is left out without looking at the files in it. */
  ignoresFolder(folder: string): boolean {
    return this.prefixes.some((prefix) => folder.startsWith(prefix));
  }
}
