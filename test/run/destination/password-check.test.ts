import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DEFAULT_COMPRESSION } from "../../../src/compression/codecs.ts";
import type { Config } from "../../../src/config/config.ts";
import { sealSmall } from "../../../src/container/segmented/seal-small.ts";
import { passwordSource } from "../../../src/crypto/key-source.ts";
import { SegmentedKeyRing } from "../../../src/crypto/segmented-key-ring.ts";
import { StorageError } from "../../../src/errors.ts";
import { encodeBase32 } from "../../../src/names/base32.ts";
import { LIVE } from "../../../src/names/stamp.ts";
import { formatStoredName, parseStoredName } from "../../../src/names/stored-name.ts";
import { NameOpener } from "../../../src/run/destination/name-opener.ts";
import { checkSettings } from "../../../src/run/destination/password-check.ts";
import { openKeys } from "../../../src/run/object/keys.ts";
import { LocalStorage } from "../../../src/storage/local/local-storage.ts";
import type { ListedObject } from "../../../src/storage/storage.ts";
import { configOf } from "../world.ts";

vi.setConfig({ testTimeout: 60_000 }); // key derivations, on machines that may be busy

const FIXTURES = path.join(import.meta.dirname, "../../fixtures/classic");
/** By its name an object of the segmented container. */
const SEALED = { key: `_${encodeBase32(Buffer.alloc(60))}.enc` };
const PASSWORDS = new Map<string, string>();
let folder: string;

beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "password-check-"));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** A copy of a destination of the older tool, small objects only. */
function copyOf(fixture: string): LocalStorage {
  const from = path.join(FIXTURES, fixture, "dest");
  for (const name of fs.readdirSync(from, { recursive: true }) as string[]) {
    const stat = fs.statSync(path.join(from, name));
    if (!stat.isFile() || stat.size > 100_000) continue;
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.copyFileSync(path.join(from, name), path.join(folder, name));
  }
  const config = JSON.parse(fs.readFileSync(path.join(FIXTURES, fixture, "config.json"), "utf8"));
  PASSWORDS.set(fixture, config.encryption_password);
  return new LocalStorage(folder, "destination");
}

type Some = Partial<
  Pick<Config, "container" | "encrypt" | "encryptFilenames" | "encryptionType" | "compress" | "password">
>;

async function check(storage: LocalStorage, some: Some, more: ListedObject[] = []) {
  // What is not given is to be learnt.
  const { salt: _, password: __, ...usual } = configOf({ dest: folder, restore: folder });
  const config: Config = { ...usual, ...some };
  const objects: ListedObject[] = [...more];
  for await (const batch of storage.list()) objects.push(...batch);
  const keys = await openKeys(config);
  const signal = new AbortController().signal;
  const context = { config, keys, destination: storage, signal };
  return checkSettings(objects, context, new NameOpener(config, keys, storage));
}

const good = (fixture: string) => ({ password: PASSWORDS.get(fixture) as string });
const bySize = () =>
  (fs.readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => fs.statSync(path.join(folder, name)).isFile())
    .sort((a, b) => (parseStoredName(a)?.size ?? 0) - (parseStoredName(b)?.size ?? 0));
const damage = (name: string) => {
  const file = path.join(folder, name);
  const bytes = fs.readFileSync(file);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ ((i * 37 + 11) & 0xff);
  fs.writeFileSync(file, bytes);
};

describe("checking the settings against a destination", () => {
  it("has nothing to say of an empty one", async () => {
    expect(await check(new LocalStorage(folder, "destination"), { password: "anything" })).toEqual({});
  });

  it.each(["aes-salt", "cha-salt", "aes-latin1-password"])(
    "takes the right password, and the salt found: %s",
    async (fixture) => {
      const storage = copyOf(fixture);
      const { salt } = await check(storage, {
        ...good(fixture),
        encryptionType: fixture.startsWith("cha") ? "cha" : "aes",
      });
      expect(salt).toHaveLength(16);
      const stored = bySize().map((name) =>
        fs.readFileSync(path.join(folder, name)).subarray(0, 16).toString("hex"),
      );
      expect(stored).toContain(Buffer.from(salt as Uint8Array).toString("hex"));
    },
  );

  it.each<[string, Some]>([
    ["aes-salt", {}],
    ["cha-salt", { encryptionType: "cha" }],
    ["aes-salt-names", { encryptFilenames: true }],
    ["cha-salt-names", { encryptFilenames: true, encryptionType: "cha" }],
    ["nocompress", { compress: false }],
  ])("stops at a wrong password, before and after all other settings fit: %s", async (fixture, some) => {
    const storage = copyOf(fixture);
    await expect(check(storage, { ...some, password: "not that one" })).rejects.toMatchObject({
      kind: "wrong-password",
    });
  });

  it.each<[string, Some, string, RegExp]>([
    ["aes-salt", { encryptionType: "cha" }, "encryption_type", /"aes"/],
    ["cha-salt", { encryptionType: "aes" }, "encryption_type", /"cha"/],
    ["cha-salt-names", { encryptionType: "aes", encryptFilenames: true }, "encryption_type", /"cha"/],
    ["aes-salt", { encrypt: false }, "encrypt", /true/],
    ["noencrypt", {}, "encrypt", /false/],
    ["nocompress", { compress: true }, "compress", /false/],
    ["aes-salt", { compress: false }, "compress", /true/],
    ["noencrypt-nocompress", { encrypt: false }, "compress", /false/],
    ["noencrypt", { encrypt: false, compress: false }, "compress", /true/],
  ])("says which setting made the objects: %s with %j", async (fixture, some, key, remedy) => {
    const storage = copyOf(fixture);
    const password = good(fixture).password ?? "a password";
    await expect(check(storage, { password, ...some })).rejects.toMatchObject({
      kind: "config",
      path: key,
      remedy: expect.stringMatching(remedy),
    });
  });

  it("without a password says that one is needed", async () => {
    const storage = copyOf("aes-salt");
    await expect(check(storage, { encrypt: false })).rejects.toMatchObject({
      kind: "config",
      path: "encrypt",
    });
    const names = copyOf("aes-salt-names");
    await expect(check(names, { encrypt: false })).rejects.toMatchObject({
      kind: "config",
      path: "encryption_password",
    });
  });

  it("takes a password for wrong with none of its objects lost on it: nothing changes", async () => {
    const storage = copyOf("aes-salt");
    const before = bySize();
    await check(storage, { password: "wrong" }).catch(() => undefined);
    expect(bySize()).toEqual(before);
  });

  it.each(["aes-salt", "noencrypt"])(
    "does not mind that the smallest objects are damaged: %s",
    async (fixture) => {
      const storage = copyOf(fixture);
      for (const name of bySize().slice(0, 5)) damage(name);
      const some = fixture === "noencrypt" ? { encrypt: false } : good(fixture);
      await expect(check(storage, some)).resolves.toBeDefined();
    },
  );

  it("cannot tell total damage from a wrong password, and stops", async () => {
    const storage = copyOf("aes-salt");
    for (const name of bySize()) damage(name);
    await expect(check(storage, good("aes-salt"))).rejects.toMatchObject({ kind: "wrong-password" });
  });

  it("does not mind foreign objects, with names like ours or not", async () => {
    const storage = copyOf("aes-salt");
    fs.writeFileSync(path.join(folder, "foreign.enc"), "x");
    fs.writeFileSync(path.join(folder, "notes.txt"), "x");
    fs.writeFileSync(path.join(folder, "a.1.0.1.0.enc"), "not what it says");
    fs.writeFileSync(path.join(folder, `${"ab12".repeat(20)}.enc`), "looks like an encrypted name");
    await expect(check(storage, good("aes-salt"))).resolves.toHaveProperty("salt");
  });

  it("has nothing to say of a destination with foreign objects only", async () => {
    fs.writeFileSync(path.join(folder, "foreign.enc"), "x");
    fs.writeFileSync(path.join(folder, "notes.txt"), "x");
    expect(await check(new LocalStorage(folder, "destination"), { password: "p" })).toEqual({});
  });

  it("takes encrypted names that open for proof, whatever became of the contents", async () => {
    const storage = copyOf("aes-salt-names");
    for (const name of bySize()) damage(name);
    await expect(
      check(storage, { ...good("aes-salt-names"), encryptFilenames: true }),
    ).resolves.toHaveProperty("salt");
  });

  it("finds plain names beside encrypted ones", async () => {
    const storage = copyOf("mixed-names");
    await expect(check(storage, { ...good("mixed-names"), encryptFilenames: true })).resolves.toHaveProperty(
      "salt",
    );
  });

  it("goes past objects that have gone, and past one that cannot be read", async () => {
    const storage = copyOf("aes-salt");
    const gone = [{ key: "gone.1.0.1.0.enc" }, { key: "archived.1.0.1.0.enc" }];
    const read = storage.readWhole.bind(storage);
    storage.readWhole = async (key, options) => {
      if (key.startsWith("archived"))
        throw new StorageError("destination", "is archived", { code: "InvalidObjectState" });
      return read(key, options);
    };
    await expect(check(storage, good("aes-salt"), gone)).resolves.toHaveProperty("salt");
  });

  it("stops where nothing can be read at all", async () => {
    const storage = copyOf("aes-salt");
    storage.readWhole = async () => {
      throw new StorageError("destination", "is archived", { code: "InvalidObjectState" });
    };
    const unreadable = { code: "InvalidObjectState" };
    await expect(check(storage, good("aes-salt"))).rejects.toMatchObject(unreadable);
    storage.list = async function* () {};
    await expect(check(storage, good("aes-salt"), [SEALED])).rejects.toMatchObject(unreadable);
  });

  it("needs a password for names that are encrypted, in the segmented container, too", async () => {
    const storage = new LocalStorage(folder, "destination");
    await expect(check(storage, { encrypt: false }, [SEALED])).rejects.toMatchObject({
      path: "encryption_password",
    });
  });

  it("asks no more than a few objects of a large destination with a wrong password", async () => {
    const storage = copyOf("aes-salt");
    const [some] = bySize();
    const bytes = fs.readFileSync(path.join(folder, some as string));
    for (let i = 0; i < 200; i++)
      fs.writeFileSync(path.join(folder, `copy${i}.1.0.ck2u8j60r58fu0sgyxrigm3cu.0.enc`), bytes);
    const read = vi.spyOn(storage, "readWhole");
    await expect(check(storage, { password: "wrong" })).rejects.toMatchObject({ kind: "wrong-password" });
    expect(read.mock.calls.length).toBeLessThan(100);
  });

  it("believes a segmented object that opens where new ones are to be classic, and the one that is there is damaged", async () => {
    const keys = new SegmentedKeyRing("p").keysFor(passwordSource("aes", new Uint8Array(16)), "aes");
    const meta = { type: "file", path: "a", mtime: 0 } as const;
    const { bytes, md5 } = sealSmall(Buffer.from("a"), meta, { keys, compression: DEFAULT_COMPRESSION });
    const fields = { path: "a", mtime: 0, size: 1, md5, stamp: LIVE };
    fs.writeFileSync(path.join(folder, formatStoredName(fields)), bytes);
    fs.writeFileSync(path.join(folder, formatStoredName({ ...fields, path: "b" })), Buffer.alloc(100));
    const storage = new LocalStorage(folder, "destination");
    expect(await check(storage, { container: "classic", password: "p" })).toEqual({});
  });

  it("adopts the salt of a segmented object for new ones, but not where its key costs less than today's", async () => {
    const salt = new Uint8Array(16).fill(7);
    const today = passwordSource("aes", salt);
    for (const { source, adopted } of [
      { source: today, adopted: { salt } },
      { source: { ...today, iterations: today.iterations - 1 }, adopted: {} },
    ]) {
      const keys = new SegmentedKeyRing("p").keysFor(source, "aes");
      const meta = { type: "file", path: "a", mtime: 0 } as const;
      const { bytes, md5 } = sealSmall(Buffer.from("a"), meta, { keys, compression: DEFAULT_COMPRESSION });
      const key = formatStoredName({ path: "a", mtime: 0, size: 1, md5, stamp: LIVE });
      fs.writeFileSync(path.join(folder, key), bytes);
      const storage = new LocalStorage(folder, "destination");
      expect(await check(storage, { container: "segmented", password: "p" })).toEqual(adopted);
    }
  });
});
