import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compilePythonRegex } from "../../src/config/python-regex.ts";
import { ConfigError } from "../../src/errors.ts";

interface Vectors {
  readonly paths: readonly string[];
  readonly expressions: readonly {
    readonly expression: string;
    readonly matches: readonly number[] | null;
  }[];
}

const vectors = JSON.parse(
  readFileSync(new URL("python-regex-vectors.json", import.meta.url), "utf8"),
) as Vectors;
const script = new URL("python-regex-vectors.py", import.meta.url).pathname;

function ours(expression: string, paths: readonly string[]): number[] | null {
  let regex: RegExp;
  try {
    regex = compilePythonRegex(expression, "ignore_regex[0]");
  } catch (error) {
    if (error instanceof ConfigError) return null;
    throw error;
  }
  return paths.flatMap((path, i) => (regex.test(path) ? [i] : []));
}

/** Fixed, so that a mistake in one version of Python's engine cannot fail a build now and then. */
const SEED = 20_260_101;

const hasPython =
  spawnSync("python3", [
    "-c",
    "import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)))",
  ]).status === 0;

function python(
  expressions: readonly string[],
  paths: readonly string[],
  seconds = 0.05,
): (number[] | null | "slow")[] {
  const input = JSON.stringify({ expressions, paths, seconds });
  return JSON.parse(execFileSync("python3", [script], { input, encoding: "utf8", timeout: 60_000 })) as (
    | number[]
    | null
    | "slow"
  )[];
}

describe("an expression in Python's dialect", () => {
  it.each(vectors.expressions)(
    "matches the paths that re.match matches: $expression",
    ({ expression, matches }) => {
      expect(ours(expression, vectors.paths)).toEqual(matches);
    },
  );

  it.each([
    ["(a)?b\\1", 6, /optional/],
    ["(?=(a))\\1", 8, /not supported/],
    ["(?>(?:|a)+)b", 1, /match nothing/],
    ["(?:|a)++b", 7, /match nothing/],
    ["(?:(a)|b)\\1", 10, /alternatives/],
    ["(?:(a))+\\1", 9, /repeated/],
    ["(?!(a))\\1", 8, /not supported/],
    ["(?i)(a)\\1", 8, /case is ignored/],
    ["(a)(?<=\\1)b", 8, /look-behind/],
    ["(?<=(?>a))b", 5, /look-behind/],
    ["(a)(?(1)b|c)", 4, /condition/],
    ["\\N{EM DASH}", 1, /\\uXXXX/],
    ["x(", 2, /closing/],
    ["\u{1f600}\u{1f600})", 3, /closes nothing/],
  ])("%s is refused at character %i, with the reason", (expression, position, reason) => {
    const compile = () => compilePythonRegex(expression, "ignore_regex[7]");
    expect(compile).toThrow(ConfigError);
    expect(compile).toThrow(reason);
    expect(compile).toThrow(`, character ${position}: `);
    expect(compile).toThrow(/^ignore_regex\[7\]: "/);
  });

  it("that JavaScript cannot hold is refused, not thrown as it is", () => {
    expect(() => compilePythonRegex(`${"(".repeat(30_000)}${")".repeat(30_000)}`, "k")).toThrow(ConfigError);
  });

  it("is shown on one line when it holds line breaks and terminal escapes", () => {
    const compile = () => compilePythonRegex("(\n\u001b[31m\u202e", "k");
    expect(compile).toThrow(/^[\x20-\x7e]*$/);
  });
});

/** Pieces that are put together at random: most results are valid, and all meet each other sooner or later. */
const atom = fc.constantFrom(
  ..."a b A é É ß i I ı İ K s ſ 1 _ . ^ $ \\A \\Z \\b \\B \\d \\w \\s \\D \\W \\S \\. \\n / [ab] [^a] [^\\w] [i-k] [\\W_] \u{1f600}".split(
    " ",
  ),
  "\n",
  " ",
);
const suffix = fc.constantFrom("", "", "", "*", "+", "?", "*?", "+?", "{2}", "{,2}", "{1,2}?", "*+", "++");
const { expression: expressions } = fc.letrec<{ expression: string; piece: string; group: string }>(
  (tie) => ({
    expression: fc.array(tie("piece"), { maxLength: 3 }).map((pieces) => pieces.join("")),
    piece: fc.tuple(fc.oneof({ maxDepth: 2 }, atom, tie("group")), suffix).map((parts) => parts.join("")),
    group: fc
      .tuple(
        fc.constantFrom(
          "(",
          "(?:",
          "(?i:",
          "(?-i:",
          "(?s:",
          "(?m:",
          "(?=",
          "(?!",
          "(?<=",
          "(?<!",
          "(?>",
          "(?x:",
        ),
        tie("expression"),
        fc.constantFrom("", "|a", "|", "|B"),
      )
      .map(([open, body, other]) => `${open}${body}${other})`),
  }),
);
const flagged = fc
  .tuple(fc.constantFrom("", "(?i)", "(?s)", "(?m)", "(?a)", "(?x)"), expressions)
  .map((p) => p.join(""));
const path = fc.string({
  unit: fc.constantFrom(...("aabbABéÉßẞiIıİkKKsſ1_/. \n\u{1f600}\udcff\u0301".match(/./gsu) ?? [])),
  minLength: 1,
  maxLength: 6,
});

describe.runIf(hasPython)("beside the python3 of this machine", () => {
  it("the committed results are what Python says", () => {
    const said = python(
      vectors.expressions.map(({ expression }) => expression),
      vectors.paths,
    );
    expect(said).toEqual(vectors.expressions.map(({ matches }) => matches));
  });

  it("random expressions over random paths agree wherever we accept them", () => {
    const samples = fc.sample(flagged, { numRuns: 1200, seed: SEED });
    const paths = fc.sample(path, { numRuns: 40, seed: SEED });
    const said = python(samples, paths);
    let accepted = 0;
    for (const [i, expression] of samples.entries()) {
      if (said[i] === "slow") continue;
      const mine = ours(expression, paths);
      if (mine === null) continue;
      accepted++;
      expect(mine, JSON.stringify({ expression, paths })).toEqual(said[i]);
    }
    expect(accepted).toBeGreaterThan(samples.length / 3);
  });

  it("every character with a case equals the same others when case is ignored", () => {
    const cased = Array.from({ length: 0x1e944 }, (_, code) => code)
      .filter((code) => code < 0xd800 || code > 0xdfff)
      .map((code) => String.fromCodePoint(code))
      .filter((char) => /^\p{Lu}|\p{Ll}|\p{Lt}$/u.test(char));
    // Letters that this Python does not know yet have no case there, so only the old blocks are compared.
    const old = cased.filter((char) => (char.codePointAt(0) ?? 0) < 0x1c89);
    const chosen = fc.sample(fc.constantFrom(...old), { numRuns: 150, seed: SEED });
    expect(chosen.map((char) => ours(`(?i)${char}`, old))).toEqual(
      python(
        chosen.map((char) => `(?i)${char}`),
        old,
        30,
      ),
    );
  });
});
