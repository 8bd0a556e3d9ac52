import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GitignoreRules, rulesIn } from "../../src/scan/gitignore.ts";

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
const line = fc.tuple(fc.boolean(), pattern).map(([negated, text]) => (negated ? `!${text}` : text));

describe("rules", () => {
  let folder: string;
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), "backup-gitignore-"));
    execFileSync("git", ["init", "-q", folder]);
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  it("leave out what git leaves out", () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 5 }),
        fc.uniqueArray(filePath, { minLength: 1, maxLength: 8 }),
        (lines, given) => {
          // To git `?` and `[...]` are one byte; here they are one character.
          const ofBytes = lines.some((text) => /[?[]/.test(text));
          const paths = ofBytes ? given.filter((file) => /^[\x20-\x7e]*$/.test(file)) : given;
          if (paths.length === 0) return;
          fs.writeFileSync(path.join(folder, ".git/info/exclude"), `${lines.join("\n")}\n`);
          const rules = new GitignoreRules(lines);
          const ours = paths.filter((file) => rules.judge(file).excluded);
          expect(ours).toEqual(ignoredByGit(folder, paths));
        },
      ),
      { numRuns: 150 },
    );
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

/** In the order of `paths`; the paths need not exist. */
function ignoredByGit(folder: string, paths: readonly string[]): string[] {
  const input = paths.map((file) => `${file}\0`).join("");
  try {
    const output = execFileSync("git", ["-C", folder, "check-ignore", "--no-index", "-z", "--stdin"], {
      input,
    });
    return output.toString("utf8").split("\0").filter(Boolean);
  } catch (error) {
    if ((error as { status?: number }).status === 1) return []; // none
    throw error;
  }
}
