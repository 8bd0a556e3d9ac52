import { describe, expect, it } from "vitest";
import type { ConfigError } from "../../src/errors.ts";
import { BASE, configOf, load, SECRET, warningsOf } from "./loading.ts";

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
