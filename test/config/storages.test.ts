import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BASE, configOf, folder, load, S3, SECRET } from "./loading.ts";

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

  it.each([
    ["half a character", "a\ud800", /dest.base_path must be valid Unicode/],
    ["a zero byte", "a\0b", /dest.base_path must not hold a zero byte/],
    ["no room for a name", "é".repeat(512), /dest.base_path must have at most 1022 bytes/],
  ])("refuses a base path that no key can begin with: %s", async (_, path, message) => {
    await expect(s3({ base_path: path })).rejects.toThrow(message);
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
