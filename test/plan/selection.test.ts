import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Selection } from "../../src/plan/selection.ts";
import { assertProperty } from "../property.ts";
import { anyPath, isFilePath } from "./worlds.ts";

const PATHS = [
  "a",
  "a.txt",
  "a/b",
  "a/b/c.jpg",
  "ab",
  ".hidden",
  "d/.hidden",
  "file[1].txt",
  "file1.txt",
  "Photos (2020)/x.jpg",
  "Photos 2020/x.jpg",
  "line\nfeed/x",
  "back\\slash",
  "plus+",
  "\u{1f600}.txt",
  "bad\udcff.txt",
  "{x}",
  "star*",
  "star",
  "question?",
  "!bang",
  "#hash",
  "two  spaces",
  '"quoted"',
  "a|b",
  "dot.",
];
const picked = (...texts: string[]) => PATHS.filter((path) => new Selection(texts).selects(path));

describe("a selection", () => {
  it("of nothing selects everything", () => {
    expect(picked()).toEqual(PATHS);
    expect(new Selection([]).unmatched()).toEqual([]);
  });

  it.each<[string, string[]]>([
    ["a", ["a", "a/b", "a/b/c.jpg"]], // a file, and all below a folder, but nothing that merely begins so
    ["a/", ["a", "a/b", "a/b/c.jpg"]],
    ["./a/b", ["a/b", "a/b/c.jpg"]],
    [".", PATHS],
    ["./", PATHS],
    ["a/b/c.jpg", ["a/b/c.jpg"]],
    ["b", []],
    ["*.txt", ["a.txt", "file[1].txt", "file1.txt", "\u{1f600}.txt", "bad\udcff.txt"]],
    ["**/*.jpg", ["a/b/c.jpg", "Photos (2020)/x.jpg", "Photos 2020/x.jpg"]],
    ["d/*", ["d/.hidden"]], // `*` takes hidden files, too
    ["**/*hidden", [".hidden", "d/.hidden"]],
    ["*/.hid*", ["d/.hidden"]],
    [".hid*", [".hidden"]],
    ["a/*", ["a/b"]],
    ["a/**", ["a", "a/b", "a/b/c.jpg"]],
    ["**/x", ["line\nfeed/x"]],
    ["line*/x", ["line\nfeed/x"]],
    ["Photos (2020)/*", ["Photos (2020)/x.jpg"]],
    ["Photos (2020)", ["Photos (2020)/x.jpg"]],
    ["Photos*/*", ["Photos (2020)/x.jpg", "Photos 2020/x.jpg"]],
    ["file[1].txt", ["file[1].txt", "file1.txt"]], // that very name, and what the glob means
    ["file[!0].txt", ["file1.txt"]],
    ["file?.txt", ["file1.txt"]],
    ["star*", ["star*", "star"]],
    ["star\\*", ["star*"]],
    ["{a,ab}", ["a", "ab"]],
    ["{x}", ["{x}"]],
    ["!bang", ["!bang"]],
    ["!b*", ["!bang"]],
    ["#h*", ["#hash"]],
    ["plus+", ["plus+"]],
    ["*+", ["plus+"]],
    ["back\\slash", ["back\\slash"]],
    ["two  spaces", ["two  spaces"]],
    ["A", []], // case counts
    // What means something in a regular expression, or to other programs, is a character here.
    ['"quo*', ['"quoted"']],
    ["a|*", ["a|b"]],
    ["plus[+]", ["plus+"]],
    ["[p]lus+", ["plus+"]],
    ["?.txt", ["a.txt", "\u{1f600}.txt"]],
    ["*.*", PATHS.filter((path) => path.includes(".") && !path.includes("/"))],
    ["[[:alpha:]]", ["a"]],
    ["[a\\-c]b", ["ab"]],
    ["{star,plus}[+*]", ["plus+", "star*"]],
    ["{a,{ab,dot}{.,}}", ["a", "ab", "dot."]],
    ["{{x},y*}", ["{x}"]],
    ["file[1*", ["file[1].txt"]],
    ["fi**", ["file[1].txt", "file1.txt"]],
    ["**", PATHS],
  ])("%j", (text, expected) => {
    expect(picked(text)).toEqual(expected);
  });

  it("always finds a path by its own name, whatever characters it is made of", () => {
    assertProperty(
      fc.property(anyPath.filter(isFilePath), (path) => {
        expect(new Selection([path]).selects(path)).toBe(true);
        expect(new Selection([path]).selects(`${path}/below`)).toBe(true);
        expect(new Selection(["other", path]).selects(path)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it("never fails on what is no pattern after all", () => {
    for (const text of [
      "[",
      "[]",
      "[!]",
      "{",
      "{a",
      "*\\",
      "(*",
      "*)",
      "**(",
      "a{1,",
      "[z-a]*",
      "@(a|b*",
      "*".repeat(200),
    ]) {
      expect(() => new Selection([text]).selects("some/path"), text).not.toThrow();
    }
  });

  it("tells which texts selected nothing, each by itself", () => {
    expect(new Selection(["/", "//"]).unmatched()).toEqual(["/", "//"]);
    const selection = new Selection(["a", "none/", "*.png", "*.txt"]);
    expect(selection.unmatched()).toEqual(["a", "none", "*.png", "*.txt"]);
    for (const path of PATHS) selection.selects(path);
    expect(selection.unmatched()).toEqual(["none", "*.png"]);
  });
});
