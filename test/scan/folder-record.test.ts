import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import { Accounts } from "../../src/metadata/accounts.ts";
import { type Attributes, manifestIndexOf, parseManifest } from "../../src/metadata/manifest.ts";
import { comparePaths } from "../../src/names/path-text.ts";
import type { Entry } from "../../src/scan/entry.ts";
import { FolderRecord } from "../../src/scan/folder-record.ts";
import { LargeFolderRecord } from "../../src/scan/large-folder-record.ts";
import { LinkTable, type RecordedEntry, recordEntry } from "../../src/scan/recorded-entry.ts";

const real = fs.lstatSync(import.meta.filename, { bigint: true });
const accounts = { users: new Accounts("passwd"), groups: new Accounts("group") };
type Given = ReadonlyMap<string, Attributes["xattrs"]>;
const NONE: Given = new Map();

function statOf(
  changes: Partial<Record<"mode" | "mtimeNs" | "nlink" | "ino" | "rdev" | "size" | "blocks", bigint>>,
) {
  return Object.assign(Object.create(real), { nlink: 1n, ...changes }) as fs.BigIntStats;
}

const parsed = (entry: Entry | undefined) => parseManifest(Buffer.from(entry?.manifest?.text ?? ""));

interface Recorded {
  readonly folder: string;
  readonly entries: readonly RecordedEntry[];
}

const small = ({ folder, entries }: Recorded, xattrs: Given, links: LinkTable) => {
  const record = new FolderRecord(folder);
  for (const entry of entries) record.add(entry);
  return record.manifests({ stat: statOf({}), xattrs: {} }, xattrs, { links, accounts });
};

/** `most`: how many entries are thought to come. */
const large =
  (most: number) =>
  ({ folder, entries }: Recorded, xattrs: Given, links: LinkTable) => {
    const record = new LargeFolderRecord(folder, most, { links, accounts });
    const byName = [...entries].sort((a, b) => comparePaths(a.entry.name, b.entry.name));
    for (const recorded of byName) record.add(recorded, xattrs.get(recorded.entry.name));
    try {
      return [...record.manifests({ stat: statOf({}), xattrs: {} })];
    } finally {
      record.close();
    }
  };

const ways = { small, "large, as expected": large(4001), "large, fewer than expected": large(200_000) };

function recordOf(
  names: readonly string[],
  statFor: (name: string) => fs.BigIntStats = () => statOf({}),
): Recorded {
  return { folder: "some/folder", entries: names.map((name) => recordEntry(name, "file", statFor(name))) };
}

describe.each(Object.entries(ways))("the manifests of a folder (%s)", (_, manifestsFor) => {
  const manifestsOf = (recorded: Recorded, xattrs: Given = NONE, links = new LinkTable()) =>
    manifestsFor(recorded, xattrs, links);

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

  it("come in the order of their names, in which 10 is before 2", () => {
    const value = "A".repeat(100_000);
    const long = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`user.${i}`, value]));
    const names = Array.from({ length: 12 }, (_, i) => `${i}`);
    const manifests = manifestsOf(recordOf(names), new Map(names.map((name) => [name, long])));
    const keys = manifests.map(({ sortKey }) => sortKey);
    expect(keys.length).toBeGreaterThanOrEqual(64);
    expect(keys).toEqual([...keys].sort());
    expect(manifests.flatMap((manifest) => parsed(manifest).entries)).toHaveLength(12);
  });

  it("can be read, however long names and paths are, however many the attributes, and whatever the time", () => {
    const most = 2n ** 62n * 1_000_000_000n;
    const names = ["字".repeat(255), "past", "future"];
    const record = recordOf(names, (name) => statOf({ mtimeNs: name === "past" ? -most : most }));
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`user.${i}`, ""]));
    const [future, past, long] = parsed(manifestsOf(record, new Map([["past", many]]))[0]).entries;
    expect([future?.seconds, past?.seconds, long?.name]).toEqual([2 ** 62, -(2 ** 62), names[0]]);
    expect(Object.keys(past?.xattrs ?? {})).toHaveLength(2000);
    const links = Array.from({ length: 1000 }, (_, i) =>
      recordEntry(`link ${i}`, "file", statOf({ nlink: 1000n })),
    );
    const deep = { folder: "folder/".repeat(500).slice(0, -1), entries: links };
    const sizes = manifestsOf(deep).map(({ size }) => size);
    expect(Math.max(...sizes)).toBeLessThan(3_000_000);
  });

  it("hold times before 1970 and large device numbers as they are", () => {
    const record = {
      folder: "",
      entries: [
        recordEntry("old", "file", statOf({ mtimeNs: -1n })),
        recordEntry("device", "block", statOf({ rdev: (7n << 8n) | 0x2cn | (1n << 20n) })), // 7:300
      ],
    };
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
