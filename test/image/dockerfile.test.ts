import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseDockerfile, parseExecForm, splitOptions } from "./dockerfile.ts";

describe("reading a Dockerfile", () => {
  test("joins continued lines, drops comments among them, and numbers instructions by their first line", () => {
    const text = "# head\n\nFROM a AS b\nrun one \\\n  # why\n && two \\\n\n && three\n";
    expect(parseDockerfile(text)).toEqual([
      { keyword: "FROM", text: "a AS b", line: 3 },
      { keyword: "RUN", text: "one && two && three", line: 4 },
    ]);
  });

  test.each(["RUN one \\\n", "FROM", "???  x"])("%j is refused", (text) => {
    expect(() => parseDockerfile(text)).toThrow(/^line 1/);
  });

  test("options come off the front only", () => {
    const { options, rest } = splitOptions("--from=build --chmod=755 a --b=c d/");
    expect([...options]).toEqual([
      ["from", "build"],
      ["chmod", "755"],
    ]);
    expect(rest).toEqual(["a", "--b=c", "d/"]);
  });

  test("a command has to be in exec form, so that signals reach it", () => {
    expect(parseExecForm('["a", "b c"]')).toEqual(["a", "b c"]);
    expect(() => parseExecForm("a b")).toThrow();
    expect(() => parseExecForm('["a", 1]')).toThrow();
  });
});

describe("the project's Dockerfile", () => {
  const instructions = parseDockerfile(readFileSync(new URL("../../Dockerfile", import.meta.url), "utf8"));
  const last = instructions.slice(instructions.findLastIndex(({ keyword }) => keyword === "FROM"));

  test("ends as a user who is not root, given as a number", () => {
    expect(last.findLast(({ keyword }) => keyword === "USER")?.text).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  });

  test("takes no secret as ARG or ENV", () => {
    for (const { keyword, text } of instructions) {
      if (keyword === "ARG" || keyword === "ENV") expect(text).not.toMatch(/password|secret|key|token/i);
    }
  });

  test("installs from the lock file alone, without install scripts", () => {
    const installs = instructions.filter(({ text }) => /\bnpm (ci|install|i)\b/.test(text));
    expect(installs.length).toBeGreaterThan(0);
    for (const { text } of installs) expect(text).toMatch(/npm ci .*--ignore-scripts/);
  });
});
