/** Files that moved: what is stored of them, and what becomes of what was there. */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import type { Progress } from "../../src/run/reporter.ts";
import { whyNoServer } from "../s3-server/s3-server.ts";
import { useProxiedBucket } from "./proxied-bucket.ts";
import { backup, clean, configOf, Recorder, restore, T0, treeOf, verify, World } from "./world.ts";

const skip = whyNoServer();
const FILES = 12;

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const writeFolder = (name: string, bytes: number) => {
  for (let i = 0; i < FILES; i++) world.write(`${name}/file ${i}`, randomBytes(bytes));
};
const rename = (from: string, to: string) => fs.renameSync(world.at(`src/${from}`), world.at(`src/${to}`));

describe.each([
  { container: "classic", versionsKeepDays: null },
  { container: "segmented", versionsKeepDays: null },
  { container: "segmented", versionsKeepDays: 30 },
  { container: "segmented", versionsKeepDays: 30, retire: "tombstone" },
] as const)("moves with %o", (settings) => {
  const config = (some: Partial<Config> = {}) => world.config({ ...settings, ...some });
  /** Small ones are stored again, others copied. */
  const sizes = settings.versionsKeepDays === null ? [1000, 200_000] : [1000];

  // More than a handful, and all that there was: without what came back they would count as lost.
  it("takes a folder that is renamed, and renamed back, for no mass deletion", async () => {
    writeFolder("one", 1000);
    await clean(backup(config()));
    rename("one", "two");
    expect(await clean(backup(config()))).toEqual({ moved: FILES, deleted: FILES });
    rename("two", "one");
    const expected = { ["retire" in settings ? "new" : "revived"]: FILES, deleted: FILES };
    expect(await clean(backup(config(), { dryRun: true }))).toEqual(expected);
    expect(await clean(backup(config()))).toEqual(expected);
  });

  it.each(sizes)("tells moved files of %i bytes from new and from lost ones", async (bytes) => {
    writeFolder("one", bytes);
    world.write("lost", "l".repeat(bytes));
    await clean(backup(config()));
    rename("one", "two");
    fs.rmSync(world.at("src/lost"));
    world.write("new", "n".repeat(bytes));
    const expected = { moved: FILES, new: 1, deleted: FILES + 1 };
    expect(await clean(backup(config(), { dryRun: true }))).toEqual(expected);
    expect(await clean(backup(config()))).toEqual(expected);
    await clean(verify(config()));
    await clean(restore(config()));
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });

  // Without a copy under the new path the old one is the last there is.
  it.each(sizes.flatMap((bytes) => [[bytes, 0] as const, [bytes, 7] as const]))(
    "keeps what %i bytes were stored as where the new path cannot be stored, deleted_keep_days %i",
    async (bytes, deletedKeepDays) => {
      world.write("old", randomBytes(bytes));
      world.write("other", "o");
      await clean(backup(config({ deletedKeepDays })));
      const before = world.stored();
      rename("old", "n".repeat(240));
      const { errors } = await backup(config({ deletedKeepDays }));
      expect(errors).toEqual({ failed: 1 });
      expect(world.stored()).toEqual(before);
    },
  );
});

// Progress stood still until all of them were stored.
it("counts small files that moved as they are stored, before it is known that they moved", async () => {
  const config = world.config({ container: "segmented" });
  writeFolder("one", 1000);
  await clean(backup(config));
  rename("one", "two");
  const told: string[] = [];
  const reporter = new (class extends Recorder {
    override progress({ files }: Progress): void {
      told.push(String(files));
    }
    override file(action: string): void {
      told.push(action);
    }
  })();
  await backup(config, { reporter });
  const counted = Array.from({ length: FILES }, (_, i) => String(i + 1));
  expect(told).toEqual([
    ...counted,
    ...Array<string>(FILES).fill("moved"),
    ...Array<string>(FILES).fill("deleted"),
  ]);
});

describe.skipIf(skip !== undefined)(`moves in a bucket${skip === undefined ? "" : ` (${skip})`}`, () => {
  const s3 = useProxiedBucket();

  // Each took four requests, and read what it then wrote.
  it("stores small touched and moved segmented files with one request each, and reads nothing", async () => {
    const config = configOf({ src: world.src, dest: s3.dest }, { container: "segmented" });
    writeFolder("one", 1000);
    world.write("touched", randomBytes(1000));
    await clean(backup(config));
    rename("one", "two");
    fs.utimesSync(world.at("src/touched"), 1_700_000_000, 1_700_000_000);
    s3.proxy.reset();
    expect(await clean(backup(config))).toEqual({ moved: FILES, touched: 1, deleted: FILES });
    expect(s3.proxy.count("PutObject").requests).toBe(FILES + 1);
    // The salt, and nothing of the files.
    expect(s3.proxy.count("GetObject").requests).toBe(1);
  });

  // The copy went over the object that a tombstone marked; when it could not be looked at, it was thrown away, and what
  // was to be stored instead failed.
  it("never copies onto an object of the history", async () => {
    const settings = { container: "segmented", versionsKeepDays: 30, retire: "tombstone" } as const;
    const config = configOf({ src: world.src, dest: s3.dest, restore: world.restored }, settings);
    world.write("file", randomBytes(6_000_000));
    const touch = (day: number) => fs.utimesSync(world.at("src/file"), T0 + day * 86_400, T0 + day * 86_400);
    for (const day of [1, 2, 3]) {
      touch(day);
      await clean(backup(config));
    }
    touch(2);
    const marked = `file.${(T0 + 2 * 86_400).toString(36)}.`;
    const when = ({ key }: { key?: string | undefined }) => `/${key}`.includes(`/${marked}`);
    for (const operation of ["GetObject", "PutObject"])
      s3.proxy.fail({ operation, when, effect: { kind: "status", status: 403 }, times: 100 });
    expect((await backup(config)).errors).toEqual({ failed: 1 });
    s3.proxy.reset();
    expect(await clean(verify(config))).toEqual({ intact: 3 });
  });
});
