import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatManifest,
  KINDS,
  type Manifest,
  type ManifestEntry,
  manifestIndexOf,
  parseManifest,
} from "../../src/metadata/manifest.ts";
import { comparePaths, pathOfBytes } from "../../src/names/path-text.ts";
import { assertProperty } from "../property.ts";

const HEAD = '{"backup-meta":1,"users":{},"groups":{}}\n';
const FILE = '{"n":"a","k":"f","s":1,"m":420,"u":0,"g":0,"t":5}\n';

const read = (text: string) => parseManifest(Buffer.from(text));

const byteNames = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .filter((bytes) => !bytes.includes(0) && !bytes.includes(0x2f))
  .map((bytes) => pathOfBytes(bytes))
  .filter((name) => name !== "." && name !== "..");
const xattrs = fc
  .dictionary(
    fc.constantFrom("user.a", "system.posix_acl_access", "trusted.x", "__proto__", "user.é"),
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes).toString("base64")),
  )
  .map((record) => Object.assign(Object.create(null), record) as Record<string, string>);
const attributes = fc.record({
  mode: fc.nat(0o7777),
  uid: fc.nat(4294967294),
  gid: fc.nat(4294967294),
  seconds: fc.integer({ min: -(2 ** 33), max: 2 ** 33 }),
  nanoseconds: fc.nat(999_999_999),
  xattrs,
});
const entries = fc
  .tuple(byteNames, fc.constantFrom(...KINDS), attributes, fc.maxSafeNat(), byteNames, fc.boolean())
  .map(
    ([name, kind, shared, size, text, flag]): ManifestEntry => ({
      name,
      kind,
      size: kind === "file" ? size : 0,
      ...shared,
      ...(kind === "symlink" && { target: text }),
      ...(kind === "file" && flag && { linkGroup: text, sparse: true }),
      ...((kind === "block" || kind === "character") && { device: [8, 300] as const }),
    }),
  );
const manifests = fc
  .tuple(fc.option(attributes, { nil: undefined }), fc.uniqueArray(entries, { selector: ({ name }) => name }))
  .map(
    ([folder, list]): Manifest => ({
      ...(folder !== undefined && { folder }),
      users: Object.assign(Object.create(null), { 0: "root" }),
      groups: Object.assign(Object.create(null), { 0: "wheel" }),
      entries: list.sort((a, b) => comparePaths(a.name, b.name)),
    }),
  );

describe("the text of a manifest", () => {
  it("comes back as it went in, whatever bytes names are made of", () => {
    assertProperty(
      fc.property(manifests, (manifest) => {
        const text = formatManifest(manifest);
        const bytes = Buffer.from(text);
        expect(bytes.toString("utf8")).toBe(text); // lone surrogates are escaped, so nothing is lost in UTF-8
        expect(parseManifest(bytes)).toEqual(manifest);
        expect(formatManifest(parseManifest(bytes))).toBe(text);
      }),
    );
  });

  it("is what docs/format.md shows", () => {
    const shared = { uid: 1000, gid: 1000, seconds: 1600000000, xattrs: {} };
    const text = formatManifest({
      folder: { ...shared, mode: 0o755, nanoseconds: 5 },
      users: { 1000: "ada" },
      groups: { 1000: "ada" },
      entries: [
        { name: "a.txt", kind: "file", size: 5, ...shared, mode: 0o644, nanoseconds: 0 },
        { name: "b", kind: "symlink", size: 0, target: "a.txt", ...shared, mode: 0o777, nanoseconds: 0 },
        {
          name: pathOfBytes(Buffer.from([0x63, 0xe9])),
          kind: "fifo",
          size: 0,
          ...shared,
          mode: 0o600,
          nanoseconds: 1,
        },
      ],
    });
    expect(text).toBe(
      [
        '{"backup-meta":1,"folder":{"m":493,"u":1000,"g":1000,"t":1600000000,"ns":5},"users":{"1000":"ada"},"groups":{"1000":"ada"}}',
        '{"n":"a.txt","k":"f","s":5,"m":420,"u":1000,"g":1000,"t":1600000000}',
        '{"n":"b","k":"l","m":511,"u":1000,"g":1000,"t":1600000000,"l":"a.txt"}',
        '{"n":"c\\udce9","k":"p","m":384,"u":1000,"g":1000,"t":1600000000,"ns":1}',
        "",
      ].join("\n"),
    );
  });

  it("may hold fields and kinds of later versions, which are skipped", () => {
    const later = `${HEAD.replace("}}", '},"later":[1]}')}{"n":"a","k":"f","s":1,"m":420,"u":0,"g":0,"t":5,"later":{}}\n{"n":"b","k":"?","later":1}\n`;
    expect(read(later).entries.map(({ name }) => name)).toEqual(["a"]);
  });

  it.each([
    ["nothing", ""],
    ["no line end", HEAD.trim()],
    ["another version", HEAD.replace("1", "2")],
    ["no version", '{"users":{},"groups":{}}\n'],
    ["an array", "[]\n"],
    ["no JSON", `${HEAD}{\n`],
    ["an empty line", `${HEAD}\n`],
    ["a name twice", HEAD + FILE + FILE],
    ["names out of order", HEAD + FILE.replace('"a"', '"b"') + FILE],
    ["a name with a slash", HEAD + FILE.replace('"a"', '"a/b"')],
    ["the folder above", HEAD + FILE.replace('"a"', '".."')],
    ["the folder itself", HEAD + FILE.replace('"a"', '"."')],
    ["an empty name", HEAD + FILE.replace('"a"', '""')],
    ["a zero byte in a name", HEAD + FILE.replace('"a"', '"a\\u0000"')],
    ["a name of 4,097 bytes", HEAD + FILE.replace('"a"', JSON.stringify("a".repeat(4097)))],
    ["no size", HEAD + FILE.replace('"s":1,', "")],
    ["a negative size", HEAD + FILE.replace('"s":1', '"s":-1')],
    ["a mode with a file type", HEAD + FILE.replace("420", "33188")],
    ["an owner who is nobody", HEAD + FILE.replace('"u":0', '"u":4294967295')],
    ["a time that is no number", HEAD + FILE.replace('"t":5', '"t":"5"')],
    ["a second of nanoseconds", HEAD + FILE.replace('"t":5', '"t":5,"ns":1000000000')],
    ["a link without a target", HEAD + FILE.replace('"f"', '"l"')],
    ["a device without a number", HEAD + FILE.replace('"f"', '"c"')],
    ["an attribute that is not base64", HEAD + FILE.replace('"t":5', '"t":5,"x":{"user.a":"!"}')],
    ["a user that is no id", HEAD.replace('"users":{}', '"users":{"x":"root"}')],
  ])("is refused with %s", (_, text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: "EMANIFEST", kind: "damaged" }));
  });

  it("spreads entries by the first bits of the MD5 of their names", () => {
    expect(manifestIndexOf("a", 0)).toBe(0);
    expect([1, 2, 3, 16].map((log) => manifestIndexOf("a", log))).toEqual([0, 0, 0, 0x0cc1]); // md5 0cc175b9...
    expect(manifestIndexOf("b", 3)).toBe(0x92 >> 5); // md5 92eb5ffe...
    expect(manifestIndexOf("é", 8)).toBe(0x66); // md5 66ddcd97...
  });
});
