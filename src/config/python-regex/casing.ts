/**
 * Which characters Python takes for equal under `(?i)`. JavaScript's own `i` flag folds otherwise for a few
 * letters (the dotted and dotless i among them) and cannot be switched on for part of an expression on Node 22,
 * so sets are widened instead.
 *
 * Python compares the lower case of the text's character with the set made of the lower case of the expression's
 * characters and their look-alikes (`re/_casefix.py`, `re/_compiler.py`).
 */
import type { CodeRange } from "./syntax.ts";

/** Groups of characters that share an upper case but not a lower case: `_EXTRA_CASES` of CPython 3.11. */
const LOOK_ALIKES: readonly (readonly number[])[] = [
  [0x69, 0x131],
  [0x73, 0x17f],
  [0xb5, 0x3bc],
  [0x345, 0x3b9, 0x1fbe],
  [0x390, 0x1fd3],
  [0x3b0, 0x1fe3],
  [0x3b2, 0x3d0],
  [0x3b5, 0x3f5],
  [0x3b8, 0x3d1],
  [0x3ba, 0x3f0],
  [0x3c0, 0x3d6],
  [0x3c1, 0x3f1],
  [0x3c2, 0x3c3],
  [0x3c6, 0x3d5],
  [0x432, 0x1c80],
  [0x434, 0x1c81],
  [0x43e, 0x1c82],
  [0x441, 0x1c83],
  [0x442, 0x1c84, 0x1c85],
  [0x44a, 0x1c86],
  [0x463, 0x1c87],
  [0x1c88, 0xa64b],
  [0x1e61, 0x1e9b],
  [0xfb05, 0xfb06],
];

/** No letter with two cases lies beyond this in Unicode 16. */
const LAST_CASED = 0x1ffff;

interface CaseTable {
  /** Every character that some other one equals, with its lower case. */
  readonly lower: ReadonlyMap<number, number>;
  readonly alikes: ReadonlyMap<number, readonly number[]>;
}

let table: CaseTable | undefined;

/** The ranges, and whatever equals something in them when case is ignored. */
export function ignoringCase(ranges: readonly CodeRange[], ascii: boolean): CodeRange[] {
  const { lower, alikes } = caseTable();
  const inRanges = (code: number) => ranges.some((range) => range.from <= code && code <= range.to);
  const wanted = new Set<number>();
  for (const [code, small] of lower) {
    if (!inRanges(code) || (ascii && code > 0x7f)) continue;
    wanted.add(small);
    if (!ascii) for (const alike of alikes.get(small) ?? []) wanted.add(alike);
  }
  const added: CodeRange[] = [];
  for (const [code, small] of lower) {
    if (wanted.has(small) && !inRanges(code) && !(ascii && code > 0x7f)) {
      added.push({ kind: "range", from: code, to: code });
    }
  }
  return [...ranges, ...added];
}

function caseTable(): CaseTable {
  if (table !== undefined) return table;
  const lower = new Map<number, number>();
  for (let code = 0; code <= LAST_CASED; code++) {
    if (code === 0xd800) code = 0xe000;
    const small = String.fromCodePoint(code).toLowerCase().codePointAt(0) ?? code;
    if (small === code) continue;
    lower.set(code, small);
    lower.set(small, small);
  }
  const alikes = new Map<number, readonly number[]>();
  for (const group of LOOK_ALIKES) {
    for (const code of group) {
      lower.set(code, lower.get(code) ?? code);
      alikes.set(code, group);
    }
  }
  table = { lower, alikes };
  return table;
}
