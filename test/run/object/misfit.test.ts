/** Classic objects beside segmented ones, under settings that they were not made with. */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { backup, clean, restore, verify, World } from "../world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const LARGE = 11 * 1024 * 1024;

/** Classic files made with `made`, then a small segmented one. */
async function mixed(made: Partial<Config>): Promise<void> {
  for (let i = 0; i < 5; i++) world.write(`classic${i}`, `content ${i} of a file that is not so small`);
  await clean(backup(world.config({ container: "classic", ...made })));
  world.write("s", "s");
  await clean(backup(world.config({ container: "segmented", ...made })));
}

describe.each<[Partial<Config>, Partial<Config>, string, RegExp]>([
  [{ compress: false }, { compress: true }, "compress", /"compress": false/],
  [{ compress: true }, { compress: false }, "compress", /"compress": true/],
  [{ encryptionType: "aes" }, { encryptionType: "cha" }, "encryption_type", /"aes"/],
])("classic objects made with %o, read with %o", (made, given, setting, remedy) => {
  // A segmented object says itself how it was made, and once answered for the classic ones, too.
  it("stop a run that would write more of them, with the setting's name", async () => {
    await mixed(made);
    const config = world.config({ container: "classic", ...given });
    const refusal = { kind: "config", path: setting, remedy: expect.stringMatching(remedy) };
    await expect(backup(config)).rejects.toMatchObject(refusal);
    await expect(verify(config)).rejects.toMatchObject(refusal);
  });

  it("are not called damaged where new objects are segmented", async () => {
    await mixed(made);
    const config = world.config({ container: "segmented", ...given });
    const { outcomes, errors, told } = await verify(config);
    expect({ outcomes, errors }).toEqual({ outcomes: { intact: 1, failed: 5 }, errors: { failed: 5 } });
    const error = { code: "EMISFIT", side: "config", remedy: expect.stringMatching(remedy) };
    expect(told.errors).toEqual(Array(5).fill(expect.objectContaining(error)));
    expect((await restore(config)).errors).toEqual({ failed: 5 });
  });
});

it("are read as ever where the settings fit", async () => {
  await mixed({ compress: false });
  for (const container of ["classic", "segmented"] as const) {
    expect(await clean(verify(world.config({ container, compress: false })))).toEqual({ intact: 6 });
  }
});

it("are still called damaged where they are", async () => {
  await mixed({ compress: false });
  for (const name of world.stored().filter((stored) => stored.startsWith("classic"))) {
    const file = path.join(world.dest, name);
    fs.writeFileSync(file, fs.readFileSync(file).fill(0, 60, 62));
  }
  const config = world.config({ container: "segmented", compress: true });
  expect((await verify(config)).errors).toEqual({ damaged: 5 });
});

it.each<[string, Uint8Array, Partial<Config>, Partial<Config>]>([
  ["noise", randomBytes(LARGE), { compress: false }, { compress: true }],
  ["text", Buffer.alloc(LARGE, "large file. "), { compress: false }, { compress: true }],
  ["text", Buffer.alloc(LARGE, "large file. "), { encryptionType: "aes" }, { encryptionType: "cha" }],
  ["zeros", Buffer.alloc(LARGE), { encrypt: false, compress: false }, { encrypt: true }],
])("are large and of %s, and are told from damaged ones, too", async (_, content, made, given) => {
  world.write("s", "s");
  await clean(backup(world.config({ container: "segmented" })));
  world.write("classic", content);
  await clean(backup(world.config({ container: "classic", ...made })));
  const { told, errors } = await verify(world.config({ container: "segmented", ...made, ...given }));
  expect(errors).toEqual({ failed: 1 });
  expect(told.errors).toMatchObject([{ code: "EMISFIT", path: "classic" }]);
  const [name] = world.stored().filter((stored) => stored.startsWith("classic")) as [string];
  const file = path.join(world.dest, name);
  const bytes = fs.readFileSync(file);
  fs.writeFileSync(file, bytes.fill(1, bytes.length - 100, bytes.length - 90));
  const after = await verify(world.config({ container: "segmented", ...made, ...given }));
  expect(after.errors).toEqual({ damaged: 1 });
});
