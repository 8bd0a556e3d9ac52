/**
 * JSON with messages for people: line, column and what is probably wrong, and never a piece of the text itself,
 * which may hold a password (`JSON.parse` quotes it). Keys given twice are found too.
 */

export class JsonSyntaxError extends Error {
  /** Both counted from 1; columns in UTF-16 units, as editors count. */
  readonly line: number;
  readonly column: number;

  constructor(message: string, text: string, offset: number) {
    super(message);
    this.name = "JsonSyntaxError";
    const before = text.slice(0, offset).split("\n");
    this.line = before.length;
    this.column = (before.at(-1) ?? "").length + 1;
  }
}

/**
 * Parses JSON (RFC 8259).
 * @returns the value, and the keys that occur twice in one object (the last one counts)
 * @throws JsonSyntaxError
 */
export function parseJson(text: string): { value: unknown; duplicates: string[] } {
  const scanner = new Scanner(text);
  scanner.scan();
  return { value: JSON.parse(text) as unknown, duplicates: scanner.duplicates };
}

/** No setting goes half as deep, and no stack ends here. */
const DEEPEST = 100;

class Scanner {
  readonly #text: string;
  readonly duplicates: string[] = [];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): void {
    if (this.#text.trim() === "") this.#fail("the file is empty; it should hold { ... }");
    this.#value();
    if (this.#next() !== "") this.#fail("something follows the end of the settings");
  }

  #value(): void {
    const char = this.#next();
    if (++this.#depth > DEEPEST) this.#fail("this is nested too deeply for settings");
    if (char === "{") this.#object();
    else if (char === "[") this.#array();
    else if (char === '"') this.#string();
    else if (!this.#match(/true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y))
      this.#fail(this.#hint());
    else if (/[\w.]/.test(this.#text[this.#at] ?? "")) this.#fail("this is no number that JSON knows");
    this.#depth--;
  }

  #object(): void {
    const keys = new Set<string>();
    this.#at++;
    if (this.#skip("}")) return;
    do {
      const next = this.#next();
      if (next === "}") this.#fail("a comma before } has to go");
      if (next !== '"')
        this.#fail(next === "'" || next === "/" || next === "#" ? this.#hint() : 'a key in "..." is missing');
      const start = this.#at;
      this.#string();
      const key = JSON.parse(this.#text.slice(start, this.#at)) as string;
      if (keys.has(key)) this.duplicates.push(key);
      keys.add(key);
      if (!this.#skip(":")) this.#fail("a colon is missing after the key");
      this.#value();
    } while (this.#skip(","));
    if (!this.#skip("}")) this.#fail("a comma or } is missing before this");
  }

  #array(): void {
    this.#at++;
    if (this.#skip("]")) return;
    do {
      if (this.#next() === "]") this.#fail("a comma before ] has to go");
      this.#value();
    } while (this.#skip(","));
    if (!this.#skip("]")) this.#fail("a comma or ] is missing before this");
  }

  #string(): void {
    const start = this.#at++;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined || char === "\n") {
        this.#at = start;
        this.#fail('this text has no closing "');
      } else if (char === '"') {
        this.#at++;
        return;
      } else if (char === "\\") {
        if (!this.#match(/\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y)) this.#fail("write a backslash as \\\\");
      } else if (char < " ") {
        this.#fail("write a tab or control character as \\t or \\u0000");
      } else {
        this.#at++;
      }
    }
  }

  #hint(): string {
    const rest = this.#text.slice(this.#at, this.#at + 5);
    if (rest === "") return "the text ends too early";
    if (rest.startsWith("'")) return "use \" in place of '";
    if (rest.startsWith("/") || rest.startsWith("#")) return "JSON has no comments";
    if (/^(true|false|none|null)/i.test(rest)) return "write true, false and null in lower case";
    return 'a value is missing: text goes in "...", else a number, true, false, null, [...] or {...}';
  }

  /** The next character that is no white space; empty at the end. */
  #next(): string {
    this.#match(/[ \t\r\n]+/y);
    return this.#text[this.#at] ?? "";
  }

  #skip(char: string): boolean {
    if (this.#next() !== char) return false;
    this.#at++;
    return true;
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #fail(message: string): never {
    throw new JsonSyntaxError(message, this.#text, this.#at);
  }
}
