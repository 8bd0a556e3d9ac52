/**
 * The tree that a Python regular expression is parsed into (parse.ts) and JavaScript is written from (emit.ts).
 * Flags such as `(?i)` are already resolved: each node carries what applies to it.
 */

/** A range of code points, both ends included. */
export interface CodeRange {
  readonly kind: "range";
  readonly from: number;
  readonly to: number;
}

/** `\d`, `\s` or `\w`, or their negation. */
export interface Category {
  readonly kind: "category";
  readonly category: "digit" | "space" | "word";
  readonly negated: boolean;
}

export type SetItem = CodeRange | Category;

export type Anchor = "start" | "line-start" | "end" | "line-end" | "very-end" | "boundary" | "no-boundary";

export type Node =
  | {
      readonly kind: "set";
      readonly negated: boolean;
      readonly items: readonly SetItem[];
      readonly ignoreCase: boolean;
      readonly ascii: boolean;
    }
  | { readonly kind: "any"; readonly dotAll: boolean }
  | { readonly kind: "anchor"; readonly anchor: Anchor; readonly ascii: boolean }
  | { readonly kind: "sequence"; readonly items: readonly Node[] }
  | { readonly kind: "branch"; readonly options: readonly Node[] }
  /** `capture` is Python's group number. */
  | { readonly kind: "group"; readonly capture: number | undefined; readonly body: Node }
  | { readonly kind: "atomic"; readonly body: Node }
  | { readonly kind: "look"; readonly behind: boolean; readonly negated: boolean; readonly body: Node }
  | {
      readonly kind: "repeat";
      readonly min: number;
      readonly max: number;
      readonly lazy: boolean;
      readonly body: Node;
    }
  | { readonly kind: "reference"; readonly group: number };

/** What is wrong with an expression, and where (code points from its start, counted from 0). */
export class RegexSyntaxError extends Error {
  readonly position: number;

  constructor(message: string, position: number) {
    super(message);
    this.name = "RegexSyntaxError";
    this.position = position;
  }
}

/**
 * Whether a node always matches the same number of characters, as Python demands of a look-behind.
 * Undefined: it does not.
 */
export function fixedWidth(node: Node): number | undefined {
  switch (node.kind) {
    case "set":
    case "any":
      return 1;
    case "anchor":
    case "look":
      return 0;
    case "group":
    case "atomic":
      return fixedWidth(node.body);
    case "reference":
      return undefined;
    case "repeat": {
      const width = fixedWidth(node.body);
      if (width === undefined) return undefined;
      return node.min === node.max || width === 0 ? (width === 0 ? 0 : width * node.min) : undefined;
    }
    case "sequence": {
      let sum = 0;
      for (const item of node.items) {
        const width = fixedWidth(item);
        if (width === undefined) return undefined;
        sum += width;
      }
      return sum;
    }
    case "branch": {
      const widths = new Set(node.options.map(fixedWidth));
      return widths.size === 1 ? [...widths][0] : undefined;
    }
  }
}

/**
 * Whether a loop in here can go round without taking a character. Python then leaves the loop, JavaScript goes
 * back and tries the next alternative: the same in the end, unless going back is forbidden.
 */
export function hasEmptyLoop(node: Node): boolean {
  switch (node.kind) {
    case "sequence":
      return node.items.some(hasEmptyLoop);
    case "branch":
      return node.options.some(hasEmptyLoop);
    case "repeat":
      return (node.max > 1 && canBeEmpty(node.body)) || hasEmptyLoop(node.body);
    case "group":
    case "atomic":
    case "look":
      return hasEmptyLoop(node.body);
    default:
      return false;
  }
}

function canBeEmpty(node: Node): boolean {
  switch (node.kind) {
    case "set":
    case "any":
      return false;
    case "anchor":
    case "look":
    case "reference":
      return true;
    case "sequence":
      return node.items.every(canBeEmpty);
    case "branch":
      return node.options.some(canBeEmpty);
    case "repeat":
      return node.min === 0 || canBeEmpty(node.body);
    case "group":
    case "atomic":
      return canBeEmpty(node.body);
  }
}
