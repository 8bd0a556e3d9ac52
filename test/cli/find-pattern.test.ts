import { expect, it } from "vitest";
import { findSelection } from "../../src/cli/find-pattern.ts";

const PATHS = ["a.odt", "b.txt", "letters/a.odt", "letters/old/a.odt", "letters/old/ba.odt", "other/a.odt"];
const found = (...patterns: string[]) => PATHS.filter(findSelection(patterns));

it("a pattern without a slash is of the last component, in any folder", () => {
  expect(found("a.odt")).toEqual(["a.odt", "letters/a.odt", "letters/old/a.odt", "other/a.odt"]);
  expect(found("?.odt")).toEqual(found("a.odt"));
  expect(found("letters")).toEqual([]);
});

it("one with a slash is of the whole path", () => {
  expect(found("letters/*.odt")).toEqual(["letters/a.odt"]);
  expect(found("letters/**/*.odt")).toEqual(["letters/a.odt", "letters/old/a.odt", "letters/old/ba.odt"]);
  expect(found("old/a.odt")).toEqual([]);
});

it("any of several is enough", () => {
  expect(found("*.txt", "other/*")).toEqual(["b.txt", "other/a.odt"]);
  expect(found()).toEqual([]);
});
