/** Ways in which the older tool lost data, each once more. */
import * as fs from "node:fs";
import path from "node:path";
import { setEnvironmentData } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { S3StorageConfig, StorageConfig } from "../../../src/config/config.ts";
import type { BackupOptions } from "../../../src/run/backup/backup.ts";
import { openStorage } from "../../../src/storage/open.ts";
import { FaultProxy } from "../../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../../s3-server/s3-server.ts";
import { backup, clean, md5, restore, T0, treeOf, verify, World } from "../world.ts";
import type { Change } from "./changing-worker.ts";
import { makeUnreadable, withUnlistable } from "./unreadable.ts";

const MIB = 2 ** 20;
let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

describe("a changed file's old object was removed before the new one was there", () => {
  it("the changed file cannot be read: its old version stays, and is restored", async () => {
    world.write("log", "as it was");
    world.write("other", "other");
    const config = world.config({ deletedKeepDays: 0 });
    await clean(backup(config));
    const before = world.stored();
    world.write("log", "changed, and longer", 10);
    makeUnreadable(path.join(world.src, "log"));
    const { outcomes, told } = await backup(config);
    expect(outcomes).toEqual({ unchanged: 1, failed: 1 });
    expect(told.errors).toMatchObject([{ path: "log", side: "source", code: "EACCES" }]);
    expect(world.stored()).toEqual(before);
  });

  it("a log that grew between listing and reading is stored as it was read", async () => {
    world.write("log", "line\n");
    const config = world.config();
    await clean(backup(config));
    world.write("log", "line\nline\n", 10);
    const growing = { ...config, deletedKeepDays: 0 };
    const grown = await backup(growing, {
      openStorage: async (storage, side) => {
        const opened = await openStorage(storage, side);
        const list = opened.list.bind(opened);
        opened.list = async function* (signal) {
          yield* list(signal); // at its end the source, which holds one file, has been listed, too
          fs.appendFileSync(path.join(world.src, "log"), "line\n");
        };
        return opened;
      },
    });
    expect(grown.told.errors).toEqual([]);
    await clean(verify(config));
    expect(world.stored()).toHaveLength(1);
  });

  it("a temporary folder on another file system makes no difference", async () => {
    const other = fs.mkdtempSync("/dev/shm/backup-test-");
    const { TMPDIR } = process.env;
    process.env.TMPDIR = other;
    try {
      world.write("small", "small");
      world.write("large", Buffer.alloc(11 * MIB, "large"));
      expect(await clean(backup(world.config()))).toEqual({ new: 2 });
      expect(await clean(restore(world.config()))).toEqual({ restored: 2 });
      expect(treeOf(world.restored)).toEqual(treeOf(world.src));
      expect(fs.readdirSync(other)).toEqual([]);
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
      fs.rmSync(other, { recursive: true });
    }
  });
});

describe("a source that was not there counted as empty, and everything was marked deleted", () => {
  const settings = { deletedKeepDays: 0 };
  let before: string[];
  beforeEach(async () => {
    for (let i = 0; i < 20; i++) world.write(`folder/${i}`, `content ${i}`);
    world.write("top", "top");
    await clean(backup(world.config(settings)));
    before = world.stored();
  });
  afterEach(() => {
    if (fs.existsSync(world.dest)) expect(world.stored()).toEqual(before);
  });

  it("a mistyped folder is refused and not created", async () => {
    const missing = world.at("mistyped");
    const run = backup({ ...world.config(settings), src: { kind: "local", path: missing } });
    await expect(run).rejects.toMatchObject({ kind: "refused", side: "source", path: missing });
    expect(fs.existsSync(missing)).toBe(false);
  });

  it("an empty source is refused", async () => {
    world.remove("folder");
    world.remove("top");
    const { errors } = await backup(world.config(settings));
    expect(errors).toEqual({ refused: 1 });
  });

  it("a source that has lost most of its files is refused", async () => {
    world.remove("folder");
    const { errors, told } = await backup(world.config(settings));
    expect(errors).toEqual({ refused: 1 });
    expect(told.errors[0]?.remedy).toContain("--allow-mass-delete");
  });

  it("an unreadable folder is an error, and its files stay as they are, even where much may be deleted", async () => {
    for (const allowMassDelete of [false, true]) {
      const { errors, told } = await withUnlistable(path.join(world.src, "folder"), () =>
        backup(world.config(settings), { allowMassDelete }),
      );
      expect(told.errors[0]).toMatchObject({ path: "folder/", side: "source", code: "EACCES" });
      expect(errors).toEqual(allowMassDelete ? { failed: 1 } : { failed: 1, refused: 1 });
    }
  });
});

describe("an object that was listed twice was removed in favour of itself", () => {
  const repeating =
    (times: "adjacent" | "again"): BackupOptions["openStorage"] =>
    async (storage, side) => {
      const opened = await openStorage(storage, side);
      const list = opened.list.bind(opened);
      opened.list = async function* (signal) {
        for await (const objects of list(signal)) {
          yield times === "adjacent" ? objects.flatMap((object) => [object, object]) : objects;
          if (times === "again") yield objects;
        }
      };
      return opened;
    };

  for (const container of ["segmented", "classic"] as const) {
    for (const encryptFilenames of [false, true]) {
      for (const versionsKeepDays of [null, 30]) {
        for (const times of ["adjacent", "again"] as const) {
          it(`${container}, names ${encryptFilenames ? "encrypted" : "plain"}, history ${versionsKeepDays}, ${times}`, async () => {
            world.write("only", "only");
            world.write("gone", "gone");
            const config = world.config({ container, encryptFilenames, versionsKeepDays });
            await clean(backup(config));
            const before = world.stored();
            const again = await backup(config, { openStorage: repeating(times) });
            expect(again.outcomes).toEqual({ unchanged: 2 });
            expect(world.stored()).toEqual(before);
            world.remove("gone");
            await clean(backup(config, { openStorage: repeating(times) }));
            expect(world.stored()).toHaveLength(2);
            expect(await clean(restore(config, { choice: { deleted: true } }))).toEqual({ restored: 2 });
          });
        }
      }
    }
  }
});

describe("a file that a scan missed counted as deleted", () => {
  it("it came after its folder was read, and another run had stored it already", async () => {
    world.write("first", "first");
    const config = world.config();
    await clean(backup(config));
    const late = await backup(config, {
      openStorage: async (storage, side) => {
        const opened = await openStorage(storage, side);
        const list = opened.list.bind(opened);
        opened.list = async function* (signal) {
          // By now this run has read the folder.
          world.write("late", "late");
          expect(await clean(backup(config))).toMatchObject({ new: 1 });
          yield* list(signal);
        };
        return opened;
      },
    });
    expect(late.told.errors).toEqual([]);
    expect(late.outcomes).toEqual({ unchanged: 1 });
    expect(await clean(restore(config))).toEqual({ restored: 2 });
    world.remove("late");
    expect(await clean(backup(config))).toEqual({ unchanged: 1, deleted: 1 });
  });
});

describe("a source that went away during the run was a lot of files that vanished, and all was well", () => {
  const whileListing =
    (act: () => void): BackupOptions["openStorage"] =>
    async (storage, side) => {
      const opened = await openStorage(storage, side);
      const list = opened.list.bind(opened);
      opened.list = async function* (signal) {
        yield* list(signal);
        act(); // at the end of its first listing, when the source has been looked at, too
      };
      return opened;
    };

  beforeEach(async () => {
    for (let i = 0; i < 20; i++) world.write(`folder/${i}`, `content ${i}`);
    world.write("old", "old");
    await clean(backup(world.config()));
    for (let i = 0; i < 20; i++) world.write(`folder/${i}`, `changed ${i}`, 10);
  });

  it("another folder is in its place", async () => {
    const before = world.stored();
    const { outcomes, errors, told } = await backup(world.config({ deletedKeepDays: 0 }), {
      openStorage: whileListing(() => {
        if (fs.existsSync(world.at("aside"))) return;
        fs.renameSync(world.src, world.at("aside"));
        fs.mkdirSync(world.src);
      }),
    });
    expect(outcomes).toMatchObject({ "vanished while running": 20 });
    expect(errors).toEqual({ refused: 1 });
    expect(told.errors).toMatchObject([{ side: "source", code: "EREPLACED" }]);
    expect(world.stored()).toEqual(before);
  });

  it("most of what was to be read is gone", async () => {
    const { errors, told } = await backup(world.config(), {
      openStorage: whileListing(() => world.remove("folder")),
    });
    expect(errors).toEqual({ refused: 1 });
    expect(told.errors[0]?.message).toContain("20 of 20 files were gone");
  });

  it("but where files were removed from folders that are there, as logs and mails are, the run goes on", async () => {
    world.remove("old");
    const { outcomes, told } = await backup(world.config(), {
      openStorage: whileListing(() => {
        for (let i = 0; i < 20; i++) world.remove(`folder/${i}`);
      }),
    });
    expect(told.errors).toEqual([]);
    expect(outcomes).toEqual({ "vanished while running": 20, deleted: 1 });
  });
});

it("with --allow-mass-delete an emptied source is marked deleted, and everything can come back", async () => {
  for (let i = 0; i < 12; i++) world.write(`${i}`, `content ${i}`);
  await clean(backup(world.config()));
  fs.renameSync(world.src, world.at("aside"));
  fs.mkdirSync(world.src);
  expect(await clean(backup(world.config(), { allowMassDelete: true }))).toEqual({ deleted: 12 });
  expect(await clean(restore(world.config()))).toEqual({});
  expect(await clean(restore(world.config(), { choice: { deleted: true } }))).toEqual({ restored: 12 });
  expect(treeOf(world.restored)).toEqual(treeOf(world.at("aside")));
});

describe("a destination that went away once all was stored was said to hold it", () => {
  for (const [how, away] of Object.entries({
    "it was removed": () => fs.rmSync(world.dest, { recursive: true }),
    "another folder is in its place": () => {
      fs.renameSync(world.dest, `${world.dest}.old`);
      fs.mkdirSync(world.dest);
    },
  })) {
    it(how, async () => {
      world.write("file", "before");
      await clean(backup(world.config()));
      world.write("file", "after", 10);
      const { outcomes, told } = await backup(world.config(), {
        openStorage: async (storage, side) => {
          const opened = await openStorage(storage, side);
          const stat = opened.stat.bind(opened);
          opened.stat = async (key) => {
            if (key === world.stored().at(-1)) away(); // the look at the new version, before the old one goes
            return stat(key);
          };
          return opened;
        },
      });
      expect(outcomes).toEqual({ changed: 1 });
      expect(told.errors).toMatchObject([{ side: "destination", code: "EREPLACED" }]);
    });
  }
});

describe("of two live versions of a path the wrong one was kept", () => {
  /** Two live versions: the newer one stored last, and the one that a kill should have removed. */
  async function makeDouble(): Promise<void> {
    world.write("file", "older", 0);
    await clean(backup(world.config()));
    const [older = ""] = world.stored();
    const kept = fs.readFileSync(path.join(world.dest, older));
    world.write("file", "newer", 10);
    await clean(backup(world.config()));
    fs.writeFileSync(path.join(world.dest, older), kept);
    fs.utimesSync(path.join(world.dest, older), T0, T0);
    expect(world.stored()).toHaveLength(2);
  }

  it("restore takes the one stored last", async () => {
    await makeDouble();
    expect(await clean(restore(world.config()))).toEqual({ restored: 1 });
    expect(treeOf(world.restored)).toEqual({ file: `${md5("newer")} ${T0 + 10}` });
  });

  it("the next run keeps the one that matches the source, whichever was stored last", async () => {
    await makeDouble();
    world.write("file", "older", 0);
    expect(await clean(backup(world.config()))).toEqual({ unchanged: 1 });
    expect(world.stored()).toHaveLength(1);
    await clean(restore(world.config()));
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });

  it.each([null, 0, 3])(
    "of a file that has gone the newer one is marked, deleted_keep_days %s",
    async (days) => {
      await makeDouble();
      world.write("other", "other");
      world.remove("file");
      expect(await clean(backup(world.config({ deletedKeepDays: days })))).toEqual({ new: 1, deleted: 1 });
      await clean(restore(world.config(), { choice: { deleted: true } }));
      const tree = treeOf(world.restored);
      expect(tree.file).toBe(days === 0 ? undefined : `${md5("newer")} ${T0 + 10}`);
      expect(world.stored()).toHaveLength(days === 0 ? 1 : 2);
    },
  );
});

describe("a backup went on with a password or settings that nothing there was made with", () => {
  beforeEach(async () => {
    world.write("a", "content a");
    world.write("b", "content b");
    await clean(backup(world.config()));
    world.write("c", "content c");
  });

  it.each([
    ["wrong password", { password: "another password" }, { kind: "wrong-password" }],
    ["other cipher", { encryptionType: "cha" }, { kind: "config", path: "encryption_type" }],
    ["no encryption", { encrypt: false }, { kind: "config", path: "encrypt" }],
    ["no compression", { compress: false }, { kind: "config", path: "compress" }],
  ] as const)("%s: the run stops, says so, and writes nothing", async (_, settings, error) => {
    const before = world.stored();
    await expect(backup(world.config(settings))).rejects.toMatchObject(error);
    expect(world.stored()).toEqual(before);
    await expect(verify(world.config(settings))).rejects.toMatchObject(error);
    await expect(restore(world.config(settings))).rejects.toMatchObject(error);
  });

  it("another salt is no contradiction: both open with the password", async () => {
    const salt = new Uint8Array(16).fill(9);
    expect(await clean(backup(world.config({ salt })))).toEqual({ unchanged: 2, new: 1 });
    expect(await clean(verify(world.config({ salt })))).toEqual({ intact: 3 });
  });
});

const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`data lost on its way to a bucket${skip ? ` (${skip})` : ""}`, () => {
  let proxy: FaultProxy;
  let bucket: S3StorageConfig;
  beforeEach(async () => {
    proxy = await FaultProxy.start((await s3Server()).endpoint);
    bucket = await freshBucket({ endpointUrl: proxy.url });
  }, 120_000);
  afterEach(async () => {
    await dropBucket(bucket);
    await proxy.stop();
  });

  it.each([undefined, "STANDARD"])(
    "the second run of a day renamed deleted objects to themselves, which deleted them (storage class %s)",
    async (storageClass) => {
      const dest = { ...bucket, ...(storageClass && { storageClass }) };
      const config = { ...world.config({ compress: false }), dest };
      const now = () => new Date(2026, 1, 3, 4);
      world.write("large", Buffer.alloc(9 * MIB, "large"));
      world.write("small", "small");
      world.write("stays", "stays");
      await clean(backup(config, { now }));
      world.remove("large");
      world.remove("small");
      expect(await clean(backup(config, { now }))).toEqual({ unchanged: 1, deleted: 2 });
      proxy.reset();
      for (let run = 0; run < 2; run++)
        expect(await clean(backup(config, { now }))).toEqual({ unchanged: 1 });
      expect(proxy.table()).not.toHaveProperty("CopyObject");
      expect(proxy.table()).not.toHaveProperty("DeleteObject");
      expect(await clean(restore(config, { choice: { deleted: true } }))).toEqual({ restored: 3 });
      expect(await clean(verify(config))).toEqual({ intact: 3 });
    },
  );

  it("a mistyped source bucket was created and found empty: it is refused now", async () => {
    world.write("file", "content");
    const config = { ...world.config(), dest: bucket };
    await clean(backup(config));
    const missing = { ...bucket, bucket: `${bucket.bucket}-mistyped` };
    await expect(backup({ ...config, src: missing })).rejects.toMatchObject({
      kind: "refused",
      side: "source",
    });
    await expect(backup({ ...config, src: missing })).rejects.toMatchObject({
      kind: "refused",
      side: "source",
    });
    expect(await clean(restore(config))).toEqual({ restored: 1 });
  });
});

describe.each(["a folder", "a bucket"])("torn content was stored as good in %s", (kind) => {
  let dest: StorageConfig;
  beforeEach(async (context) => {
    if (kind === "a bucket" && skip !== undefined) context.skip(skip);
    dest = kind === "a bucket" ? await freshBucket() : { kind: "local", path: world.dest };
  }, 120_000);
  afterEach(async () => {
    if (dest?.kind === "s3") await dropBucket(dest);
  });

  function changing(times: number) {
    const change: Change = { file: path.join(world.src, "torn"), mtime: T0 + 10, times };
    setEnvironmentData("backup-test-change", change as never);
    return { workerScript: new URL("./changing-worker.ts", import.meta.url) };
  }

  it("a file that changes once between two looks is read again", async () => {
    world.write("torn", Buffer.alloc(11 * MIB, "before"), 10);
    const config = { ...world.config(), dest };
    expect(await clean(backup(config, changing(1)))).toEqual({ new: 1 });
    expect(await clean(verify(config))).toEqual({ intact: 1 });
    await clean(restore(config));
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });

  it("a file that changes between the two looks of a delta is read again", async () => {
    const image = Buffer.alloc(33 * MIB, "image");
    world.write("torn", image);
    const config = { ...world.config({ container: "segmented", compression: "none" }), dest };
    await clean(backup(config));
    image.write("changed", 5 * MIB);
    world.write("torn", image, 10);
    const { outcomes, result, told } = await backup(config, changing(1));
    expect({ outcomes, errors: told.errors }).toEqual({ outcomes: { changed: 1 }, errors: [] });
    expect(result.sentBytes).toBeLessThan(2 * MIB);
    await clean(restore(config));
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });

  it("a file that never rests fails alone; its old version stays, and nothing half-done beside it", async () => {
    world.write("torn", Buffer.alloc(11 * MIB, "before"));
    world.write("other", "other");
    const config = { ...world.config({ deletedKeepDays: 0 }), dest };
    await clean(backup(config));
    const old = treeOf(world.src);
    world.write("torn", Buffer.alloc(11 * MIB + 1, "after"), 10);
    const { outcomes, told } = await backup(config, changing(99));
    expect(outcomes).toEqual({ unchanged: 1, failed: 1 });
    expect(told.errors).toMatchObject([{ path: "torn", side: "source", code: "ECHANGED" }]);
    const storage = await openStorage(dest, "destination");
    expect(await storage.listUploads()).toEqual([]);
    await storage.close();
    if (dest.kind === "local") expect(world.stored()).toHaveLength(2);
    expect(await clean(restore(config))).toEqual({ restored: 2 });
    expect(treeOf(world.restored)).toEqual(old);
  });
});
