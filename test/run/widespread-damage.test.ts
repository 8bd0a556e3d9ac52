/** Damage to many objects at once: what is whole is still found, and nobody is told of a wrong password. */
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { StorageError } from "../../src/errors.ts";
import { runPrune } from "../../src/run/history/prune.ts";
import { type OpenStorage, openStorage } from "../../src/storage/open.ts";
import { backup, clean, Recorder, restore, verify, World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const FILES = 60;
const quick = { metadata: false, encryptionType: "aes" } as const;

/** Files of one size, or of growing ones. */
async function stored(settings: Partial<Config>, growing = false): Promise<Config> {
  for (let i = 0; i < FILES; i++) {
    const name = `${i}`.padStart(3, "0");
    world.write(`f${name}`, `content ${name}${growing ? ".".repeat(i) : ""}`);
  }
  const config = world.config({ ...quick, ...settings });
  await clean(backup(config));
  return config;
}

function change(names: readonly string[], how: (bytes: Buffer) => Uint8Array): void {
  for (const name of names) {
    const file = path.join(world.dest, name);
    fs.writeFileSync(file, how(fs.readFileSync(file)));
  }
}

const listed = () => world.stored().sort();
const empty = () => Buffer.alloc(0);
const zeros = (bytes: Buffer) => Buffer.alloc(bytes.length);
const flipped =
  (at: number, mask = 1) =>
  (bytes: Buffer) => {
    bytes[at] = (bytes[at] as number) ^ mask;
    return bytes;
  };
/** Another bit of the salt in each. */
const flippedSalt = () => {
  let bit = 0;
  return (bytes: Buffer) => flipped(24 + (bit % 16), 1 << ((bit++ >> 4) % 8))(bytes);
};

describe.each([{}, { salt: undefined }])(
  "segmented objects with encrypted names, configured with %o",
  (some) => {
    const settings = { container: "segmented", encryptFilenames: true, ...some } as Partial<Config>;

    // Four objects without a header once made all names unreadable.
    it.each([4, 40, FILES - 1])("open although the first %i are empty", async (count) => {
      const config = await stored(settings);
      change(listed().slice(0, count), empty);
      const { outcomes, errors } = await verify(config);
      expect({ outcomes, errors }).toEqual({
        outcomes: { intact: FILES - count, failed: count },
        errors: { damaged: count },
      });
      expect((await restore(config)).outcomes).toEqual({ restored: FILES - count, failed: count });
      expect(await clean(backup(config))).toEqual({ unchanged: FILES });
    });

    it("open although the salts of the first are damaged, each in its own way", async () => {
      const config = await stored(settings);
      change(listed().slice(0, 12), flippedSalt());
      const { outcomes } = await verify(config);
      expect(outcomes).toEqual({ intact: FILES - 12, failed: 12 });
    });

    it("are refused under another password, damaged or not", async () => {
      const config = await stored(settings);
      change(listed().slice(0, 40), empty);
      const wrong = { ...config, password: "wrong" };
      await expect(verify(wrong)).rejects.toMatchObject({ kind: "wrong-password" });
      await expect(backup(wrong)).rejects.toMatchObject({ kind: "wrong-password" });
    });
  },
);

describe("encrypted names that only headers tell the key of", () => {
  const settings = { container: "segmented", encryptFilenames: true, salt: undefined } as Partial<Config>;

  /** Does not give some objects to the thread that opens names, and counts how often it was asked. */
  function withholding(names: readonly string[], code: string) {
    const asked = { times: 0 };
    const open: OpenStorage = async (...given) => {
      const storage = await openStorage(...given);
      const read = storage.readWhole.bind(storage);
      storage.readWhole = async (key, options) => {
        if (!names.includes(key)) return read(key, options);
        asked.times++;
        throw new StorageError("destination", "is not given", { path: key, code });
      };
      return storage;
    };
    return { asked, openStorage: open };
  }

  it.each(["InvalidObjectState", "EIO"])(
    "open although storage does not give the first objects, but one: %s",
    async (code) => {
      const config = await stored(settings);
      const { asked, openStorage } = withholding(listed().slice(0, FILES - 1), code);
      expect(await clean(verify(config, { openStorage }))).toEqual({ intact: FILES });
      expect(asked.times).toBeGreaterThan(0);
    },
  );

  it("stop a run with storage's failure where it gives none, and at once where that is of the moment", async () => {
    const config = await stored(settings);
    const archived = withholding(listed(), "InvalidObjectState");
    await expect(verify(config, archived)).rejects.toMatchObject({ code: "InvalidObjectState" });
    expect(archived.asked.times).toBe(FILES);
    const unreachable = withholding(listed(), "ECONNREFUSED");
    await expect(verify(config, unreachable)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    expect(unreachable.asked.times).toBe(1);
  });

  it("are told with storage's failure where no other object has their key", async () => {
    await stored(settings);
    const [key] = listed();
    const config = world.config({ ...quick, ...settings, dest: { kind: "local", path: world.at("other") } });
    world.write("new", "new");
    await clean(backup(config));
    fs.copyFileSync(path.join(world.dest, key as string), path.join(world.at("other"), key as string));
    const { told, outcomes } = await verify(config, withholding([key as string], "InvalidObjectState"));
    expect(told.errors).toMatchObject([{ code: "InvalidObjectState", kind: "failed", path: key }]);
    expect(outcomes).toEqual({ intact: FILES + 1 });
  });
});

it("names sealed without a secret are anyone's, and do not open beside a password", async () => {
  // The header of an object without a key once taught a key for names that everybody can compute.
  const config = await stored({ container: "segmented", encryptFilenames: true });
  const { sealSegmentedName } = await import("../../src/names/segmented-name.ts");
  const { DestinationKeys } = await import("../../src/crypto/segmented-keys.ts");
  const { makeHeader } = await import("../../src/container/segmented/header.ts");
  const none = { kind: "none" } as const;
  const record = { path: "forged", mtime: 1, size: 1, md5: "1", stamp: { form: "live" } } as const;
  const name = sealSegmentedName(record, new DestinationKeys(Buffer.alloc(32), none, "aes"));
  const header = makeHeader(new DestinationKeys(Buffer.alloc(32), none, "none"), 16, Buffer.alloc(16));
  fs.writeFileSync(path.join(world.dest, name), header.bytes);
  const { told } = await verify(config);
  expect(told.errors).toMatchObject([{ code: "ENAME", path: name }]);
});

describe.each([
  { container: "classic" },
  { container: "segmented" },
  { container: "classic", encrypt: false, compress: false, password: undefined, salt: undefined },
  { container: "classic", encrypt: false, password: undefined, salt: undefined },
  { container: "segmented", encrypt: false, password: undefined, salt: undefined },
] as Partial<Config>[])("objects with plain names and %o", (settings) => {
  // The 32 smallest once decided alone, and what was too short to be an object counted as closed.
  it.each<[string, (bytes: Buffer) => Uint8Array]>([
    ["empty", empty],
    ["zeros", zeros],
    ["cut off after ten bytes", (bytes) => bytes.subarray(0, 10)],
  ])("are read although the smallest are %s", async (_, how) => {
    const config = await stored(settings, true);
    change(listed().slice(0, 45), how);
    const { outcomes, errors } = await verify(config);
    expect({ outcomes, errors }).toEqual({
      outcomes: { intact: FILES - 45, failed: 45 },
      errors: { damaged: 45 },
    });
    expect(await clean(backup(config))).toEqual({ unchanged: FILES });
  });

  it("are all damaged, which reading says and writing refuses", async () => {
    const config = await stored(settings);
    change(listed(), empty);
    expect((await verify(config)).errors).toEqual({ damaged: FILES });
    expect((await restore(config)).errors).toEqual({ damaged: FILES });
    world.write("new", "new");
    const before = listed();
    const refusal = { kind: "damaged", code: "EUNDECIDED" };
    await expect(backup(config)).rejects.toMatchObject(refusal);
    const reading = { reporter: new Recorder(), signal: new AbortController().signal };
    await expect(runPrune(config, reading)).rejects.toMatchObject(refusal);
    expect(listed()).toEqual(before);
  });
});

it.each<[string, (bytes: Buffer) => Uint8Array]>([
  ["key checks", flipped(70)],
  ["salts", flippedSalt()],
])("segmented objects are found among many whose %s are damaged", async (_, how) => {
  const { salt: _salt, ...config } = await stored({ container: "segmented" });
  change(listed().slice(0, 52), how);
  expect((await verify(config)).outcomes).toEqual({ intact: FILES - 52, failed: 52 });
});

it("empty files that were cut off do not count as proof of other settings", async () => {
  for (let i = 0; i < 40; i++) world.write(`empty${i}`, "");
  const config = await stored({ container: "classic" });
  change(
    listed().filter((name) => name.startsWith("empty")),
    empty,
  );
  expect((await verify(config)).outcomes).toEqual({ intact: FILES, failed: 40 });
});
