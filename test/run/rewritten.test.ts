/** Files that change within the second of their backup: names do not tell. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isBeforeManifests, manifestPath } from "../../src/names/manifest-name.ts";
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
const write = (file: string, text: string, fraction: number) => {
  world.write(file, text);
  fs.utimesSync(path.join(world.src, file), second + fraction, second + fraction);
};

describe("a file that changes within the second of its backup", () => {
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
        const { openStorage } = await import("../../src/storage/open.ts");
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
