import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GitignoreRules, rulesIn } from "../../src/patterns/gitignore.ts";
import { RUNS_FACTOR, SEED } from "../property.ts";

const name = fc.constantFrom(
  "a",
  "b",
  "A",
  "a b",
  " a",
  "[x]",
  "x",
  "é",
  "日本",
  "#a",
  "!a",
  "a.tmp",
  "{a,b}",
  "a+b",
  "(a)",
  "$a",
  "keep",
);
const filePath = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
const pattern = fc.oneof(
  name,
  filePath,
  fc.constantFrom(
    "*.tmp",
    "*",
    "/a",
    "a/",
    "**/x",
    "a/**",
    "a/**/b",
    "a/**/",
    "**/",
    "**",
    "a/***/b",
    "a**/b",
    "*/**/a",
    "[[:alpha:]]",
    "[![:alpha:]]*",
    "[[:punct:]]x*",
    "*[[:upper:][:space:]b]",
    "[]x]*",
    "[a-c-e]",
    "[a-",
    "[[:alpa:]]",
    "[c-a]",
    "a\\",
    "/",
    "//a",
    "[!x]",
    "\\[x\\]",
    "\\#a",
    "\\!a",
    "a?b",
    "*é",
    "",
    "# comment",
    "a ",
    "a\\ ",
  ),
);
/** What wildcards can be put together from, sensible or not. */
const pieces = fc
  .array(
    fc.constantFrom(
      ...["a", "b", "ab", "/", "*", "**", "***", "**/", "/**", "/**/", "?", "-", "!", "#", "{", " ", "\\ "],
      ...["[ab]", "[!a]", "[^b]", "[a-b]", "[]a]", "[a-]", "[\\]]", "[/]", "[a/b]", "[[:alpha:]]", "[", "]"],
      ...["\\a", "\\*", "\\"],
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((parts) => parts.join(""));
const line = fc
  .tuple(fc.boolean(), fc.oneof(pattern, pieces))
  .map(([negated, text]) => (negated ? `!${text}` : text));
const plainPath = fc
  .array(fc.constantFrom("a", "b", "ab", "/", "*", "-", "]", "!", " ", "#", "\\"), {
    minLength: 1,
    maxLength: 7,
  })
  .map((parts) => parts.join("").replace(/\/+/g, "/"))
  .filter((file) => !file.startsWith("/") && !file.endsWith("/"));
const world = fc.record({
  lines: fc.array(line, { maxLength: 5 }),
  files: fc.uniqueArray(fc.oneof(filePath, plainPath), { minLength: 1, maxLength: 8 }),
});

describe("rules", () => {
  it("leave out what git leaves out", () => {
    const worlds = fc.sample(world, { numRuns: 3000 * RUNS_FACTOR, seed: SEED });
    const cases = worlds.flatMap(({ lines, files }, i) => {
      const rules = new GitignoreRules(lines);
      // To git `?` and `[...]` are one byte; here they are one character.
      const ofBytes = lines.some((text) => /[?[]/.test(text));
      const paths = ofBytes ? files.filter((file) => /^[\x20-\x7e]*$/.test(file)) : files;
      return paths.map((file) => ({ lines, file, inGit: `${i}/${file}`, ours: rules.judge(file).excluded }));
    });
    const ignored = ignoredByGit(
      worlds.map(({ lines }) => lines),
      cases.map(({ inGit }) => inGit),
    );
    expect(cases.filter(({ inGit, ours }) => ours !== ignored.has(inGit))).toEqual([]);
    expect(ignored.size).toBeGreaterThan(cases.length / 20);
  });

  it("take two stars after letters as git does, not as its manual does", () => {
    // They stayed within a folder; CI drew the sample.
    const rules = new GitignoreRules(["a**/b", "c/d**/?", "[x]y**/z"]);
    const files = ["a/b", "a/a/b", "ax/y/b", "xa/a/b", "c/dd/d/d", "xy/z", "xy/y/z"];
    expect(files.filter((file) => rules.judge(file).excluded)).toEqual([
      "a/b",
      "a/a/b",
      "ax/y/b",
      "c/dd/d/d",
      "xy/z",
    ]);
  });

  it("of folders alone leave the files beside these", () => {
    // They were taken for everything in it.
    const rules = new GitignoreRules(["dir/**/"]);
    expect(["dir/f", "dir/sub/g", "dir"].filter((file) => rules.judge(file).excluded)).toEqual(["dir/sub/g"]);
  });

  it("know the classes of POSIX", () => {
    // They matched nothing.
    const rules = new GitignoreRules(["[[:alpha:]][![:digit:]_]", "x[[:space:]-]"]);
    const files = ["ab", "a1", "a_", "1b", "éb", "x ", "x-", "xé"];
    expect(files.filter((file) => rules.judge(file).excluded)).toEqual(["ab", "x ", "x-", "xé"]);
  });

  it("take a character for one, however many units it has", () => {
    const rules = new GitignoreRules(["?", "[😀-😂]x"]);
    expect(["😀", "é", "\udc80", "😁x"].every((file) => rules.judge(file).excluded)).toBe(true);
  });

  it("that can match nothing are told", () => {
    const lines = ["# [", "", "  ", "ok", "[a-", "[[:alpa:]]", "b\\", "!", "/", "[]", "!x[[:digit:]"];
    expect(new GitignoreRules(lines).problems).toEqual([
      { line: 5, rule: "[a-", why: "its [ has no ]" },
      { line: 6, rule: "[[:alpa:]]", why: "there is no class [:alpa:]" },
      { line: 7, rule: "b\\", why: "it ends in a backslash" },
      { line: 8, rule: "!", why: "it names nothing" },
      { line: 9, rule: "/", why: "it names nothing" },
      { line: 10, rule: "[]", why: "its [ has no ]" },
      { line: 11, rule: "!x[[:digit:]", why: "its [ has no ]" },
    ]);
  });

  it("with many wildcards take no time beyond measure", () => {
    const rules = new GitignoreRules([`${"**/".repeat(50)}x`, `${"*".repeat(50)}y`]);
    expect(rules.judge(`${"a/".repeat(500)}${"b".repeat(200)}`).excluded).toBe(false);
  });

  it("are read from files of any make", () => {
    expect(rulesIn("\ufeff*.tmp\r\n\nb c\n")).toEqual(["*.tmp", "", "b c", ""]);
  });
});

/** The paths, which need not exist, that git leaves out, with rules in folders named by their places. */
function ignoredByGit(rules: readonly (readonly string[])[], paths: readonly string[]): Set<string> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "backup-gitignore-"));
  try {
    execFileSync("git", ["init", "-q", folder]);
    for (const [i, lines] of rules.entries()) {
      fs.mkdirSync(path.join(folder, String(i)));
      fs.writeFileSync(path.join(folder, String(i), ".gitignore"), `${lines.join("\n")}\n`);
    }
    const output = execFileSync("git", ["-C", folder, "check-ignore", "--no-index", "-z", "--stdin"], {
      input: paths.map((file) => `${file}\0`).join(""),
      maxBuffer: 2 ** 30,
    });
    return new Set(output.toString("utf8").split("\0").filter(Boolean));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
