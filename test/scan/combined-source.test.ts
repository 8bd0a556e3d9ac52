import { describe, expect, it } from "vitest";
import { StorageError } from "../../src/errors.ts";
import { CombinedSource } from "../../src/scan/combined-source.ts";
import type { Source } from "../../src/scan/source.ts";
import { madeSource, scanned, scanOf } from "./made-source.ts";

const combined = (parts: Record<string, Partial<Source>>) =>
  new CombinedSource(Object.entries(parts).map(([name, answers]) => ({ name, source: madeSource(answers) })));
const gone = (path?: string) =>
  new StorageError("source", "is not there", {
    code: "ENOENT",
    remedy: "look for it",
    ...(path && { path }),
  });
const failing = async function* () {
  yield* scanOf(["file"])({ onError() {}, onSkipped() {}, onNote() {} });
  throw gone();
};

describe("several sources", () => {
  it("follow each other by the bytes of `name/`, and tell everything below their names", async () => {
    const source = combined({
      a: {
        scan: scanOf(["x", "y"], ({ onError, onSkipped, onNote }) => {
          onError({ side: "source", kind: "failed", message: "is closed", path: "folder" });
          onError({ side: "source", kind: "failed", message: "is odd" });
          onSkipped("pipe", "a FIFO");
          onNote("no tool");
        }),
      },
      "a.b": { scan: scanOf(["x"]) },
    });
    expect(await scanned(source)).toEqual({
      paths: ["a.b/x", "a/x", "a/y"],
      sortKeys: ["a.b/x.", "a/x.", "a/y."],
      told: ["error a/folder: is closed", "error a: is odd", "skipped a/pipe: a FIFO", "note a: no tool"],
    });
  });

  it("know nothing of what is in one that could not be listed to its end, and go on with the next", async () => {
    const source = combined({
      a: { scan: failing, isStillThere: () => false },
      b: { scan: scanOf(["x"]), isUnknown: (path) => path === "closed/file" },
    });
    expect(await scanned(source)).toMatchObject({
      paths: ["a/file", "b/x"],
      told: ["error a: is not there"],
    });
    const paths = ["a/file", "a/x/y", "b/closed/file", "b/other", "c/file"];
    expect(paths.filter((path) => source.isUnknown(path))).toEqual(paths.slice(0, 3));
    expect(source.isStillThere()).toBe(true); // as far as is known of it
  });

  it("end with the run, of which the others are not told as failures", async () => {
    const stop = new AbortController();
    const scan = async function* () {
      stop.abort(new Error("stopped"));
      yield* failing();
    };
    await expect(scanned(combined({ a: { scan } }), stop.signal)).rejects.toThrow("stopped");
  });

  it("are there only where each is", async () => {
    expect(combined({ a: {}, b: { isStillThere: () => false } }).isStillThere()).toBe(false);
  });

  it("are asked of what is theirs, and nobody of what is none's", async () => {
    const isFile = (path: string) => path === "file";
    const rule = async (path: string) => `the rule for ${path}`;
    const source = combined({
      a: { cameSince: isFile, wasRemoved: isFile, excludedBy: rule, ruleFor: rule },
      b: {},
    });
    for (const ask of ["cameSince", "wasRemoved"] as const) {
      const paths = ["a/file", "a/other", "a", "b/file", "c/file"];
      expect(paths.filter((path) => source[ask](path))).toEqual(["a/file"]);
    }
    for (const ask of ["excludedBy", "ruleFor"] as const) {
      expect(await source[ask]("a/x/y")).toBe("the rule for x/y");
      for (const path of ["a", "a/", "c/x"]) expect(await source[ask](path)).toBeUndefined();
    }
  });

  it("trust ETags each for itself", async () => {
    const source = combined({ a: { trustsEtag: async ({ path }) => path === "file" }, b: {} });
    const trusts = (path: string) => source.trustsEtag({ path, size: 1 });
    expect(await Promise.all(["a/file", "a/x", "b/file", "c/file"].map(trusts))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it("name what cannot be opened as it is stored", async () => {
    const open = async ({ path }: { path: string }) => {
      throw path === "bug" ? new TypeError("a bug") : gone(path);
    };
    const source = combined({ a: { open } });
    const opened = (path: string) => source.open({ path, size: 1, mtime: 1 });
    const failed = { side: "source", code: "ENOENT", message: "is not there", remedy: "look for it" };
    await expect(opened("a/file")).rejects.toMatchObject({ ...failed, path: "a/file" });
    await expect(opened("b/file")).rejects.toMatchObject({ side: "source", code: "ENOENT", path: "b/file" });
    await expect(opened("a/bug")).rejects.toThrow(TypeError);
  });

  it("are all closed", async () => {
    const closed: string[] = [];
    const close = (name: string) => ({ close: async () => void closed.push(name) });
    await combined({ a: close("a"), b: close("b") }).close();
    expect(closed).toEqual(["a", "b"]);
  });
});
