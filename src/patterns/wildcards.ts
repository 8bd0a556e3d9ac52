/**
 * Patterns with the wildcards of gitignore(5) as regular expressions: what git's wildmatch.c makes of them, but for `?` and
 * `[...]`, which are one character here and one byte there. Pure.
 */

/** What a pattern matches, or why it can match nothing at all. */
export type Compiled = { readonly expression: RegExp } | { readonly problem: string };

/** A part of a pattern as a part of an expression, and where the next one begins. */
type Part = { readonly source: string; readonly end: number } | { readonly problem: string };

/** Of ASCII alone, as in git. */
const CLASSES: ReadonlyMap<string, string> = new Map([
  ["alnum", "0-9A-Za-z"],
  ["alpha", "A-Za-z"],
  ["blank", " \\t"],
  ["cntrl", "\\0-\\x1f\\x7f"],
  ["digit", "0-9"],
  ["graph", "\\x21-\\x7e"],
  ["lower", "a-z"],
  ["print", "\\x20-\\x7e"],
  ["punct", "\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e"],
  ["space", " \\t-\\r"],
  ["upper", "A-Z"],
  ["xdigit", "0-9A-Fa-f"],
]);
const UNCLOSED = "its [ has no ]";
const ANY_FOLDERS = "(?:.*/)?";

/** @param pattern matches whole paths, with slashes at neither end */
export function compileWildcards(pattern: string): Compiled {
  const chars = [...pattern];
  let source = "";
  for (let at = 0; at < chars.length; ) {
    const part = partAt(chars, at);
    if ("problem" in part) return part;
    // More of them in a row mean the same, and would take time beyond all measure.
    if (part.source !== ANY_FOLDERS || !source.endsWith(ANY_FOLDERS)) source += part.source;
    at = part.end;
  }
  return { expression: new RegExp(`^${source}$`, "su") };
}

function partAt(chars: readonly string[], at: number): Part {
  const char = chars[at] as string;
  if (char === "*") return starsAt(chars, at);
  if (char === "?") return { source: "[^/]", end: at + 1 };
  if (char === "[") return setAt(chars, at);
  if (char !== "\\") return { source: literal(char), end: at + 1 };
  const escaped = chars[at + 1];
  return escaped === undefined
    ? { problem: "it ends in a backslash" }
    : { source: literal(escaped), end: at + 2 };
}

function starsAt(chars: readonly string[], at: number): Part {
  let end = at;
  while (chars[end] === "*") end++;
  const isComponent = end > at + 1 && (chars[at - 1] === "/" || isPlain(chars.slice(0, at)));
  const next = chars[end] === "\\" ? chars[end + 1] : chars[end];
  if (!isComponent || (end < chars.length && next !== "/")) return { source: "[^/]*", end };
  return chars[end] === "/" ? { source: ANY_FOLDERS, end: end + 1 } : { source: ".*", end };
}

/**
 * gitignore(5) lets two stars cross folders only between slashes. git compares what stands before the first wildcard by
 * itself, though, and looks at the rest as a pattern of its own, with nothing in front: `a**` + `/b` matches `a/x/b` too.
 */
function isPlain(chars: readonly string[]): boolean {
  return !chars.some((char) => "*?[\\".includes(char));
}

/** `[...]`: characters, ranges and classes. A `]` that comes first is a character, and so is a `-` at either end. */
function setAt(chars: readonly string[], open: number): Part {
  const isNegated = chars[open + 1] === "!" || chars[open + 1] === "^";
  const first = open + (isNegated ? 2 : 1);
  let content = "";
  /** What a `-` would make the beginning of a range. */
  let before: string | undefined;
  let at = first;
  while (at === first || chars[at] !== "]") {
    const className = classAt(chars, at);
    if (className !== undefined) {
      const members = CLASSES.get(className);
      if (members === undefined) return { problem: `there is no class [:${className}:]` };
      content += members;
      before = undefined;
      at += className.length + 4;
      continue;
    }
    const isRange = before !== undefined && chars[at] === "-" && chars[at + 1] !== "]";
    if (isRange) at++;
    if (chars[at] === "\\") at++;
    const char = chars[at++];
    if (char === undefined) return { problem: UNCLOSED };
    if (!isRange) content += literal(char);
    else if (codeOf(before as string) <= codeOf(char))
      content += `${literal(before as string)}-${literal(char)}`;
    before = isRange ? undefined : char;
  }
  return { source: `(?!/)[${isNegated ? "^" : ""}${content}]`, end: at + 1 };
}

/** The name in a `[:name:]`. */
function classAt(chars: readonly string[], at: number): string | undefined {
  if (chars[at] !== "[" || chars[at + 1] !== ":") return undefined;
  const end = chars.indexOf("]", at + 2);
  return end > at + 2 && chars[end - 1] === ":" ? chars.slice(at + 2, end - 1).join("") : undefined;
}

function literal(char: string): string {
  return /^[0-9A-Za-z/]$/.test(char) ? char : `\\u{${codeOf(char).toString(16)}}`;
}

function codeOf(char: string): number {
  return char.codePointAt(0) as number;
}
