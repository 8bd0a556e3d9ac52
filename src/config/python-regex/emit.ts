/** Writes a parsed Python expression as the source of a JavaScript one with the `v` flag. */
import { ignoringCase } from "./casing.ts";
import type { Category, Node, SetItem } from "./syntax.ts";

/** Python's `\d`, `\s` and `\w` for text; its `\s` knows the separators U+001C..U+001F, JavaScript's does not. */
const UNICODE = {
  digit: "\\p{Nd}",
  space:
    "\\t-\\r\\u{1c}-\\u{20}\\u{85}\\u{a0}\\u{1680}\\u{2000}-\\u{200a}\\u{2028}\\u{2029}\\u{202f}\\u{205f}\\u{3000}",
  word: "\\p{L}\\p{N}_",
};
/** The same under `(?a)`. */
const ASCII = { digit: "0-9", space: "\\t-\\r\\u{20}", word: "0-9A-Z_a-z" };

/** The JavaScript source, to be compiled with the flag `v` and no other. */
export function emitJavaScript(node: Node): string {
  return new Emitter().emit(node);
}

class Emitter {
  /** Python's group numbers to ours: atomic groups take numbers of their own. */
  readonly #numbers = new Map<number, number>();
  #groups = 0;

  emit(node: Node): string {
    switch (node.kind) {
      case "set":
        return setSource(node);
      case "any":
        return node.dotAll ? "[^]" : "[^\\n]";
      case "anchor":
        return anchorSource(node);
      case "sequence":
        return node.items.map((item) => this.emit(item)).join("");
      case "branch":
        return `(?:${node.options.map((option) => this.emit(option)).join("|")})`;
      case "group":
        if (node.capture === undefined) return `(?:${this.emit(node.body)})`;
        this.#numbers.set(node.capture, ++this.#groups);
        return `(${this.emit(node.body)})`;
      case "atomic": {
        // A look-ahead is never entered again, so what it captured is all that this can match.
        const number = ++this.#groups;
        return `(?:(?=(${this.emit(node.body)}))\\${number})`;
      }
      case "look":
        return `(?${node.behind ? "<" : ""}${node.negated ? "!" : "="}${this.emit(node.body)})`;
      case "repeat":
        return `(?:${this.emit(node.body)})${times(node.min, node.max)}${node.lazy ? "?" : ""}`;
      case "reference":
        return `(?:\\${this.#numbers.get(node.group)})`;
    }
  }
}

function times(min: number, max: number): string {
  return max === Number.POSITIVE_INFINITY ? `{${min},}` : `{${min},${max}}`;
}

function anchorSource(node: Extract<Node, { kind: "anchor" }>): string {
  switch (node.anchor) {
    case "start":
      return "(?<![^])";
    case "line-start":
      return "(?<![^\\n])";
    case "end":
      return "(?=\\n?(?![^]))";
    case "line-end":
      return "(?![^\\n])";
    case "very-end":
      return "(?![^])";
    case "boundary":
    case "no-boundary": {
      const word = `[${(node.ascii ? ASCII : UNICODE).word}]`;
      const [left, right] = node.anchor === "boundary" ? ["!", "="] : ["=", "!"];
      return `(?:(?<=${word})(?${left}${word})|(?<!${word})(?${right}${word}))`;
    }
  }
}

function setSource(set: Extract<Node, { kind: "set" }>): string {
  const plain = set.items.filter((item) => item.kind === "range");
  const ranges = set.ignoreCase ? ignoringCase(plain, set.ascii) : plain;
  const items: SetItem[] = [...ranges, ...set.items.filter((item) => item.kind === "category")];
  const only = items[0];
  if (items.length === 1 && !set.negated && only?.kind === "range" && only.from === only.to) {
    return charSource(only.from);
  }
  const sources = items.map((item) => itemSource(item, set.ascii)).join("");
  return `[${set.negated ? "^" : ""}${sources}]`;
}

function itemSource(item: SetItem, ascii: boolean): string {
  if (item.kind === "category") return categorySource(item, ascii);
  return item.from === item.to ? charSource(item.from) : `${charSource(item.from)}-${charSource(item.to)}`;
}

function categorySource(item: Category, ascii: boolean): string {
  return `[${item.negated ? "^" : ""}${(ascii ? ASCII : UNICODE)[item.category]}]`;
}

/** Letters and digits as they are, everything else by number: no character needs thinking about. */
function charSource(code: number): string {
  const char = String.fromCodePoint(code);
  return /^[0-9A-Za-z]$/.test(char) ? char : `\\u{${code.toString(16)}}`;
}
