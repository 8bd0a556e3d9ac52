/** Runs that the older tool could not finish. */

import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { KeyRing } from "../../../src/crypto/key-ring.ts";
import { bytesOfPath } from "../../../src/names/path-text.ts";
import { LIVE } from "../../../src/names/stamp.ts";
import { md5ToBase36, parseStoredName } from "../../../src/names/stored-name.ts";
import { ClassicSealer } from "../../../src/run/object/classic-sealer.ts";
import { LocalStorage } from "../../../src/storage/local/local-storage.ts";
import { backup, clean, md5, restore, T0, treeOf, verify, World } from "../world.ts";
import { makeUnreadable } from "./unreadable.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const day = (date: number) => ({ now: () => new Date(2026, 4, date, 3) });

describe("one failing file ended the run", () => {
  it("what cannot be stored is named and counted; everything else is stored", async () => {
    for (let i = 0; i < 30; i++) world.write(`good ${i}`, `content ${i}`);
    world.write("unreadable", "x");
    makeUnreadable(path.join(world.src, "unreadable"));
    const long = "n".repeat(240);
    world.write(long, "its stored name is longer than any file name may be");
    world.write("before 1970", "old", -T0 - 5000);
    const { outcomes, told } = await backup(world.config());
    expect(outcomes).toEqual({ new: 31, failed: 2 });
    expect(told.errors.map((error) => error.path).sort()).toEqual([long, "unreadable"]);
    expect(told.errors.find((error) => error.path === long)).toMatchObject({
      code: "ENAMETOOLONG",
      remedy: expect.any(String),
    });
    expect(await clean(verify(world.config()))).toEqual({ intact: 31 });
    // And with such files always there, the next runs still come to their end.
    expect((await backup(world.config())).outcomes).toEqual({ unchanged: 31, failed: 2 });
  });

  it.each([true, false])(
    "one damaged object, listed first, stops neither verify nor restore (whole %s)",
    async (whole) => {
      for (let i = 0; i < 30; i++) world.write(`file ${i}`, `content ${i}`);
      world.write("\x01first", whole ? "small" : Buffer.alloc(10 * 2 ** 20 + 1, "large"));
      const config = world.config({ compress: false });
      await clean(backup(config));
      const [first = ""] = world.stored();
      const object = path.join(world.dest, first);
      const bytes = fs.readFileSync(object);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      fs.writeFileSync(object, bytes);
      const verified = await verify(config);
      expect(verified.outcomes).toEqual({ intact: 30, failed: 1 });
      expect(verified.errors).toEqual({ damaged: 1 });
      expect(verified.told.errors).toMatchObject([{ path: "\x01first", kind: "damaged" }]);
      const restored = await restore(config);
      expect(restored.outcomes).toEqual({ restored: 30, failed: 1 });
      expect(restored.errors).toEqual({ damaged: 1 });
      // Nothing of what was not verified is left anywhere below the target.
      expect(Object.keys(treeOf(world.restored))).toHaveLength(30);
      expect(treeOf(world.restored)).not.toHaveProperty("\x01first");
    },
  );
});

describe("one odd name at the destination stopped every kind of run", () => {
  const FOREIGN = ["foreign.enc", "notes.txt", "a.b.c.d.e.enc", ".enc", "x.1.1.1.99999999.enc"];

  it("foreign objects are left alone, and said", async () => {
    world.write("file", "content");
    await clean(backup(world.config()));
    for (const name of FOREIGN) fs.writeFileSync(path.join(world.dest, name), "foreign");
    const { outcomes, told } = await backup(world.config());
    expect(outcomes).toEqual({ unchanged: 1 });
    expect(told.errors).toEqual([]);
    expect(told.warnings.length).toBeGreaterThan(0);
    expect(await clean(verify(world.config()))).toEqual({ intact: 1 });
    expect(await clean(restore(world.config()))).toEqual({ restored: 1 });
    for (const name of FOREIGN) expect(fs.readFileSync(path.join(world.dest, name), "utf8")).toBe("foreign");
  });

  it("a damaged encrypted name is reported, left alone, and stops nothing", async () => {
    for (let i = 0; i < 5; i++) world.write(`file ${i}`, `content ${i}`);
    const config = world.config({ encryptFilenames: true });
    await clean(backup(config));
    const [first = ""] = world.stored();
    const damaged = `${first.slice(0, -6)}${first.at(-6) === "a" ? "b" : "a"}${first.slice(-5)}`;
    fs.renameSync(path.join(world.dest, first), path.join(world.dest, damaged));
    const { outcomes, told } = await backup(config);
    expect(outcomes).toEqual({ unchanged: 4, new: 1 });
    expect(told.errors).toMatchObject([{ path: damaged, kind: "damaged" }]);
    expect(world.stored()).toContain(damaged);
    expect((await verify(config)).outcomes).toMatchObject({ intact: 5 });
    expect((await restore(config)).outcomes).toMatchObject({ restored: 5 });
  });

  it("encrypt_filenames switched on and off again: both kinds of names are read", async () => {
    world.write("plain", "content 1");
    await clean(backup(world.config()));
    world.write("sealed", "content 2");
    expect(await clean(backup(world.config({ encryptFilenames: true })))).toEqual({ unchanged: 1, new: 1 });
    world.write("plain again", "content 3");
    expect(await clean(backup(world.config()))).toEqual({ unchanged: 2, new: 1 });
    expect(await clean(restore(world.config()))).toEqual({ restored: 3 });
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });
});

describe("dates of deletion were set anew by every run, so that nothing ever expired", () => {
  it("a date is set once, and the file goes the day after deleted_keep_days have passed", async () => {
    world.write("stays", "stays");
    world.write("goes", "goes");
    const config = world.config({ deletedKeepDays: 2 });
    await clean(backup(config, day(1)));
    world.remove("goes");
    expect(await clean(backup(config, day(2)))).toEqual({ unchanged: 1, deleted: 1 });
    const marked = world.stored();
    for (const date of [2, 3, 4]) {
      expect(await clean(backup(config, day(date)))).toEqual({ unchanged: 1 });
      expect(world.stored()).toEqual(marked);
    }
    expect(await clean(backup(config, day(5)))).toEqual({ unchanged: 1, expired: 1 });
    expect(world.stored()).toHaveLength(1);
  });

  it("with deleted_keep_days 0 an object goes in the run that misses its file", async () => {
    world.write("stays", "stays");
    world.write("folder/goes", "goes");
    const config = world.config({ deletedKeepDays: 0 });
    await clean(backup(config));
    world.remove("folder");
    expect(await clean(backup(config))).toEqual({ unchanged: 1, deleted: 1 });
    expect(world.stored().map((name) => parseStoredName(name)?.path)).toEqual(["stays"]);
  });
});

/** The longest name that can be stored: a date of deletion adds four characters, or more when it is encrypted. */
function longestName(config: Config): string {
  const storage = new LocalStorage(world.dest, "destination");
  const keyRing = new KeyRing(config.password ?? "");
  const sealer = new ClassicSealer(config, keyRing, config.salt, () => new Date());
  const md5Field = md5ToBase36(Buffer.from(md5("content"), "hex"));
  for (let length = 250; ; length--) {
    const fields = { path: "n".repeat(length), mtime: T0, size: 7, md5: md5Field, stamp: LIVE };
    if (storage.keyProblem(sealer.keyFor(fields)) === undefined) return fields.path;
  }
}

describe("a name that fits live but not marked deleted", () => {
  it.each([false, true])(
    "is kept live with a warning, run after run (encrypted names: %s)",
    async (encryptFilenames) => {
      const config = world.config({ encryptFilenames });
      const longest = longestName(config);
      world.write(longest, "content");
      world.write("other", "other");
      await clean(backup(config));
      world.remove(longest);
      for (let run = 0; run < 2; run++) {
        const { outcomes, told } = await backup(config);
        expect(told.errors).toEqual([]);
        expect(outcomes).toMatchObject({ unchanged: 1, "kept live": 1 });
        expect(told.warnings.join()).toContain(longest);
      }
      expect((await restore(config, { only: [longest] })).outcomes).toEqual({ restored: 1 });
    },
  );
});

it.each([false, true])(
  "names that are not UTF-8 are stored and come back byte for byte (encrypted names: %s)",
  async (encryptFilenames) => {
    const name = Buffer.from([0x66, 0xff, 0xfe, 0xe9, 0x2e, 0x74]);
    const file = (root: string) => Buffer.concat([Buffer.from(`${root}/`), name]);
    fs.writeFileSync(file(world.src), "content");
    const config = world.config({ encryptFilenames });
    expect(await clean(backup(config))).toEqual({ new: 1 });
    expect(await clean(backup(config))).toEqual({ unchanged: 1 });
    expect(await clean(restore(config))).toEqual({ restored: 1 });
    expect(fs.readdirSync(world.restored, { encoding: "buffer" })).toEqual([name]);
    expect(md5(fs.readFileSync(file(world.restored)))).toBe(md5("content"));
    expect(bytesOfPath("f\udcff\udcfe\udce9.t")).toEqual(name);
  },
);
