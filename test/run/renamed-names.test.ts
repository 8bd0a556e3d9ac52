/** Encrypted names of objects that are only renamed or copied, under settings other than those that they were stored with. */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { backup, clean, verify, World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const OTHER_SALT = new Uint8Array(16).fill(9);

const CHANGES: { what: string; before: Partial<Config>; after: Partial<Config> }[] = [
  {
    what: "another salt, with a history",
    before: { versionsKeepDays: Number.POSITIVE_INFINITY },
    after: { versionsKeepDays: Number.POSITIVE_INFINITY, salt: OTHER_SALT },
  },
  { what: "another cipher", before: { encryptionType: "cha" }, after: { encryptionType: "aes" } },
  {
    what: "another cipher for names only",
    before: { encrypt: false, encryptionType: "cha" },
    after: { encrypt: false, encryptionType: "aes" },
  },
  { what: "another container", before: { container: "classic" }, after: {} },
  {
    what: "encrypted names, and another salt",
    before: { encryptFilenames: false },
    after: { salt: OTHER_SALT },
  },
];

it.each(CHANGES)("open with what the objects themselves tell after $what", async ({ before, after }) => {
  const config = (settings: Partial<Config>) =>
    world.config({ container: "segmented", encryptFilenames: true, ...settings });
  // Large enough to be copied, not sealed again.
  const large = randomBytes(100_000);
  world.write("gone", "gone");
  world.write("touched", large);
  world.write("here", Buffer.concat([large, large]));
  await clean(backup(config(before)));
  world.remove("gone");
  world.write("touched", large, 60);
  fs.renameSync(world.at("src/here"), world.at("src/there"));
  expect(await clean(backup(config(after)))).toEqual({ touched: 1, moved: 1, deleted: 2 });
  const { salt: _, ...anywhere } = config(after);
  expect(await clean(verify(anywhere))).toMatchObject({ intact: after.versionsKeepDays ? 5 : 4 });
});

it("never take the place of an object of the history, whose name may be under other keys than new ones", async () => {
  const settings = {
    container: "segmented",
    encryptFilenames: true,
    versionsKeepDays: Number.POSITIVE_INFINITY,
    retire: "tombstone",
  } as const;
  const large = randomBytes(100_000);
  for (const minute of [1, 2, 3]) {
    world.write("file", large, 60 * minute);
    await clean(backup(world.config(settings)));
  }
  world.write("file", large, 120);
  const other = world.config({ ...settings, salt: OTHER_SALT });
  expect(await clean(backup(other))).toEqual({ changed: 1 });
  expect(await clean(verify(other))).toEqual({ intact: 4 });
});
