/**
 * Parses a Python 3.11 regular expression (`re/_parser.py` is the reference) into a tree, and refuses what
 * JavaScript could not do alike.
 *
 * The one part of the semantics that has to be watched is back-references. In Python a reference to a group that
 * took no part in the match fails; in JavaScript it matches nothing and goes on, and a repeated group forgets what
 * it held. So a reference is accepted only where its group is certain to hold something: `#certain`.
 */
import { literal, octalCode, readClass, readCommonEscape, readOctal } from "./escapes.ts";
import { Reader } from "./reader.ts";
import { type Anchor, fixedWidth, hasEmptyLoop, type Node, RegexSyntaxError } from "./syntax.ts";

interface Flags {
  readonly ignoreCase: boolean;
  readonly multiline: boolean;
  readonly dotAll: boolean;
  readonly verbose: boolean;
  readonly ascii: boolean;
}

const NO_FLAGS: Flags = { ignoreCase: false, multiline: false, dotAll: false, verbose: false, ascii: false };
const MAX_REPEAT = 4294967295;

/** @throws RegexSyntaxError */
export function parsePythonRegex(expression: string): Node {
  return new Parser(expression).parse();
}

class Parser {
  readonly #reader: Reader;
  readonly #names = new Map<string, number>();
  readonly #open = new Set<number>();
  #certain = new Set<number>();
  #groups = 0;
  #behind = 0;
  #flags = NO_FLAGS;

  constructor(expression: string) {
    this.#reader = new Reader(expression);
  }

  parse(): Node {
    const node = this.#alternatives(true);
    if (this.#reader.peek() !== undefined) {
      throw new RegexSyntaxError("this ) closes nothing", this.#reader.position);
    }
    return node;
  }

  #alternatives(top: boolean): Node {
    const before = this.#certain;
    const options: Node[] = [];
    do {
      this.#certain = new Set(before);
      options.push(this.#sequence(top && options.length === 0));
    } while (this.#reader.skip("|"));
    const only = options[0];
    if (options.length === 1 && only !== undefined) return only;
    this.#certain = before;
    return { kind: "branch", options };
  }

  #sequence(first: boolean): Node {
    const items: Node[] = [];
    let groupsBeforeLast = this.#groups;
    for (;;) {
      const start = this.#reader.position;
      const char = this.#reader.peek();
      if (char === undefined || char === "|" || char === ")") return { kind: "sequence", items };
      this.#reader.take();
      if (this.#flags.verbose && this.#skippedInVerbose(char)) continue;
      const times = this.#quantifier(char, start);
      if (times !== undefined) {
        items.push(this.#repeated(items.pop(), times, start));
        for (let group = groupsBeforeLast + 1; group <= this.#groups; group++) this.#certain.delete(group);
        continue;
      }
      const groups = this.#groups;
      const node = this.#item(char, start, first && items.length === 0);
      if (node === undefined) continue;
      groupsBeforeLast = groups;
      items.push(node);
    }
  }

  #skippedInVerbose(char: string): boolean {
    if (char === "#") {
      for (let c = this.#reader.take(); c !== undefined && c !== "\n"; ) c = this.#reader.take();
      return true;
    }
    return " \t\n\r\v\f".includes(char);
  }

  /** The bounds if `char` begins a quantifier; a `{` that does not look like one stands for itself. */
  #quantifier(char: string, start: number): { min: number; max: number } | undefined {
    if (char === "?") return { min: 0, max: 1 };
    if (char === "*") return { min: 0, max: Number.POSITIVE_INFINITY };
    if (char === "+") return { min: 1, max: Number.POSITIVE_INFINITY };
    if (char !== "{" || this.#reader.peek() === "}") return undefined;
    const after = this.#reader.position;
    const low = this.#reader.takeDigits();
    const comma = this.#reader.skip(",");
    const high = comma ? this.#reader.takeDigits() : low;
    if (!this.#reader.skip("}")) {
      this.#reader.position = after;
      return undefined;
    }
    const min = low === "" ? 0 : Number(low);
    const max = high === "" ? Number.POSITIVE_INFINITY : Number(high);
    if (min >= MAX_REPEAT || (max >= MAX_REPEAT && high !== "")) {
      throw new RegexSyntaxError("this number of repetitions is too large", start);
    }
    if (max < min) throw new RegexSyntaxError("the second number is smaller than the first", start);
    return { min, max };
  }

  #repeated(body: Node | undefined, times: { min: number; max: number }, start: number): Node {
    if (body === undefined || body.kind === "anchor") {
      throw new RegexSyntaxError(
        "there is nothing to repeat before this (a * alone stands for no name)",
        start,
      );
    }
    if (body.kind === "repeat" || (body.kind === "atomic" && body.body.kind === "repeat")) {
      throw new RegexSyntaxError("what is repeated already cannot be repeated again without a group", start);
    }
    if (this.#reader.skip("?")) return { kind: "repeat", ...times, lazy: true, body };
    const greedy: Node = { kind: "repeat", ...times, lazy: false, body };
    return this.#reader.skip("+") ? this.#atomic(greedy, start) : greedy;
  }

  #item(char: string, start: number, atStart: boolean): Node | undefined {
    if (char === "(") return this.#group(start, atStart);
    if (char === "\\") return this.#escape(start);
    if (char === "[") return this.#set(readClass(this.#reader, start));
    if (char === ".") return { kind: "any", dotAll: this.#flags.dotAll };
    if (char === "^") return this.#anchor(this.#flags.multiline ? "line-start" : "start");
    if (char === "$") return this.#anchor(this.#flags.multiline ? "line-end" : "end");
    return this.#set({ negated: false, items: [literal(char.codePointAt(0) ?? 0)] });
  }

  #set(set: Omit<Extract<Node, { kind: "set" }>, "kind" | "ignoreCase" | "ascii">): Node {
    return { kind: "set", ...set, ignoreCase: this.#flags.ignoreCase, ascii: this.#flags.ascii };
  }

  #anchor(anchor: Anchor): Node {
    return { kind: "anchor", anchor, ascii: this.#flags.ascii };
  }

  #escape(start: number): Node {
    const char = this.#reader.peek() ?? "";
    if ("AZbB".includes(char) && char !== "") {
      this.#reader.take();
      if (char === "A") return this.#anchor("start");
      if (char === "Z") return this.#anchor("very-end");
      return this.#anchor(char === "b" ? "boundary" : "no-boundary");
    }
    if (char === "0") return this.#code(Number.parseInt(readOctal(this.#reader, 3), 8));
    if (/^[1-9]$/.test(char)) return this.#numbered(start);
    const item = readCommonEscape(this.#reader, start);
    return this.#set({ negated: false, items: [item] });
  }

  #code(code: number): Node {
    return this.#set({ negated: false, items: [literal(code)] });
  }

  /** `\7` and `\42` are references, `\101` is an octal number: three octal digits decide. */
  #numbered(start: number): Node {
    const after = this.#reader.position;
    const octal = readOctal(this.#reader, 3);
    if (octal.length === 3) return this.#code(octalCode(octal, start));
    this.#reader.position = after;
    let digits = this.#reader.take() ?? "";
    if (/^[0-9]$/.test(this.#reader.peek() ?? "")) digits += this.#reader.take();
    return this.#reference(Number(digits), start);
  }

  #reference(group: number, start: number): Node {
    if (group > this.#groups) throw new RegexSyntaxError(`there is no group ${group} before this`, start);
    if (this.#open.has(group)) throw new RegexSyntaxError("this refers to the group it stands in", start);
    if (this.#behind > 0) {
      throw new RegexSyntaxError("a reference inside a look-behind is not supported", start);
    }
    if (this.#flags.ignoreCase) {
      throw new RegexSyntaxError("a reference while case is ignored is not supported", start);
    }
    if (!this.#certain.has(group)) {
      throw new RegexSyntaxError(
        "a reference to a group that is optional, repeated or one of several alternatives is not supported",
        start,
      );
    }
    return { kind: "reference", group };
  }

  #group(start: number, atStart: boolean): Node | undefined {
    if (!this.#reader.skip("?")) return this.#capture(start);
    const char = this.#reader.take();
    switch (char) {
      case "P":
        return this.#pythonGroup(start);
      case ":":
        return { kind: "group", capture: undefined, body: this.#body(start) };
      case ">":
        return this.#atomic(this.#body(start), start);
      case "=":
        return { kind: "look", behind: false, negated: false, body: this.#unsure(start) };
      case "!":
        return { kind: "look", behind: false, negated: true, body: this.#unsure(start) };
      case "<":
        return this.#lookBehind(start);
      case "#":
        if (this.#reader.takeUntil(")") === undefined) {
          throw new RegexSyntaxError("this comment has no closing )", start);
        }
        return undefined;
      case "(":
        throw new RegexSyntaxError(
          "a condition (?(...)...) is not supported: write both cases as alternatives",
          start,
        );
    }
    if (char === undefined || !/[aimsuxL-]/.test(char)) {
      throw new RegexSyntaxError(`(?${char ?? ""} has no meaning in Python`, start);
    }
    return this.#flagGroup(char, start, atStart);
  }

  #capture(start: number, name?: string): Node {
    const group = ++this.#groups;
    if (name !== undefined) {
      if (this.#names.has(name)) throw new RegexSyntaxError("this group name is taken already", start);
      this.#names.set(name, group);
    }
    this.#open.add(group);
    const body = this.#body(start);
    this.#open.delete(group);
    this.#certain.add(group);
    return { kind: "group", capture: group, body };
  }

  #pythonGroup(start: number): Node {
    if (this.#reader.skip("<")) {
      const name = this.#reader.takeUntil(">");
      if (name === undefined || !/^[\p{ID_Start}_]\p{ID_Continue}*$/u.test(name)) {
        throw new RegexSyntaxError("(?P<name>...) needs a name of letters, digits and _", start);
      }
      return this.#capture(start, name);
    }
    if (!this.#reader.skip("=")) throw new RegexSyntaxError("(?P goes on with <name> or =name", start);
    const name = this.#reader.takeUntil(")");
    const group = name === undefined ? undefined : this.#names.get(name);
    if (group === undefined) throw new RegexSyntaxError("there is no group of this name before this", start);
    return this.#reference(group, start);
  }

  #lookBehind(start: number): Node {
    const negated = this.#reader.peek() === "!";
    if (!negated && this.#reader.peek() !== "=") {
      throw new RegexSyntaxError("(?< goes on with = or !; a named group is (?P<name>...)", start);
    }
    this.#reader.take();
    this.#behind++;
    const body = this.#unsure(start);
    this.#behind--;
    if (fixedWidth(body) === undefined) {
      throw new RegexSyntaxError("a look-behind must always be of one length", start);
    }
    return { kind: "look", behind: true, negated, body };
  }

  #atomic(body: Node, start: number): Node {
    if (this.#behind > 0) {
      throw new RegexSyntaxError(
        "(?>...) and possessive repetition inside a look-behind are not supported",
        start,
      );
    }
    if (hasEmptyLoop(body)) {
      throw new RegexSyntaxError("an atomic group whose loop can match nothing is not supported", start);
    }
    return { kind: "atomic", body };
  }

  /** A group's inside up to its `)`, its flags forgotten afterwards. */
  #body(start: number, flags: Flags = this.#flags): Node {
    const outer = this.#flags;
    this.#flags = flags;
    const body = this.#alternatives(false);
    this.#flags = outer;
    if (!this.#reader.skip(")")) throw new RegexSyntaxError("this ( has no closing )", start);
    return body;
  }

  /** Like `#body`, for what may have matched without its groups holding anything that can be relied on. */
  #unsure(start: number): Node {
    const before = this.#certain;
    this.#certain = new Set(before);
    const body = this.#body(start);
    this.#certain = before;
    return body;
  }

  #flagGroup(char: string, start: number, atStart: boolean): Node | undefined {
    let letters = char;
    let end = this.#reader.take();
    while (end !== undefined && end !== ")" && end !== ":") {
      letters += end;
      end = this.#reader.take();
    }
    const match = /^([aimsux]*)(?:-([imsx]+))?$/.exec(letters);
    const [, on = "", off = ""] = match ?? [];
    const clash = [...on].some((letter) => off.includes(letter)) || (on.includes("a") && on.includes("u"));
    if (match === null || end === undefined || clash || (end === ")" && off !== "")) {
      throw new RegexSyntaxError("these flags have no meaning in Python", start);
    }
    const flags = withFlags(this.#flags, on, off);
    if (end === ":") return { kind: "group", capture: undefined, body: this.#body(start, flags) };
    if (!atStart) {
      throw new RegexSyntaxError("flags for the whole expression must stand at its very start", start);
    }
    this.#flags = flags;
    return undefined;
  }
}

function withFlags(flags: Flags, on: string, off: string): Flags {
  const set = (letter: string, now: boolean) => on.includes(letter) || (now && !off.includes(letter));
  return {
    ignoreCase: set("i", flags.ignoreCase),
    multiline: set("m", flags.multiline),
    dotAll: set("s", flags.dotAll),
    verbose: set("x", flags.verbose),
    ascii: set("a", flags.ascii && !on.includes("u")),
  };
}
