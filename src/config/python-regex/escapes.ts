/**
 * Escapes and character classes of Python's `re`, read as CPython 3.11's `re/_parser.py` reads them
 * (`_escape`, `_class_escape`).
 */
import type { Reader } from "./reader.ts";
import { type Category, type CodeRange, RegexSyntaxError, type SetItem } from "./syntax.ts";

const CONTROL: ReadonlyMap<string, number> = new Map([
  ["a", 7],
  ["f", 12],
  ["n", 10],
  ["r", 13],
  ["t", 9],
  ["v", 11],
]);

const CATEGORIES: ReadonlyMap<string, Category> = new Map([
  ["d", { kind: "category", category: "digit", negated: false }],
  ["D", { kind: "category", category: "digit", negated: true }],
  ["s", { kind: "category", category: "space", negated: false }],
  ["S", { kind: "category", category: "space", negated: true }],
  ["w", { kind: "category", category: "word", negated: false }],
  ["W", { kind: "category", category: "word", negated: true }],
]);

/** One code point as a set item. */
export function literal(code: number): CodeRange {
  return { kind: "range", from: code, to: code };
}

/**
 * Reads what follows a backslash, where it means the same inside and outside a class: a category, a control
 * character, a number in hex, or a character standing for itself. `start` is the position of the backslash.
 */
export function readCommonEscape(reader: Reader, start: number): SetItem {
  const char = reader.take();
  if (char === undefined) throw new RegexSyntaxError("a backslash at the end stands for nothing", start);
  const category = CATEGORIES.get(char);
  if (category !== undefined) return category;
  const control = CONTROL.get(char);
  if (control !== undefined) return literal(control);
  if (char === "x") return literal(readHex(reader, 2, start));
  if (char === "u") return literal(readHex(reader, 4, start));
  if (char === "U") return literal(readHex(reader, 8, start));
  if (char === "N") {
    throw new RegexSyntaxError("\\N{...} is not supported: write the character itself, or \\uXXXX", start);
  }
  if (/[0-9A-Za-z]/.test(char)) throw new RegexSyntaxError(`\\${char} has no meaning`, start);
  return literal(char.codePointAt(0) ?? 0);
}

/** Octal digits from here on, at most `most`. */
export function readOctal(reader: Reader, most: number): string {
  let digits = "";
  while (digits.length < most && /^[0-7]$/.test(reader.peek() ?? "")) digits += reader.take();
  return digits;
}

/** The code point that octal digits stand for; Python stops at 0o377. */
export function octalCode(digits: string, start: number): number {
  const code = Number.parseInt(digits, 8);
  if (code > 0o377) throw new RegexSyntaxError(`\\${digits} is beyond \\377`, start);
  return code;
}

/** Reads a class after its `[`. */
export function readClass(reader: Reader, start: number): { negated: boolean; items: SetItem[] } {
  const negated = reader.skip("^");
  const items: SetItem[] = [];
  for (;;) {
    const at = reader.position;
    const char = takeInClass(reader, start);
    if (char === "]" && items.length > 0) return { negated, items };
    const low = classItem(reader, char, at);
    if (!reader.skip("-")) {
      items.push(low);
      continue;
    }
    const highAt = reader.position;
    const next = takeInClass(reader, start);
    if (next === "]") {
      items.push(low, literal(0x2d));
      return { negated, items };
    }
    items.push(rangeOf(low, classItem(reader, next, highAt), at));
  }
}

function takeInClass(reader: Reader, start: number): string {
  const char = reader.take();
  if (char === undefined) throw new RegexSyntaxError("this class has no closing ]", start);
  return char;
}

function classItem(reader: Reader, char: string, at: number): SetItem {
  if (char !== "\\") return literal(char.codePointAt(0) ?? 0);
  if (reader.skip("b")) return literal(8);
  const octal = readOctal(reader, 3);
  return octal === "" ? readCommonEscape(reader, at) : literal(octalCode(octal, at));
}

function rangeOf(low: SetItem, high: SetItem, at: number): CodeRange {
  if (low.kind !== "range" || high.kind !== "range" || high.from < low.from) {
    throw new RegexSyntaxError("this range of characters has no meaning", at);
  }
  return { kind: "range", from: low.from, to: high.from };
}

function readHex(reader: Reader, length: number, start: number): number {
  let digits = "";
  while (digits.length < length && /^[0-9a-fA-F]$/.test(reader.peek() ?? "")) digits += reader.take();
  const code = Number.parseInt(digits, 16);
  if (digits.length < length || code > 0x10ffff) {
    throw new RegexSyntaxError(`this needs ${length} hex digits of a character that exists`, start);
  }
  return code;
}
