/** Files that change within the second of their backup: names do not tell. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { StorageError } from "../../src/errors.ts";
import { isBeforeManifests, manifestPath } from "../../src/names/manifest-name.ts";
import { openStorage } from "../../src/storage/open.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { backup, clean, restore, treeOf, World } from "./world.ts";

const FILES = [
  "file",
  "folder/file",
  "folder/deeper/file",
  "#file",
  "folder/.DS_Store",
  ".backup-meta.x",
  "+ e\u0301",
];
let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const second = Math.floor(Date.now() / 1000) - 100;
const write = (file: string, text: string, fraction: number, at = second) => {
  world.write(file, text);
  fs.utimesSync(path.join(world.src, file), at + fraction, at + fraction);
};

describe("a file that changes within the second of its backup", () => {
  /** A run whose destination, in the main thread, is not quite so. */
  const backupWith = (config: Config, change: (storage: Storage) => Partial<Storage>) =>
    backup(config, {
      openStorage: async (storage, side) => {
        const opened = await openStorage(storage, side);
        return Object.assign(opened, change(opened));
      },
    });

  /** A run that cannot store what begins so. */
  const backupWithout = (beginning: string, config: Config) =>
    backupWith(config, (opened) => {
      const publish = opened.publish.bind(opened);
      const error = new Error("not today");
      const fails = ({ key }: { key: string }) => key.startsWith(beginning);
      return {
        publish: async (staged, at) => {
          const failures = staged.filter(fails).map((object) => ({ staged: object, error }));
          const others = staged.filter((object) => !fails(object));
          return [...(await publish(others, at)), ...failures];
        },
      };
    });

  for (const settings of [
    { container: "segmented" },
    { container: "segmented", encryptFilenames: true, versionsKeepDays: 30 },
    { container: "classic" },
  ] as const) {
    const config = () => world.config({ ...settings, metadata: true });
    it(`is stored by the next run (${JSON.stringify(settings)})`, async () => {
      for (const file of FILES) write(file, "before", 0.25);
      for (const file of FILES) write(`${file}-other`, "other", 0.25);
      await clean(backup(config()));
      for (const file of FILES) write(file, "behind", 0.5);
      const { length } = FILES;
      expect(await clean(backup(config()))).toEqual({ changed: length, unchanged: length });
      expect(await clean(backup(config()))).toEqual({ unchanged: 2 * length });
      expect(await clean(restore(config()))).toEqual({ restored: 2 * length });
      expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    });
  }

  it("is found also where its folder gets more manifests, or fewer, and by the run after one that could not store it", async () => {
    const config = world.config({ container: "segmented", metadata: true });
    const files = ["file", "-", ".backup-meta.x", "other"];
    const link = (i: number) => path.join(world.src, `link ${i}`);
    // Long targets: two MiB of them are the most for one manifest.
    const links = (from: number, to: number) => {
      for (let i = from; i < to; i++) fs.symlinkSync("x".repeat(4000), link(i));
    };
    for (const file of files) write(file, "before", 0.25);
    links(0, 450);
    await clean(backup(config));
    for (const file of files.slice(0, -1)) write(file, "behind", 0.5);
    links(450, 600);
    expect((await backupWithout("file.", config)).outcomes).toEqual({ changed: 2, failed: 1, unchanged: 1 });
    expect(await clean(backup(config))).toEqual({ changed: 1, unchanged: 3 });
    for (const file of files.slice(0, -1)) write(file, "at end", 0.75);
    for (let i = 450; i < 600; i++) fs.rmSync(link(i));
    expect(await clean(backup(config))).toEqual({ changed: 3, unchanged: 1 });
    expect(await clean(backup(config))).toEqual({ unchanged: 4 });
  });

  it("and has the content that it had is only looked at", async () => {
    write("file", "content", 0.25);
    const config = world.config({ container: "segmented", metadata: true });
    await clean(backup(config));
    write("file", "content", 0.5);
    const { outcomes, told } = await backup(config);
    expect({ outcomes, errors: told.errors }).toEqual({ outcomes: { unchanged: 1 }, errors: [] });
  });

  it("is found by a run after one that was cut off", async () => {
    write("folder/file", "before", 0.25);
    const config = world.config({ container: "segmented", metadata: true });
    await clean(backup(config));
    write("folder/file", "behind", 0.5);
    const stop = new AbortController();
    await backup(config, {
      signal: stop.signal,
      openStorage: async (storage, side) => {
        const opened = await openStorage(storage, side);
        opened.publish = async () => {
          stop.abort(new Error("cut off"));
          throw new Error("cut off");
        };
        return opened;
      },
    }).catch(() => {});
    expect(await clean(backup(config))).toEqual({ changed: 1 });
  });

  it("is found also where storage does not tell when its version was stored, and what has not changed is unchanged", async () => {
    const config = world.config({ container: "segmented", metadata: true });
    write("file", "before", 0.25);
    write("other", "as it was", 0.25);
    await clean(backup(config));
    const odd = world.stored();
    write("file", "behind", 0.5);
    const { outcomes, told } = await backupWith(config, (opened) => {
      const stat = opened.stat.bind(opened);
      return {
        stat: async (key) => {
          if (!odd.includes(key)) return stat(key);
          throw new StorageError("destination", "cannot be examined", { path: key, code: "EIO" });
        },
      };
    });
    expect({ outcomes, errors: told.errors }).toEqual({ outcomes: { changed: 1, unchanged: 1 }, errors: [] });
  });

  it("is found by a run after one that could not store it, or not read it", async () => {
    const config = world.config({ container: "segmented", metadata: true });
    const file = path.join(world.src, "folder/file");
    write("folder/file", "before", 0.25);
    await clean(backup(config));
    write("folder/file", "behind", 0.5);
    const unstored = await backupWithout("folder/file.", config);
    expect(unstored.outcomes).toEqual({ failed: 1 });
    // Of two versions of one file a run asks when they were stored, once it has listed both sides.
    const [stored = ""] = fs
      .readdirSync(path.join(world.dest, "folder"))
      .filter((name) => name.startsWith("file."));
    const double = stored.replace(second.toString(36), (second - 1).toString(36));
    fs.copyFileSync(path.join(world.dest, "folder", stored), path.join(world.dest, "folder", double));
    const unread = await backupWith(config, (opened) => {
      const stat = opened.stat.bind(opened);
      return {
        stat: (key) => {
          fs.rmSync(file, { force: true }); // after the scan, and before it is read
          return stat(key);
        },
      };
    });
    expect(unread.outcomes).toEqual({ "vanished while running": 1 });
    write("folder/file", "behind", 0.5);
    expect(await clean(backup(config))).toEqual({ changed: 1 });
    expect(await clean(backup(config))).toEqual({ unchanged: 1 });
  });

  it("or has the place of another of its second is stored, however long after", async () => {
    const config = world.config({ container: "segmented", metadata: true });
    const longAgo = second - 86_400;
    write("file", "current", 0.25, longAgo);
    write("file.saved", "earlier", 0.5, longAgo);
    await clean(backup(config));
    fs.renameSync(path.join(world.src, "file.saved"), path.join(world.src, "file"));
    expect(await clean(backup(config))).toEqual({ changed: 1, deleted: 1 });
    await clean(restore(config));
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });

  it("is found where it had been read in another second than the one in which its folder was scanned", async () => {
    const config = world.config({ container: "segmented", metadata: true });
    write("file", "scanned", 0.25);
    await backupWith(config, (opened) => {
      const list = opened.list.bind(opened);
      return {
        async *list(signal) {
          await new Promise((resolve) => setTimeout(resolve, 200)); // the scan begins beside it, and waits for what is listed
          write("file", "as read", 2.25);
          yield* list(signal);
        },
      };
    });
    expect(
      fs.readdirSync(world.dest).some((name) => name.startsWith(`file.${(second + 2).toString(36)}.`)),
    ).toBe(true);
    write("file", "is here", 2.5);
    expect(await clean(backup(config))).toEqual({ changed: 1 });
    expect(await clean(backup(config))).toEqual({ unchanged: 1 });
  });
});

it("files that come before the manifests of their folder are told by their names", () => {
  for (const folder of ["", "a/b"]) {
    const manifest = manifestPath(folder, 0, 0);
    for (const name of [
      ...FILES.map((file) => path.basename(file)),
      ".a",
      ".c",
      "-",
      ".",
      "0",
      "\u{10000}",
      ".backup",
    ]) {
      const file = folder === "" ? name : `${folder}/${name}`;
      expect(isBeforeManifests(file), file).toBe(file < manifest);
    }
  }
});
