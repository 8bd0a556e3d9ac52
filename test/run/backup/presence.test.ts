import { expect, test } from "vitest";
import { Presence } from "../../../src/run/backup/presence.ts";

test("what is there, and what is missing, counts in all and for the source that it is of", () => {
  const presence = new Presence(["a", "b"]);
  for (const path of ["a/1", "a/2/3", "b/1"]) presence.meet(path);
  for (const path of ["a/1", "a/old", "a/x", "b/1", "b/old", "c/old", "bx"]) presence.meetLive(path);
  presence.leaveOut("a/x");
  for (const path of ["a/old", "b/old", "c/old", "bx"]) presence.miss(path);
  presence.explain("b/old");
  expect(presence.all).toEqual({ sourceFiles: 3, livePaths: 6, lost: 3 });
  expect(presence.parts).toEqual([
    { name: "a", sourceFiles: 2, livePaths: 2, lost: 1 },
    { name: "b", sourceFiles: 1, livePaths: 2, lost: 0 },
  ]);
});

test("one source has no parts", () => {
  const presence = new Presence();
  presence.meet("a/1");
  presence.meetLive("a/1");
  presence.miss("a/1");
  expect(presence.all).toEqual({ sourceFiles: 1, livePaths: 1, lost: 1 });
  expect(presence.parts).toEqual([]);
});
