import { expect, it } from "vitest";
import { formatManifest, type ManifestEntry, parseManifest } from "../../../src/metadata/manifest.ts";
import { LeftOut } from "../../../src/run/backup/left-out.ts";
import { manifestFile } from "../../../src/scan/manifest-parts.ts";
import type { Source } from "../../../src/scan/source.ts";

const OWN = { mode: 0o755, uid: 1, gid: 2, seconds: 5, nanoseconds: 0, xattrs: {} };

/** Leaves out all names with a dot. */
const source = {
  mayLeaveOut: () => true,
  excludedBy: async (path: string) => (path.includes(".") ? "a rule" : undefined),
} as unknown as Source;

const linkOf = (name: string, owner: number, target = "t"): ManifestEntry => ({
  ...OWN,
  name,
  kind: "symlink",
  size: 0,
  uid: owner,
  target,
});

it("takes over what is left out, with the names of its owners, in order", async () => {
  const users = { "7": "ada", "8": "eve", "9": "bob" };
  const before = {
    users,
    groups: { "2": "old" },
    entries: [linkOf("a.x", 7), linkOf("c", 8), linkOf("d.x", 9)],
  };
  const own = { folder: OWN, users: { "9": "robert" }, groups: { "2": "new" }, entries: [linkOf("b", 9)] };
  const file = manifestFile("f/.backup-meta.0.0", formatManifest(own));
  const leftOut = new LeftOut(source, true);
  const merged = await leftOut.addTo(file, [before]);
  expect(parseManifest(Buffer.from(merged.manifest?.text ?? ""))).toEqual({
    folder: OWN,
    users: { "7": "ada", "9": "robert" },
    groups: { "2": "new" },
    entries: [linkOf("a.x", 7), linkOf("b", 9), linkOf("d.x", 9)],
  });
  expect(await leftOut.addTo(merged, [before, { ...before, entries: [] }])).toEqual(merged);
  const { file: rest, isEmpty } = await leftOut.insteadOf("f/.backup-meta.1.0", [before], false);
  expect([isEmpty, parseManifest(Buffer.from(rest.manifest?.text ?? ""))]).toEqual([
    false,
    {
      users: { "7": "ada", "9": "bob" },
      groups: { "2": "old" },
      entries: [linkOf("a.x", 7), linkOf("d.x", 9)],
    },
  ]);
});

it("takes over nothing where it is not to stay, or is more than a manifest may be", async () => {
  const file = manifestFile(".backup-meta.0.0", formatManifest({ users: {}, groups: {}, entries: [] }));
  const few = { users: {}, groups: {}, entries: [linkOf("a.x", 7)] };
  const target = "t".repeat(4096);
  const many = {
    ...few,
    entries: Array.from({ length: 2600 }, (_, i) => linkOf(`${i + 1000}.x`, 7, target)),
  };
  expect(await new LeftOut(source, false).addTo(file, [few])).toBe(file);
  expect(await new LeftOut(source, true).addTo(file, [many])).toBe(file);
  expect(await new LeftOut(source, true).addTo(file, [few])).not.toBe(file);
});
