import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { parseEnv } from "node:util";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  allVariables,
  STORAGE_KEYS,
  STORAGES,
  storageVariables,
  TOP_KEYS,
  topVariable,
} from "../../src/config/keys.ts";
import { type LoadedConfig, type LoadOptions, loadConfig } from "../../src/config/load.ts";
import { ConfigError, reportOf } from "../../src/errors.ts";

const root = new URL("../..", import.meta.url).pathname;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "config-test-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Every secret of these tests contains this; no message may. */
const SECRET = "hush-hush";
const PLACES = { src: { local_path: "from" }, dest: { local_path: "to" } };
const BASE = { ...PLACES, encryption_password: SECRET };
const S3 = { s3_bucket: "bucket", aws_access_key_id: "id", aws_secret_access_key: SECRET };

let count = 0;
/** Loads settings from a file (JSON text, or a value to be written as such) and an environment. */
async function load(file: unknown, env: NodeJS.ProcessEnv = {}, options: Partial<LoadOptions> = {}) {
  const cwd = join(folder, `run${count++}`);
  mkdirSync(cwd);
  if (file !== undefined) {
    const text = typeof file === "string" || Buffer.isBuffer(file) ? file : JSON.stringify(file);
    writeFileSync(join(cwd, "config.json"), text, { mode: 0o600 });
  }
  const all: LoadOptions = { file: undefined, env, cwd, mode: "backup", tmpdir: "/the/tmp", ...options };
  try {
    const loaded = await loadConfig(all);
    expect(`${loaded.warnings.join("\n")}${loaded.summary}`).not.toContain(SECRET);
    return loaded;
  } catch (error) {
    if (!options.signal?.aborted) expect(error).toBeInstanceOf(ConfigError);
    expect(JSON.stringify(reportOf(error, "internal"))).not.toContain(SECRET);
    expect(String((error as Error).stack)).not.toContain(SECRET);
    throw error;
  }
}
const configOf = async (...args: Parameters<typeof load>) => (await load(...args)).config;
const warningsOf = async (...args: Parameters<typeof load>) => (await load(...args)).warnings.join("\n");

describe("the defaults", () => {
  it("are those of the older tool, but for the number of files in flight, which a run finds out", async () => {
    expect((await load(BASE)).config).toEqual({
      src: { kind: "local", path: "from" },
      dest: { kind: "local", path: "to" },
      restore: { kind: "local", path: "/the/tmp/encrypted_s3_backup_restore" },
      restoreIsDefault: true,
      metadata: false,
      encrypt: true,
      encryptFilenames: false,
      encryptionType: "aes",
      password: SECRET,
      container: "classic",
      compress: true,
      compression: "auto",
      zstdLevel: 3,
      lzmaLevel: 6,
      gzipLevel: 6,
      backupProcesses: null,
      restoreProcesses: null,
      deletedKeepDays: null,
      versionsKeepDays: null,
      purgeDelayDays: 0,
      retire: "rename",
      ignore: [],
      exclusions: { exclude: [], include: [], caches: false, oneFileSystem: false },
      sourceExcludes: [],
      massDeleteShare: 0.5,
      unfinishedKeepDays: 7,
      delta: "auto",
      deltaDeadShare: 0.25,
    });
  });

  it("come with no warning, and with a line that says what they are", async () => {
    const { warnings, summary } = await load(BASE);
    expect(warnings).toEqual([]);
    expect(summary).toBe(
      "encrypt yes (aes), compress yes (xz 6, gzip 6), encrypt_filenames no, container classic",
    );
  });
});

describe("switches", () => {
  it.each<[string | number | boolean | null, boolean]>([
    [true, true],
    [false, false],
    [null, false],
    [0, false],
    [1, true],
    ...["no", "NO", "false", "False", "n", "f", "0", ""].map((word): [string, boolean] => [word, false]),
    ...["yes", "true", "t", "y", "1", "off", "none", "null", "Off", " no", "00"].map(
      (word): [string, boolean] => [word, true],
    ),
  ])("%j is read as %j, as the older tool does", async (value, expected) => {
    const settings = { ...BASE, encrypt: value, compress: value, encrypt_filenames: value };
    expect(await configOf(settings)).toMatchObject({
      encrypt: expected,
      compress: expected,
      encryptFilenames: expected,
    });
  });

  it("say so when null or a doubtful word decided", async () => {
    const warnings = await warningsOf(
      { ...BASE, compress: null, encrypt: "off" },
      { ENCRYPT_FILENAMES: "none" },
    );
    expect(warnings).toMatch(/compress is null, which means no/);
    expect(warnings).toMatch(/encrypt is none of .*counts as yes/);
    expect(warnings).toMatch(/ENCRYPT_FILENAMES is none of .*counts as yes/);
  });

  it.each([[2], [[]], [{}]])("%j is an error", async (value) => {
    await expect(load({ ...BASE, encrypt: value })).rejects.toThrow(/encrypt must be true or false/);
  });
});

describe("numbers", () => {
  it.each([
    [0, 6],
    [null, 6],
    ["0", 0],
    ["9", 9],
    [" 3 ", 3],
    [1, 1],
  ])("the level %j means %j", async (value, expected) => {
    const settings = { ...BASE, lzma_level: value, gzip_level: value };
    expect(await configOf(settings)).toMatchObject({ lzmaLevel: expected, gzipLevel: expected });
  });

  it("the level 0 in the environment means 0", async () => {
    expect(await configOf(BASE, { GZIP_LEVEL: "0", LZMA_LEVEL: "" })).toMatchObject({
      gzipLevel: 0,
      lzmaLevel: 6,
    });
  });

  it.each([
    [null, null],
    [0, null],
    ["0", null],
    ["3", 3],
    [12, 12],
  ])("%j processes mean %j", async (value, meant) => {
    const settings = { ...BASE, backup_processes: value, restore_processes: value };
    expect(await configOf(settings)).toMatchObject({ backupProcesses: meant, restoreProcesses: meant });
  });

  it.each([
    ["lzma_level", 10],
    ["lzma_level", -1],
    ["gzip_level", "six"],
    ["gzip_level", 1.5],
    ["gzip_level", true],
    ["gzip_level", ""],
    ["backup_processes", -1],
    ["backup_processes", "1e3"],
    ["restore_processes", 100_000],
    ["deleted_keep_days", -1],
    ["deleted_keep_days", "forever"],
    ["deleted_keep_days", "0x10"],
    ["mass_delete_share", 1.1],
    ["mass_delete_share", "50%"],
    ["unfinished_keep_days", 0],
    ["versions_keep_days", -1],
    ["versions_keep_days", "for ever"],
    ["purge_delay_days", 0.5],
    ["retire", "delete"],
    ["keep", 7],
    ["keep", "7"],
    ["keep", { hourly: 3 }],
    ["keep", { daily: -1 }],
    // They were taken for the number in them, or were a crash.
    ["exclude_larger_than", [5]],
    ["exclude_larger_than", { toString: 1 }],
    ["exclude_larger_than", true],
  ])("%s cannot be %j", async (key, value) => {
    await expect(load({ ...BASE, [key]: value })).rejects.toThrow(
      new RegExp(`"config.json": ${key}(?:\\.\\w+)? must be`),
    );
  });

  it("a limit of sizes has a unit, and is none where it is not given", async () => {
    expect((await configOf({ ...BASE, exclude_larger_than: "100M" })).exclusions.largerThan).toBe(
      100 * 2 ** 20,
    );
    expect((await configOf({ ...BASE, exclude_larger_than: null })).exclusions).not.toHaveProperty(
      "largerThan",
    );
  });

  it("0 and null days are not the same", async () => {
    expect(await configOf({ ...BASE, deleted_keep_days: 0 })).toMatchObject({ deletedKeepDays: 0 });
    expect(await configOf({ ...BASE, deleted_keep_days: null })).toMatchObject({ deletedKeepDays: null });
    expect(await configOf(BASE, { DELETED_KEEP_DAYS: "0" })).toMatchObject({ deletedKeepDays: 0 });
  });
});

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

describe("rules", () => {
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

describe("history", () => {
  it("has days or for ever, and a rule that thins out", async () => {
    const keep = { daily: 7, monthly: 12 };
    expect(await configOf({ ...BASE, versions_keep_days: 30, keep, purge_delay_days: "3" })).toMatchObject({
      versionsKeepDays: 30,
      keep: { daily: 7, weekly: 0, monthly: 12, yearly: 0 },
      purgeDelayDays: 3,
    });
    expect(
      await configOf(BASE, { BACKUP_VERSIONS_KEEP_DAYS: "forever", BACKUP_RETIRE: "tombstone" }),
    ).toMatchObject({ versionsKeepDays: "forever", retire: "tombstone" });
    expect(
      await configOf(BASE, { BACKUP_VERSIONS_KEEP_DAYS: "3", BACKUP_KEEP: '{ "weekly": 2 }' }),
    ).toMatchObject({ versionsKeepDays: 3, keep: { weekly: 2 } });
  });

  it.each([
    [{ keep: { daily: 3 } }, /keep needs versions_keep_days/],
    [{ purge_delay_days: 3 }, /purge_delay_days needs versions_keep_days/],
    [{ retire: "tombstone" }, /retire "tombstone" needs versions_keep_days/],
    [{ versions_keep_days: "forever", keep: { daily: 3 } }, /keep thins out nothing/],
  ])("%j is refused", async (settings, message) => {
    await expect(load({ ...BASE, ...settings })).rejects.toThrow(message);
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

describe("the environment", () => {
  const PLAIN = { SRC_LOCAL_PATH: "/a", DEST_LOCAL_PATH: "/b", ENCRYPTION_PASSWORD: SECRET };

  it("is enough without a file", async () => {
    expect(await configOf(undefined, PLAIN)).toMatchObject({ src: { path: "/a" }, dest: { path: "/b" } });
  });

  it("is laid over the file key by key", async () => {
    const file = { ...BASE, gzip_level: 1, lzma_level: 2 };
    expect(await configOf(file, { GZIP_LEVEL: "9", COMPRESS: "" })).toMatchObject({
      gzipLevel: 9,
      lzmaLevel: 2,
      src: { path: "from" },
    });
  });

  it("replaces a storage's whole block with a place of its own", async () => {
    const file = { ...BASE, dest: { ...S3, base_path: "x", storage_class: "GLACIER" } };
    expect((await configOf(file, { DEST_S3_BUCKET: "other" })).dest).toEqual({
      kind: "s3",
      bucket: "other",
      basePath: "",
    });
    expect((await configOf(file, { DEST_LOCAL_PATH: "/d" })).dest).toEqual({ kind: "local", path: "/d" });
  });

  it("is laid over a storage's block where it names no place", async () => {
    const file = { ...BASE, dest: { s3_bucket: "bucket", base_path: "x" } };
    const env = {
      DEST_AWS_ACCESS_KEY_ID: "i",
      DEST_AWS_SECRET_ACCESS_KEY: SECRET,
      BACKUP_DEST_SESSION_TOKEN: `${SECRET}2`,
      BACKUP_DEST_FORCE_PATH_STYLE: "yes",
    };
    expect((await configOf(file, env)).dest).toEqual({
      kind: "s3",
      bucket: "bucket",
      basePath: "x",
      credentials: { accessKeyId: "i", secretAccessKey: SECRET, sessionToken: `${SECRET}2` },
      forcePathStyle: true,
    });
  });

  it("cannot make a folder of the file into half a bucket", async () => {
    await expect(
      load(BASE, { DEST_AWS_ACCESS_KEY_ID: "i", DEST_AWS_SECRET_ACCESS_KEY: SECRET }),
    ).rejects.toThrow(/"config.json": dest.local_path and DEST_AWS_ACCESS_KEY_ID: .* not both/);
  });

  it("gives new settings under BACKUP_", async () => {
    const env = { BACKUP_MASS_DELETE_SHARE: "0.25", BACKUP_UNFINISHED_KEEP_DAYS: "3" };
    expect(await configOf(BASE, env)).toMatchObject({ massDeleteShare: 0.25, unfinishedKeepDays: 3 });
  });

  it("takes a session token under the name that one expects, too", async () => {
    const file = { ...BASE, dest: S3 };
    const env = { DEST_AWS_SESSION_TOKEN: SECRET };
    expect((await configOf(file, env)).dest).toMatchObject({ credentials: { sessionToken: SECRET } });
    await expect(load(file, { ...env, BACKUP_DEST_SESSION_TOKEN: `other ${SECRET}` })).rejects.toThrow(
      /differ/,
    );
  });

  it("warns of a BACKUP_ variable that nobody reads, with the nearest", async () => {
    expect(await warningsOf(BASE, { BACKUP_MASS_DELETE_SHARES: SECRET })).toMatch(
      /did you mean BACKUP_MASS_DELETE_SHARE\?/,
    );
    expect(await warningsOf(BASE, { BACKUP_X: SECRET, OTHER: "1" })).toBe(
      'the environment variable "BACKUP_X" is not known and ignored',
    );
  });

  it("names the variable, not the file, in what is wrong with it", async () => {
    await expect(load(BASE, { GZIP_LEVEL: "x" })).rejects.toThrow(/^GZIP_LEVEL must be/);
  });

  it.each([
    [{ BACKUP_KEEP: '{"daily":-1}' }, /^BACKUP_KEEP: daily must be/],
    [{ BACKUP_RULES: '[{"match":["a",1]}]' }, /^BACKUP_RULES: \[0\].match\[1\] must be a text/],
    [{ BACKUP_RULES: '[{"encrypt":false}]' }, /^BACKUP_RULES: encrypt and compress by rule need/],
  ])("names it for what is wrong deep inside: %j", async (env, message) => {
    await expect(load({ ...BASE, versions_keep_days: 3, container: "classic" }, env)).rejects.toThrow(
      message,
    );
  });

  it("names the file in BACKUP_CONFIG, which --config overrules", async () => {
    writeFileSync(join(folder, "other.json"), JSON.stringify({ ...BASE, gzip_level: 3 }), { mode: 0o600 });
    const other = join(folder, "other.json");
    expect(await configOf(BASE, { BACKUP_CONFIG: other })).toMatchObject({ gzipLevel: 3 });
    expect(await configOf(BASE, { BACKUP_CONFIG: other }, { file: "config.json" })).toMatchObject({
      gzipLevel: 6,
    });
    await expect(load(BASE, { BACKUP_CONFIG: "absent.json" })).rejects.toThrow(
      /"absent.json" cannot be read \(ENOENT\)/,
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

describe("a file", () => {
  it.each([
    ["", /:1:1: .*empty/],
    ['{\n  "a": 1,\n}', /:3:1: .*comma before }/],
    ['{"a": [1,]}', /:1:10: .*comma before ]/],
    ["{'a': 1}", /:1:2: .*use " in place of '/],
    ['{"a": True}', /:1:7: .*lower case/],
    ['{"a": 1 "b": 2}', /:1:9: .*comma or }/],
    ['{"a" 1}', /:1:6: .*colon/],
    ["{// x\n}", /:1:2: .*no comments/],
    [`{"a": "${SECRET}`, /:1:7: .*no closing "/],
    [`{"a": ${SECRET}}`, /:1:7: .*text goes in "..."/],
    [`{"a": "C:\\p${SECRET}"}`, /:1:10: .*backslash/],
    [`{} ${SECRET}`, /:1:4: .*follows the end/],
    ['{"a": 012}', /:1:8: .*number/],
    ['{"a":', /:1:6: .*ends too early/],
    ["[]", /one JSON object/],
    ["null", /one JSON object/],
  ])("%j is answered with line, column and a hint", async (text, message) => {
    await expect(load(text)).rejects.toThrow(message);
  });

  it("that is nested without end is one that is wrong, and no crash", async () => {
    await expect(load("[".repeat(20_000))).rejects.toThrow(/:1:101: .*nested too deeply/);
    await expect(load(`{"keep":[${"[],".repeat(200)}0]}`)).rejects.toThrow(/keep.* must be a block/);
  });

  it("may begin with a byte order mark, and must be UTF-8", async () => {
    expect(await configOf(`\ufeff${JSON.stringify(BASE)}`)).toMatchObject({ encrypt: true });
    await expect(load(Buffer.from('{"a": "\xe9"}', "latin1"))).rejects.toThrow(/not UTF-8/);
  });

  it("with unknown keys gets the nearest known ones", async () => {
    const settings = {
      ...BASE,
      encrypt_file_names: true,
      comment: "x",
      dest: { local_paht: "x", s3_bucket: "b" },
    };
    await expect(load(settings)).rejects.toThrow(
      /"encrypt_file_names": did you mean encrypt_filenames\?\n.*"comment": remove it\n.*"dest.local_paht": did you mean dest.local_path\?/,
    );
  });

  it("that gives a key twice is pointed out", async () => {
    const text = `{"src": {"local_path": "a"}, "dest": {"local_path": "b"}, "encrypt": true, "encrypt": false}`;
    expect(await warningsOf(text)).toMatch(/"encrypt" twice/);
  });

  it("that is named but missing is an error, even when the environment suffices", async () => {
    const env = { SRC_LOCAL_PATH: "/a", DEST_LOCAL_PATH: "/b", ENCRYPTION_PASSWORD: SECRET };
    await expect(load(undefined, env, { file: "absent.json" })).rejects.toThrow(/ENOENT/);
    await expect(load(undefined, env, { file: "." })).rejects.toThrow(/EISDIR/);
  });

  it("that others can read gets a warning, if it holds a secret", async () => {
    const run = async (settings: unknown, mode: number) => {
      const path = join(folder, `mode${count++}.json`);
      writeFileSync(path, JSON.stringify(settings));
      chmodSync(path, mode);
      return warningsOf(undefined, {}, { file: path });
    };
    expect(await run(BASE, 0o644)).toMatch(/a password and other users can read it: chmod 600/);
    expect(await run(BASE, 0o640)).toMatch(/chmod 600/);
    expect(await run(BASE, 0o600)).toBe("");
    expect(await run({ ...PLACES, encrypt: false }, 0o644)).toBe("");
    expect(await run({ ...PLACES, dest: S3, encrypt: false }, 0o604)).toMatch(/a secret key/);
  });
});

describe("a storage", () => {
  const s3 = (settings: object) => configOf({ ...BASE, dest: { ...S3, ...settings } });

  it("is a folder or a bucket, not both and not neither", async () => {
    await expect(load({ ...BASE, dest: { local_path: "x", ...S3 } })).rejects.toThrow(
      /dest.s3_bucket: .*not both/,
    );
    await expect(load({ ...BASE, dest: {} })).rejects.toThrow(
      /dest names no place: give dest.local_path or dest.s3_bucket/,
    );
    await expect(load({ ...BASE, dest: { base_path: "x" } })).rejects.toThrow(
      /dest.base_path is set without a bucket/,
    );
    await expect(load({ ...BASE, dest: "to" })).rejects.toThrow(/dest must be a block/);
    await expect(load({ ...BASE, dest: { local_path: "" } })).rejects.toThrow(
      /dest.local_path must not be empty/,
    );
    await expect(load({ ...BASE, dest: { local_path: 5 } })).rejects.toThrow(
      /dest.local_path must be a text/,
    );
  });

  it("treats null as left out, credentials included", async () => {
    const settings = {
      local_path: null,
      endpoint_url: null,
      aws_access_key_id: null,
      aws_secret_access_key: null,
    };
    expect((await s3({ ...settings, signature_version: null })).dest).toEqual({
      kind: "s3",
      bucket: "bucket",
      basePath: "",
    });
  });

  it.each([
    ["aws_access_key_id", null],
    ["aws_secret_access_key", null],
  ])("needs both keys or neither: %s", async (key, value) => {
    await expect(s3({ [key]: value })).rejects.toThrow(
      /needs dest.aws_access_key_id and dest.aws_secret_access_key/,
    );
  });

  it("needs keys for a session token", async () => {
    await expect(load({ ...BASE, dest: { s3_bucket: "b", session_token: SECRET } })).rejects.toThrow(
      /session_token needs/,
    );
  });

  it.each([
    ["/a/b/", "a/b"],
    ["a", "a"],
    ["//a//", "a"],
    ["/", ""],
    ["", ""],
    ["a//b", "a//b"],
  ])("has the base path %j without slashes at its ends", async (given, expected) => {
    expect((await s3({ base_path: given })).dest).toMatchObject({ basePath: expected });
  });

  it.each([["a/../b"], [".."], ["./a"]])("cannot have the base path %j", async (path) => {
    await expect(s3({ base_path: path })).rejects.toThrow(/dest.base_path must not hold/);
  });

  it.each([["v4"], ["s3v4"], [null]])("takes the signature version %j", async (version) => {
    expect((await s3({ signature_version: version })).dest.kind).toBe("s3");
  });

  it.each([
    [true, true],
    ["Yes", true],
    ["1", true],
    [1, true],
    [false, false],
    ["no", false],
    ["0", false],
    [0, false],
  ])("takes %j for force_path_style", async (given, forcePathStyle) => {
    expect((await s3({ force_path_style: given })).dest).toMatchObject({ forcePathStyle });
  });

  it.each([
    ["signature_version", "s3", /"v4", "s3v4" or null/],
    ["signature_version", "V4", /"v4", "s3v4" or null/],
    ["endpoint_url", "s3.example.com", /http\(s\):\/\/host/],
    ["endpoint_url", `https://me:${SECRET}@host`, /without user or password/],
    ["force_path_style", "off", /true or false/],
    ["force_path_style", 2, /true or false/],
    ["force_path_style", ["yes"], /true or false/],
    ["s3_bucket", "bucket/folder", /base_path/],
    ["region_name", 5, /must be a text/],
  ])("with %s %j is refused", async (key, value, message) => {
    await expect(s3({ [key]: value })).rejects.toThrow(message);
  });

  it("is needed as a source for a backup only, as a destination always", async () => {
    const { dest, encryption_password } = BASE;
    const noSource = { dest, encryption_password };
    await expect(load(noSource)).rejects.toThrow(/src is missing: "config.json" has no src/);
    expect((await configOf(noSource, {}, { mode: "verify" })).src).toBeUndefined();
    expect((await configOf(noSource, {}, { mode: "restore" })).src).toBeUndefined();
    await expect(load({ encryption_password }, {}, { mode: "verify" })).rejects.toThrow(/^dest is missing/);
    await expect(load(undefined, {})).rejects.toThrow(
      /dest is missing: there is no config.json here, and the environment has neither DEST_LOCAL_PATH nor DEST_S3_BUCKET\nsrc is missing/,
    );
  });
});

describe("the password", () => {
  it("is missed when anything is encrypted or salted, and only then", async () => {
    for (const settings of [
      {},
      { encrypt: false, encrypt_filenames: true },
      { encrypt: false, encryption_salt: "00".repeat(16) },
    ]) {
      await expect(load({ ...PLACES, ...settings })).rejects.toThrow(/^encryption_password is missing/);
    }
    expect((await configOf({ ...BASE, encrypt: false })).password).toBeUndefined();
  });

  it("may be empty to read, not to write", async () => {
    const settings = { ...BASE, encryption_password: "" };
    await expect(load(settings)).rejects.toThrow(/the password is empty/);
    expect((await configOf(settings, {}, { mode: "restore" })).password).toBe("");
    expect((await configOf(settings, {}, { mode: "verify" })).password).toBe("");
  });

  it("ends at Latin-1 with aes, and not with cha", async () => {
    const latin1 = `${SECRET}\u00ff`;
    expect((await configOf({ ...BASE, encryption_password: latin1 })).password).toBe(latin1);
    const beyond = `${SECRET}\u0100`;
    await expect(load({ ...BASE, encryption_password: beyond })).rejects.toThrow(/Latin-1/);
    expect((await configOf({ ...BASE, encryption_password: beyond, encryption_type: "cha" })).password).toBe(
      beyond,
    );
  });

  it("has to be text, and valid Unicode", async () => {
    await expect(load({ ...BASE, encryption_password: 5 })).rejects.toThrow(
      /encryption_password must be a text/,
    );
    for (const odd of [`${SECRET}\\ud800`, `${SECRET}\\ufffd`]) {
      const text = JSON.stringify({ ...BASE, encryption_type: "cha" }).replace(SECRET, odd);
      await expect(load(text)).rejects.toThrow(/not valid Unicode/);
    }
  });

  it("is not shown by a zero byte in the command for it, where processes end their arguments", async () => {
    const settings = { ...PLACES, encryption_password_command: `echo ${SECRET}\0` };
    await expect(load(settings)).rejects.toThrow(
      /^"config.json": encryption_password_command must not hold a zero byte$/,
    );
  });

  it("may stand in a file, whose first line it is", async () => {
    const path = join(folder, "password");
    const read = async (bytes: string | Buffer) => {
      writeFileSync(path, bytes);
      return load({ ...PLACES, encryption_password_file: path });
    };
    for (const text of [SECRET, `${SECRET}\n`, `${SECRET}\r\n`]) {
      const { config, warnings } = await read(text);
      expect(config.password).toBe(SECRET);
      expect(warnings).toEqual([]);
    }
    expect((await read(` ${SECRET} \n`)).config.password).toBe(` ${SECRET} `);
    expect((await read(`${SECRET}\nmore ${SECRET}\n`)).warnings.join()).toMatch(/more than one line/);
    await expect(read("\n")).rejects.toThrow(/the password is empty/);
    await expect(read(Buffer.from([0xff, 0xfe]))).rejects.toThrow(/not UTF-8/);
    await expect(load({ ...PLACES, encryption_password_file: join(folder, "absent") })).rejects.toThrow(
      /ENOENT/,
    );
  });

  it("may come from a command, which sees the environment and no input", async () => {
    const run = (command: string) =>
      configOf(PLACES, {
        BACKUP_ENCRYPTION_PASSWORD_COMMAND: command,
        WHERE: SECRET,
        PATH: process.env.PATH,
      });
    expect((await run('cat; echo "$WHERE"')).password).toBe(SECRET);
    await expect(run("exit 3")).rejects.toThrow(/^BACKUP_ENCRYPTION_PASSWORD_COMMAND ended with status 3/);
    await expect(run("echo oh dear >&2; exit 1")).rejects.toThrow(/status 1/);
    await expect(run("ls /absent/file")).rejects.toThrow(/status/);
    await expect(run(`echo ${SECRET}; echo wrong ${SECRET} >&2; exit 1`)).rejects.toThrow(/by hand/);
    await expect(run('printf "%s" "$WHERE" >&2; exit 1')).rejects.toThrow(/ended with status 1/);
    await expect(run("kill -9 $$")).rejects.toThrow(/SIGKILL/);
    await expect(run("true")).rejects.toThrow(/the password is empty/);
  });

  describe("from a command that takes long", () => {
    /** A command that ends when it is let go, and what is told meanwhile. */
    async function started(signal?: AbortSignal) {
      const here = mkdtempSync(join(folder, "waiting-"));
      const file = (name: string) => join(here, name);
      const loop = `while [ -e '${here}' ] && [ ! -e '${file("go")}' ]; do sleep 0.02; done`;
      const command = `touch '${file("begun")}'; ${loop}; echo ${SECRET}`;
      const told: string[] = [];
      const loading = configOf(
        { ...PLACES, encryption_password_command: command },
        { PATH: process.env.PATH },
        { onWaiting: (text) => told.push(text), ...(signal && { signal }) },
      );
      while (!existsSync(file("begun"))) await setImmediate();
      return { loading, told, letGo: () => writeFileSync(file("go"), "") };
    }

    it("is waited for as long as it takes, which is told after a minute", async () => {
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      try {
        const { loading, told, letGo } = await started();
        vi.advanceTimersByTime(59_000);
        expect(told).toEqual([]);
        vi.advanceTimersByTime(600_000);
        expect(told).toEqual([expect.stringMatching(/_command has been running for a minute/)]);
        letGo();
        expect((await loading).password).toBe(SECRET);
      } finally {
        vi.useRealTimers();
      }
    });

    it("is waited for no longer when the run is to end", async () => {
      const stopping = new AbortController();
      const { loading } = await started(stopping.signal);
      stopping.abort();
      await expect(loading).rejects.toMatchObject({ kind: "interrupted" });
    });
  });

  it("is given once, and one in the environment replaces any of the file", async () => {
    const both = { ...BASE, encryption_password_file: "x" };
    await expect(load(both)).rejects.toThrow(/given twice/);
    expect((await configOf(both, { ENCRYPTION_PASSWORD: `${SECRET}3` })).password).toBe(`${SECRET}3`);
  });

  it("of the example is pointed out", async () => {
    const loaded = await loadExample("config.json.example");
    expect(loaded.warnings.join("\n")).toMatch(/is the one of the example/);
  });
});

describe("the salt and the cipher", () => {
  const hex = "00112233445566778899aAbBcCdDeEfF";

  it.each([[hex], [` ${hex.match(/../g)?.join(" ")} `]])("take 16 bytes of hex: %j", async (salt) => {
    expect(Buffer.from((await configOf({ ...BASE, encryption_salt: salt })).salt ?? []).toString("hex")).toBe(
      hex.toLowerCase(),
    );
  });

  it.each([[null], [""]])("%j is no salt", async (salt) => {
    expect((await configOf({ ...BASE, encryption_salt: salt })).salt).toBeUndefined();
  });

  it.each([
    [hex.slice(2)],
    [`${hex}00`],
    [hex.replace("00", "0 0")],
    [hex.replace("0", "g")],
    ["11223344"],
    [5],
  ])("refuse the salt %j", async (salt) => {
    await expect(load({ ...BASE, encryption_salt: salt })).rejects.toThrow(
      /encryption_salt must be 16 bytes in hex/,
    );
  });

  it("know two ciphers, in lower case", async () => {
    expect((await configOf({ ...BASE, encryption_type: "cha" })).encryptionType).toBe("cha");
    await expect(load({ ...BASE, encryption_type: "AES" })).rejects.toThrow(/must be "aes" .* or "cha"/);
    expect(
      (await load({ ...BASE, encryption_type: "cha", encrypt: false, encrypt_filenames: true })).summary,
    ).toBe("encrypt no, compress yes (xz 6, gzip 6), encrypt_filenames yes (cha), container classic");
  });
});

describe("source, destination and restore target", () => {
  const local = (src: string, dest: string, more: object = {}) => ({
    ...BASE,
    src: { local_path: src },
    dest: { local_path: dest },
    ...more,
  });

  it("cannot be the same place, nor the source inside the destination", async () => {
    await expect(load(local("a", "./b/../a/"))).rejects.toThrow(/the same place/);
    await expect(load(local("a/b", "a"))).rejects.toThrow(/src lies inside dest/);
    expect((await configOf(local("ab", "a"))).sourceExcludes).toEqual([]);
  });

  it("a destination inside the source is left out, visibly", async () => {
    const { config, warnings } = await load(local(".", "x/my backup"));
    expect(config.sourceExcludes).toEqual(["x/my backup/"]);
    expect(warnings.join()).toMatch(/"x\/my backup\/" of the source is left out/);
  });

  it("are seen through links and other names of a folder", async () => {
    const real = join(folder, "real");
    const link = join(folder, "link");
    mkdirSync(join(real, "inner"), { recursive: true });
    symlinkSync(real, link);
    await expect(load(local(real, link))).rejects.toThrow(/the same place/);
    await expect(load(local(join(link, "inner"), real))).rejects.toThrow(/src lies inside dest/);
    expect((await configOf(local(link, join(real, "inner", "new")))).sourceExcludes).toEqual(["inner/new/"]);
  });

  it("in buckets are compared by service, bucket and base path", async () => {
    const at = (base: string, more: object = {}) => ({ ...S3, base_path: base, ...more });
    const pair = (src: object, dest: object) => load({ ...BASE, src, dest });
    await expect(pair(at("a"), at("a/"))).rejects.toThrow(/the same place/);
    await expect(pair(at("a/b"), at("a"))).rejects.toThrow(/src lies inside dest/);
    await expect(pair(at("a"), at(""))).rejects.toThrow(/src lies inside dest/);
    await expect(
      pair(at("a"), at("a", { endpoint_url: "https://s3.eu-west-1.amazonaws.com" })),
    ).rejects.toThrow(/same place/);
    expect((await pair(at(""), at("backup"))).config.sourceExcludes).toEqual(["backup/"]);
    expect((await pair(at("a"), at("a/b/c"))).config.sourceExcludes).toEqual(["b/c/"]);
    expect((await pair(at("a"), at("ab"))).config.sourceExcludes).toEqual([]);
    expect((await pair(at("a"), at("a", { s3_bucket: "other" }))).config.sourceExcludes).toEqual([]);
    expect(
      (await pair(at("a"), at("a", { endpoint_url: "http://localhost:9000" }))).config.sourceExcludes,
    ).toEqual([]);
  });

  it("a restore into the destination is refused, one into the source is not", async () => {
    const settings = local("a", "b", { restore: { local_path: "b/c" } });
    await expect(load(settings, {}, { mode: "restore" })).rejects.toThrow(/restore lies inside dest/);
    expect((await configOf(settings)).restoreIsDefault).toBe(false);
    expect(
      (await configOf(local("a", "b", { restore: { local_path: "a" } }), {}, { mode: "restore" })).restore,
    ).toEqual({
      kind: "local",
      path: "a",
    });
  });

  it("the place of one restore is taken instead of the configured one, and refused likewise", async () => {
    const settings = local("a", "b", { restore: { local_path: "c" } });
    const { restore, restoreIsDefault } = await configOf(settings, {}, { mode: "restore", restoreTo: "d" });
    expect({ restore, restoreIsDefault }).toEqual({
      restore: { kind: "local", path: "d" },
      restoreIsDefault: false,
    });
    const inside = load(settings, {}, { mode: "restore", restoreTo: "b/d" });
    await expect(inside).rejects.toThrow(/restore lies inside dest/);
  });

  it("of a restore in place are related as those of a backup, of another one not at all", async () => {
    const inPlace = { mode: "restore", inPlace: true } as const;
    expect((await configOf(local(".", "x"), {}, inPlace)).sourceExcludes).toEqual(["x/"]);
    expect((await configOf(local(".", "x"), {}, { mode: "restore" })).sourceExcludes).toEqual([]);
    await expect(load(local("a/b", "a"), {}, inPlace)).rejects.toThrow(/src lies inside dest/);
    await load(local("a/b", "a"), {}, { mode: "restore" });
    const listed = { ...BASE, src: [{ name: "a", local_path: "a" }] };
    await expect(load(listed, {}, inPlace)).rejects.toThrow(
      "--in-place needs one source, not a list of them",
    );
    await load(listed, {}, { mode: "restore" });
  });

  it("a bucket as the place of one restore is refused, and was a folder called s3:", async () => {
    const options = { mode: "restore", restoreTo: "s3://bucket/path" } as const;
    await expect(load(BASE, {}, options)).rejects.toThrow("--to takes a folder: set a bucket as `restore`");
  });
});

it("one of several sources that has no name is told to get one", async () => {
  const settings = { ...BASE, src: [{ local_path: "a" }, { name: 1, local_path: "b" }, "c"] };
  const name = 'must be given, "photos" say: the files of this source are stored below it';
  await expect(load(settings)).rejects.toMatchObject({
    message: [
      `"config.json": src[0].name ${name}`,
      `"config.json": src[1].name ${name}`,
      '"config.json": src[2] must be a block { ... } with "local_path" or "s3_bucket"',
    ].join("\n"),
  });
});

it("everything that is wrong is reported at once, a line each", async () => {
  const settings = {
    ...BASE,
    lzma_level: 11,
    encryption_salt: SECRET,
    compres: true,
    dest: { local_path: 1 },
  };
  const error = await load(settings).then(
    () => expect.unreachable(),
    (thrown: unknown) => thrown as ConfigError,
  );
  expect(error.message.split("\n")).toHaveLength(4);
});

async function loadExample(name: string): Promise<LoadedConfig> {
  const env: NodeJS.ProcessEnv = {};
  let file: string | undefined = join(root, name);
  if (name.endsWith(".env")) {
    Object.assign(env, parseEnv(readFileSync(file, "utf8")));
    file = undefined;
  } else {
    const settings = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    // Their passwords lie elsewhere; any will do.
    if (!("encryption_password" in settings)) env.ENCRYPTION_PASSWORD = SECRET;
  }
  const mode = name.includes("restore-into") ? "restore" : "backup";
  return loadConfig({ file, env, cwd: dirname(folder), mode, tmpdir: "/the/tmp" });
}

describe("the shipped examples", () => {
  const names = [
    "config.json.example",
    ...readdirSync(join(root, "examples")).map((name) => `examples/${name}`),
  ];

  it.each(names.filter((name) => !name.endsWith(".md")))("%s is valid", async (name) => {
    const { config, warnings } = await loadExample(name);
    expect(config.encrypt).toBe(true);
    expect(warnings.filter((warning) => !/chmod|example/.test(warning))).toEqual([]);
  });

  it("back up what is there from a fresh clone", async () => {
    const { config } = await loadExample("config.json.example");
    expect(config).toMatchObject({
      src: { path: "docs" },
      dest: { path: "my-backup" },
      restore: { path: "restored" },
    });
  });
});

describe("docs/configuration.md", () => {
  const text = readFileSync(join(root, "docs", "configuration.md"), "utf8");

  it("has every key in its tables, with its variable", () => {
    for (const key of TOP_KEYS) expect(text).toContain(`| \`${key}\` | \`${topVariable(key)}\` |`);
    for (const key of STORAGE_KEYS)
      expect(text).toContain(`| \`${key}\` | \`${storageVariables("src", key)[0]}\` |`);
    for (const storage of STORAGES) expect(text).toContain(`\`${storage}\``);
  });

  it("names no variable that is not read", () => {
    const known = new Set(allVariables());
    const named = text.match(/\b(?:BACKUP|SRC|DEST|RESTORE)_[A-Z0-9_]+\b/g) ?? [];
    expect(named.filter((name) => !known.has(name) && !name.endsWith("_"))).toEqual([]);
  });
});

describe("the segmented container's settings", () => {
  it("come from the file and, with BACKUP_ in front, from the environment", async () => {
    const { config, summary } = await load(
      { ...BASE, container: "segmented", zstd_level: "9" },
      { BACKUP_COMPRESSION: "zstd" },
    );
    expect(config).toMatchObject({ container: "segmented", compression: "zstd", zstdLevel: 9 });
    expect(summary).toContain("compress yes (zstd 9), encrypt_filenames no, container segmented");
  });

  it("come to no compression where compress is off", async () => {
    const { config, summary } = await load({ ...BASE, container: "segmented", compress: false });
    expect(config.compression).toBe("none");
    expect(summary).toContain("compress no");
  });

  it("record metadata by default, which the classic container does when told to", async () => {
    for (const [settings, metadata] of [
      [{ container: "segmented" }, true],
      [{ container: "segmented", metadata: false }, false],
      [{ container: "segmented", metadata: null }, true],
      [{ container: "classic" }, false],
      [{ metadata: "yes" }, true],
    ] as const) {
      const { config, summary } = await load({ ...BASE, ...settings });
      expect(config.metadata, JSON.stringify(settings)).toBe(metadata);
      expect(summary.endsWith(", metadata yes")).toBe(metadata);
    }
    await expect(load({ ...BASE, metadata: "off" })).rejects.toThrow(/metadata must be true or false/);
  });

  it("allow any password, since only the classic container takes Latin-1", async () => {
    const { config } = await load({ ...BASE, container: "segmented", encryption_password: "日本" });
    expect(config.password).toBe("日本");
  });

  it("are refused where they are none", async () => {
    const settings = { ...BASE, container: "tar", compression: "lz4", zstd_level: 23 };
    await expect(load(settings)).rejects.toThrow(/container.*\n.*compression.*\n.*zstd_level/s);
  });
});
