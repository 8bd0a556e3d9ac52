import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LoadOptions } from "../../src/config/load.ts";
import { ConfigError } from "../../src/errors.ts";
import { BASE, configOf, folder, load, warningsOf } from "./loading.ts";

describe("a list of files", () => {
  const listing = async (text: string, settings: object = {}, options: Partial<LoadOptions> = {}) => {
    const file = join(folder, "list");
    writeFileSync(file, text);
    return load({ ...BASE, files_from: file, ...settings }, {}, options);
  };
  const listed = async (text: string) => (await listing(text)).config.exclusions.only;

  it.each([
    ["lines", "./a\n\nb c/\nd\n"],
    ["zero bytes", "./a\0b c/\0d\0"],
    // These selected nothing.
    ["lines of Windows", "\ufeff./a\r\n\r\nb c/\r\nd\r"],
  ])("is read with %s between them", async (_, text) => {
    expect(await listed(text)).toEqual(["a", "b c", "d"]);
  });

  it("is taken by what its paths mean", async () => {
    expect(await listed("c//g\n./c/g\n././c/./g//\n...\n")).toEqual(["c/g", "c/g", "c/g", "..."]);
    expect(await listed(".\n./\n")).toEqual(["", ""]);
    expect(await listed("a\r\0b\nc\0")).toEqual(["a\r", "b\nc"]);
  });

  it("refuses what cannot be below the source, but not for a restore to another place", async () => {
    await expect(listing("a\n/b\u001b\n")).rejects.toMatchObject({
      message: 'files_from lists "/b\\u{1b}"',
      remedy: expect.stringMatching(/relative to the source/),
    });
    await expect(listing("../a\nb/..\n/c\n")).rejects.toThrow('files_from lists "../a", and 2 more like it');
    const { config } = await listing("/b\n", {}, { mode: "restore" });
    expect(config.exclusions.only).toBeUndefined();
    await expect(listing("/b\n", {}, { mode: "restore", inPlace: true })).rejects.toThrow(/files_from/);
  });

  it("that lists nothing gets a warning", async () => {
    expect((await listing("\n\n")).warnings.join()).toMatch(/files_from lists nothing/);
    expect((await listing("a\n")).warnings).toEqual([]);
  });

  it("has to be there", async () => {
    await expect(load({ ...BASE, files_from: "/nowhere" })).rejects.toThrow(/cannot be read/);
    await expect(load({ ...BASE, exclude_file: "/nowhere" })).rejects.toThrow(/cannot be read/);
  });

  it.each(["restore", "verify", "prune"] as const)("of rules is not missed by %s", async (mode) => {
    const settings = { ...BASE, exclude_file: "/nowhere" };
    expect((await load(settings, {}, { mode })).config.exclusions.exclude).toEqual([]);
    await expect(load(settings, {}, { mode: "restore", inPlace: true })).rejects.toThrow(/cannot be read/);
  });

  it("of rules may hold names that are not UTF-8", async () => {
    const file = join(folder, "rules");
    writeFileSync(file, Buffer.from("caf\xe9\n", "latin1"));
    expect((await configOf({ ...BASE, exclude_file: file })).exclusions.exclude).toEqual(["caf\udce9", ""]);
  });
});

describe("patterns", () => {
  it("that can match nothing get a warning", async () => {
    const file = join(folder, "rules");
    writeFileSync(file, "*.tmp\r\nx[[:digits:]]\r\n");
    const settings = {
      exclude: ["[a-z", "[a-z]"],
      exclude_file: file,
      include: ["\u001b\\"],
      rules: [{ match: ["*.jpg", "["], encrypt: false }],
    };
    const warnings = await warningsOf({ ...BASE, container: "segmented", ...settings });
    expect(warnings.split("\n")).toEqual([
      expect.stringContaining('exclude: the rule "[a-z" can match nothing: its [ has no ]'),
      expect.stringContaining('exclude_file: the rule "x[[:digits:]]" can match nothing: there is no class'),
      expect.stringContaining('include: the rule "\\u{1b}\\" can match nothing: it ends in a backslash'),
      expect.stringContaining('rules[0].match: the rule "[" can match nothing: its [ has no ]'),
    ]);
  });
});

describe("rules", () => {
  const segmented = { ...BASE, container: "segmented" };

  it("have patterns, sizes and what they change; in the environment they are JSON", async () => {
    const rules = [
      { match: ["*.jpg"], larger_than: "1K", compress: false },
      { smaller_than: 5, encrypt: "no", compress: true },
    ];
    const loaded = [
      { match: ["*.jpg"], largerThan: 1024, compression: "none" },
      { match: [], smallerThan: 5, encrypt: false, compression: "xz" },
    ];
    const file = { ...segmented, compress: false, compression: "xz" };
    expect((await configOf({ ...file, rules })).rules).toEqual(loaded);
    expect((await configOf(file, { BACKUP_RULES: JSON.stringify(rules) })).rules).toEqual(loaded);
    expect(await configOf({ ...file, rules: [] })).not.toHaveProperty("rules");
  });

  it.each([
    [{ rules: [{ match: ["x"] }] }, /rules\[0\] changes nothing/],
    [{ rules: [{ compress: false }], container: "classic" }, /rules\[0\]: .* "segmented"/],
    [{ rules: [{ storage_class: "X" }] }, /rules\[0\]: storage_class needs a bucket/],
    [{ rules: [{ pattern: "x", compress: false }] }, /must be a rule like/],
    [{ rules: [{ match: "*.jpg", compress: false }] }, /must be a list of patterns/],
    [{ rules: "[{" }, /must be a list of rules/],
  ])("%j is refused", async (settings, message) => {
    await expect(load({ ...segmented, ...settings })).rejects.toThrow(message);
  });

  it("that encrypt need a password", async () => {
    const { encryption_password: _, ...base } = segmented as Record<string, unknown>;
    const open = { ...base, encrypt: false };
    await configOf(open);
    await expect(load({ ...open, rules: [{ match: ["x"], encrypt: true }] })).rejects.toThrow(
      /encryption_password/,
    );
  });
});

describe("expressions to ignore", () => {
  const shown = async (file: unknown, text: string) =>
    (await configOf(file, { IGNORE_REGEX: text })).ignore.map((regex) =>
      ["tmp/a", "a.tmp", "[x]"].filter((p) => regex.test(p)),
    );

  it("come as a JSON list or one a line, and replace those of the file", async () => {
    const file = { ...BASE, ignore_regex: ["x"] };
    expect(await shown(file, '["^tmp/", ".*\\\\.tmp$"]')).toEqual([["tmp/a"], ["a.tmp"]]);
    expect(await shown(file, "^tmp/\r\n\n.*\\.tmp$\n")).toEqual([["tmp/a"], ["a.tmp"]]);
    expect(await shown(file, "[t]mp/")).toEqual([["tmp/a"]]);
    expect(await shown(file, "[]")).toEqual([]);
  });

  it("are not read as a class of characters when a JSON list has a mistake", async () => {
    await expect(load(BASE, { IGNORE_REGEX: '["tmp/", "x",]' })).rejects.toThrow(/begins like a JSON list/);
    await expect(load(BASE, { IGNORE_REGEX: "[" })).rejects.toThrow(ConfigError);
  });

  it.each([["tmp/"], [null], [{}]])("in the file cannot be %j", async (value) => {
    await expect(load({ ...BASE, ignore_regex: value })).rejects.toThrow(
      /ignore_regex must be a list, \["expression"/,
    );
  });

  it("are named one by one when they are wrong", async () => {
    const loading = load({ ...BASE, ignore_regex: ["ok", "*.tmp", "(a", 5] });
    await expect(loading).rejects.toThrow(/ignore_regex\[3\] must be a text/);
    await expect(load({ ...BASE, ignore_regex: ["ok", "*.tmp", "(a"] })).rejects.toThrow(
      /ignore_regex\[1\]: "\*\.tmp", character 1: .*\n.*ignore_regex\[2\]: "\(a", character 1/,
    );
    await expect(load(BASE, { IGNORE_REGEX: "ok\n*.tmp" })).rejects.toThrow(/^IGNORE_REGEX, expression 2: /);
  });

  it("that match everything are refused when empty, else pointed out", async () => {
    await expect(load({ ...BASE, ignore_regex: [""] })).rejects.toThrow(/would ignore every file/);
    expect(await warningsOf({ ...BASE, ignore_regex: ["x*"] })).toMatch(/nearly every path/);
    expect(await warningsOf({ ...BASE, ignore_regex: ["x"] })).toBe("");
  });
});
