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

  it("go on after they were asked about many paths", () => {
    const rules = new GitignoreRules(["*.tmp"]);
    for (let i = 0; i < 25_000; i++) expect(rules.judge(`${i}.tmp`).excluded).toBe(true);
    expect(rules.judge("a.txt")).toEqual({ excluded: false, included: false });
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
