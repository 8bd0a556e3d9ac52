import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import { Accounts } from "../../src/metadata/accounts.ts";
import { type Attributes, manifestIndexOf, parseManifest } from "../../src/metadata/manifest.ts";
import type { Entry } from "../../src/scan/entry.ts";
import { FolderRecord, LinkTable } from "../../src/scan/folder-record.ts";

const real = fs.lstatSync(import.meta.filename, { bigint: true });
const accounts = { users: new Accounts("passwd"), groups: new Accounts("group") };
const NONE = new Map<string, Attributes["xattrs"]>();

function statOf(
  changes: Partial<Record<"mode" | "mtimeNs" | "nlink" | "ino" | "rdev" | "size" | "blocks", bigint>>,
) {
  return Object.assign(Object.create(real), { nlink: 1n, ...changes }) as fs.BigIntStats;
}

function recordOf(names: readonly string[], statFor: (name: string) => fs.BigIntStats = () => statOf({})) {
  const record = new FolderRecord("some/folder");
  for (const name of names) record.add(name, "file", statFor(name));
  return record;
}

const manifestsOf = (record: FolderRecord, xattrs = NONE, links = new LinkTable()) =>
  record.manifests({ stat: statOf({}), xattrs: {} }, xattrs, links, accounts);
const parsed = (entry: Entry | undefined) => parseManifest(Buffer.from(entry?.manifest?.text ?? ""));

describe("the manifests of a folder", () => {
  it("are the same whatever order its entries come in", () => {
    const names = ["b", "a", "\u{10000}", "\uffff", "\udcff"];
    expect(manifestsOf(recordOf(names))).toEqual(manifestsOf(recordOf([...names].reverse())));
  });

  it("are one up to 4,000 entries, and two from there on, of which one change touches one", () => {
    const names = Array.from({ length: 4001 }, (_, i) => `file ${i}`);
    expect(manifestsOf(recordOf(names.slice(1))).map(({ path }) => path)).toEqual([
      "some/folder/.backup-meta.0.0",
    ]);
    const two = manifestsOf(recordOf(names));
    expect(two.map(({ path }) => path)).toEqual([
      "some/folder/.backup-meta.1.0",
      "some/folder/.backup-meta.1.1",
    ]);
    expect(parsed(two[0]).folder).toBeDefined();
    expect(parsed(two[1]).folder).toBeUndefined();
    for (const index of [0, 1]) {
      const part = parsed(two[index]).entries;
      expect(part.every(({ name }) => manifestIndexOf(name, 1) === index)).toBe(true);
    }
    expect(parsed(two[0]).entries.length + parsed(two[1]).entries.length).toBe(4001);
    const changed = manifestsOf(
      recordOf(names, (name) => statOf(name === "file 7" ? { mode: 0o100600n } : {})),
    );
    expect(changed.filter(({ manifest }, i) => manifest?.md5 !== two[i]?.manifest?.md5)).toHaveLength(1);
  });

  it("are more where attributes make them long", () => {
    const names = Array.from({ length: 8 }, (_, i) => `${i}`);
    const long = Buffer.alloc(600_000, 1).toString("base64");
    const manifests = manifestsOf(
      recordOf(names),
      new Map(names.map((name) => [name, { "user.long": long }])),
    );
    expect(manifests.length).toBeGreaterThan(2);
    expect(Math.max(...manifests.map(({ size }) => size))).toBeLessThan(3_000_000);
  });

  it("can be read, however long names and paths are, however many the attributes, and whatever the time", () => {
    const most = 2n ** 62n * 1_000_000_000n;
    const names = ["字".repeat(255), "past", "future"];
    const record = recordOf(names, (name) => statOf({ mtimeNs: name === "past" ? -most : most }));
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`user.${i}`, ""]));
    const [future, past, long] = parsed(manifestsOf(record, new Map([["past", many]]))[0]).entries;
    expect([future?.seconds, past?.seconds, long?.name]).toEqual([2 ** 62, -(2 ** 62), names[0]]);
    expect(Object.keys(past?.xattrs ?? {})).toHaveLength(2000);
    const deep = new FolderRecord("folder/".repeat(500).slice(0, -1));
    for (let i = 0; i < 1000; i++) deep.add(`link ${i}`, "file", statOf({ nlink: 1000n }));
    const sizes = manifestsOf(deep).map(({ size }) => size);
    expect(Math.max(...sizes)).toBeLessThan(3_000_000);
  });

  it("hold times before 1970 and large device numbers as they are", () => {
    const record = new FolderRecord("");
    record.add("old", "file", statOf({ mtimeNs: -1n }));
    record.add("device", "block", statOf({ rdev: (7n << 8n) | 0x2cn | (1n << 20n) })); // 7:300
    const [device, old] = parsed(manifestsOf(record)[0]).entries;
    expect(old).toMatchObject({ seconds: -1, nanoseconds: 999_999_999 });
    expect(device?.device).toEqual([7, 300]);
  });

  it("name the first path met as the group of a file with several names", () => {
    const links = new LinkTable();
    const twice = () => statOf({ nlink: 2n, ino: 5n });
    const [first] = parsed(manifestsOf(recordOf(["b"], twice), NONE, links)[0]).entries;
    const [second] = parsed(manifestsOf(recordOf(["a"], twice), NONE, links)[0]).entries;
    expect([first?.linkGroup, second?.linkGroup]).toEqual(["some/folder/b", "some/folder/b"]);
    // Both names are known now: another file may have the number.
    const [third] = parsed(manifestsOf(recordOf(["c"], twice), NONE, links)[0]).entries;
    expect(third?.linkGroup).toBe("some/folder/c");
  });

  it("mark a file as sparse only where a block of it is missing and it is worth it", () => {
    const sizes: [bigint, bigint, boolean][] = [
      [65_536n, 0n, true],
      [65_535n, 0n, false],
      [65_536n, 128n, false],
      [65_536n, 120n, true],
      [65_536n, 121n, false],
    ];
    for (const [size, blocks, expected] of sizes) {
      const [entry] = parsed(manifestsOf(recordOf(["a"], () => statOf({ size, blocks })))[0]).entries;
      expect(entry?.sparse ?? false, `${size} ${blocks}`).toBe(expected);
    }
  });
});
