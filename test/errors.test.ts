import { describe, expect, it } from "vitest";
import { errorCode } from "../src/errors.ts";
import { localError } from "../src/storage/local/local-error.ts";
import { isPassing } from "../src/storage/passing.ts";

/** As calls of node:fs that wait throw it, and as its promises are rejected with it. */
const errors = (errno: number) =>
  ["UNKNOWN", `Unknown system error ${errno}`].map((code) =>
    Object.assign(new Error(`${code}: open 'x'`), { code, errno, syscall: "open" }),
  );

describe("the code of an error", () => {
  it.each([
    ["EDQUOT", -122],
    ["ESTALE", -116],
    ["errno 117", -117],
  ])("is %s where Node has no name for it", (name, errno) => {
    for (const error of errors(errno)) expect(errorCode(error)).toBe(name);
  });

  it("is what the error says it is", () => {
    expect(errorCode(Object.assign(new Error("no"), { code: "ENOENT", errno: -2 }))).toBe("ENOENT");
    expect(errorCode(Object.assign(new Error("no"), { code: "UNKNOWN" }))).toBe("UNKNOWN");
    expect(errorCode(new Error("no"))).toBeUndefined();
    expect(errorCode("no")).toBeUndefined();
  });

  it("tells of a full quota what to do, and that it may pass", () => {
    for (const error of errors(-122)) {
      const told = localError("destination", error, "cannot be written", "a");
      expect(told).toMatchObject({ code: "EDQUOT", message: "cannot be written (EDQUOT)" });
      expect(told.remedy).toContain("quota");
      expect(isPassing(told)).toBe(true);
    }
  });
});
