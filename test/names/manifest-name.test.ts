import fc from "fast-check";
import { expect, test } from "vitest";
import { escapePath, manifestPath, parseManifestPath, unescapePath } from "../../src/names/manifest-name.ts";
import { assertProperty } from "../property.ts";

test("manifests are found by their names", () => {
  expect(manifestPath("", 0, 0)).toBe(".backup-meta.0.0");
  expect(manifestPath("a/b", 3, 7)).toBe("a/b/.backup-meta.3.7");
  expect(parseManifestPath("a/b/.backup-meta.3.7")).toEqual({ folder: "a/b", log: 3, index: 7 });
  expect(parseManifestPath(".backup-meta.6.1r")).toEqual({ folder: "", log: 6, index: 63 });
});

test.each([
  "a/.backup-meta",
  "x.backup-meta.0.0",
  ".backup-meta.0.1",
  ".backup-meta.1.01",
  ".backup-meta.0.0/x",
  ".backup-meta.A.0",
])("%s is no manifest", (path) => {
  expect(parseManifestPath(path)).toBeUndefined();
});

test("no file of the source is stored under the name of a manifest, and all come back", () => {
  const names = fc.constantFrom(
    ".backup-meta",
    ".backup-meta.0.0",
    ".backup-meta=",
    ".backup-meta==x",
    "a",
    ".backup-metadata",
  );
  assertProperty(
    fc.property(fc.array(names, { minLength: 1, maxLength: 3 }), (parts) => {
      const path = parts.join("/");
      const stored = escapePath(path);
      expect(parseManifestPath(stored)).toBeUndefined();
      expect(unescapePath(stored)).toBe(path);
    }),
  );
  expect(escapePath("d/.backup-meta.0.0")).toBe("d/.backup-meta=.0.0");
  expect(unescapePath("d/.backup-meta.0.0")).toBe("d/.backup-meta.0.0");
});
