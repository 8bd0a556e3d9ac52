import { expect, it } from "vitest";
import { MANIFEST_MOST, type ManifestEntry } from "../../src/metadata/manifest.ts";
import { logFor } from "../../src/scan/manifest-parts.ts";

const attributes = { mode: 0o755, uid: 1, gid: 2, seconds: 3, nanoseconds: 4, xattrs: {} };
const entries = (count: number, more: Partial<ManifestEntry>) =>
  Array.from(
    { length: count },
    (_, i): ManifestEntry => ({ name: `${i}`, kind: "file", size: 1, ...attributes, ...more }),
  );
const long = "x".repeat(4000);

it.each<[string, Partial<ManifestEntry>]>([
  ["targets of links", { kind: "symlink", target: long }],
  ["paths of hard links", { linkGroup: long }],
  ["extended attributes", { xattrs: { "user.long": long } }],
])("%s that are long are spread over more manifests: no reader takes any that is too long", (_, more) => {
  const count = Math.ceil(MANIFEST_MOST / long.length);
  expect(logFor(entries(count, more))).toBeGreaterThan(0);
});

it("what is no shorter in several manifests stays in one", () => {
  expect(logFor(entries(1, { xattrs: { "user.long": "x".repeat(3 * 2 ** 20) } }))).toBe(0);
});
