import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BASE, configOf, folder, load, PLACES, S3, SECRET, warningsOf } from "./loading.ts";

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
      const path = join(folder, `mode-${mode}.json`);
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
