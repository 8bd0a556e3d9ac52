/**
 * Globs as a shell has them, on the command line. Pure.
 *
 * Stars, `?` and sets mean what they mean in rules (`wildcards.ts`); beside them `{a,b}` is either. Every other character stands for
 * itself, and so does a bracket or brace that is not closed: names may hold any of them.
 */
import { compileWildcards } from "./wildcards.ts";

/** What belongs together: an escaped character, a set, stars, any other character. */
const TOKEN = /\\.|\[[!^]?\]?(?:\[:[a-z]+:\]|\\.|[^\]\\])*\]|\*+|./gsu;

/** What a glob matches: whole paths, and always the path that reads like it. */
export function globOf(glob: string): (path: string) => boolean {
  const patterns = alternatives(glob.match(TOKEN) ?? []).map(patternOf);
  // As in a shell, all that lies in a folder includes the folder.
  const folders = patterns
    .filter((pattern) => pattern.endsWith("/**"))
    .map((pattern) => pattern.slice(0, -3));
  const expressions = [...patterns, ...folders].flatMap((pattern) => {
    const compiled = compileWildcards(pattern);
    return "expression" in compiled ? [compiled.expression] : [];
  });
  return (path) => path === glob || expressions.some((expression) => expression.test(path));
}

/** The globs without braces that one with braces stands for. */
function alternatives(tokens: readonly string[]): string[] {
  for (const [open, token] of tokens.entries()) {
    const parts = token === "{" ? partsAt(tokens, open) : undefined;
    if (parts === undefined) continue;
    const end = open + parts.reduce((length, part) => length + part.length + 1, 1);
    const before = tokens.slice(0, open).join("");
    const after = alternatives(tokens.slice(end));
    return parts.flatMap(alternatives).flatMap((part) => after.map((rest) => before + part + rest));
  }
  return [tokens.join("")];
}

/** What stands between the commas of braces; undefined without a comma, or an end. */
function partsAt(tokens: readonly string[], open: number): string[][] | undefined {
  const parts: string[][] = [];
  let depth = 1;
  let begun = open + 1;
  for (let at = begun; at < tokens.length; at++) {
    const token = tokens[at];
    if (token === "{") depth++;
    if (token === "}") depth--;
    if (depth > 1 || (depth === 1 && token !== ",")) continue;
    parts.push(tokens.slice(begun, at));
    begun = at + 1;
    if (depth === 0) return parts.length > 1 ? parts : undefined;
  }
  return undefined;
}

/** In the syntax of rules, where two stars beside other characters may cross folders, and an open bracket is an error. */
function patternOf(glob: string): string {
  return glob.replace(TOKEN, (token, at: number) => {
    if (token === "[" || token === "\\") return `\\${token}`;
    if (!token.startsWith("*")) return token;
    const isComponent =
      [undefined, "/"].includes(glob[at - 1]) && [undefined, "/"].includes(glob[at + token.length]);
    return isComponent && token.length > 1 ? "**" : "*";
  });
}
