/** What one file's restore asks of a target, whatever that is. */
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LIVE } from "../../../src/names/stamp.ts";
import { md5ToBase36, parseStoredName, type StoredVersion } from "../../../src/names/stored-name.ts";
import { openKeys } from "../../../src/run/object/keys.ts";
import { openSealer } from "../../../src/run/object/object-sealer.ts";
import type { PutOptions, RestoreTarget } from "../../../src/run/target/restore-target.ts";
import { type RestoreContext, restoreFile } from "../../../src/run/worker/restore-file.ts";
import { LocalStorage } from "../../../src/storage/local/local-storage.ts";
import { configOf, md5 } from "../world.ts";

const SMALL = Buffer.from("small");
/** Memory of what was decrypted is given back. */
const LARGE = Buffer.alloc(10 * 2 ** 20 + 1, "words and words. ");
const headers = new Map([["content-type", "text/plain"]]);

let folder: string;
let destination: LocalStorage;
let common: Pick<RestoreContext, "config" | "keys" | "destination">;
let small: StoredVersion;
let large: StoredVersion;

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "restore-file-"));
  const config = configOf({ dest: folder }, { container: "segmented" });
  const keys = await openKeys(config);
  destination = new LocalStorage(folder, "destination");
  common = { config, keys, destination };
  const sealer = openSealer(config, keys, config.salt, () => new Date(0));
  const keyOf = (file: string, content: Buffer) =>
    sealer.keyFor({
      path: file,
      mtime: 1,
      size: content.length,
      md5: md5ToBase36(Buffer.from(md5(content), "hex")),
      stamp: LIVE,
    });
  const meta = (file: string) => ({ path: file, mtime: 1, headers });
  small = parseStoredName(keyOf("in/small", SMALL)) as StoredVersion;
  large = parseStoredName(keyOf("in/large", LARGE)) as StoredVersion;
  fs.mkdirSync(path.join(folder, "in"));
  fs.writeFileSync(path.join(folder, small.key), sealer.sealSmall(SMALL, meta("in/small")).bytes);
  const stream = sealer.sealLarge({ ...meta("in/large"), size: LARGE.length }).seal(piecesOf(LARGE));
  for await (const bytes of stream) fs.appendFileSync(path.join(folder, large.key), bytes);
});
afterAll(async () => {
  await destination.close();
  fs.rmSync(folder, { recursive: true });
});

async function* piecesOf(content: Buffer) {
  yield content;
}

interface Put {
  readonly path: string;
  readonly content: Buffer;
  readonly options: PutOptions;
}

/** Restores to a target that holds each piece until it has all, as an upload does. */
async function restore(version: StoredVersion, settings: Partial<RestoreContext> = {}, isOld = false) {
  const puts: Put[] = [];
  const target: Partial<RestoreTarget> = {
    takesAtOnce: false,
    examine: async () => undefined,
    put: async ({ path: file }, content, _signal, options) => {
      const pieces: Buffer[] = [];
      for await (const piece of content) pieces.push(piece);
      puts.push({ path: file, content: Buffer.concat(pieces), options });
    },
  };
  const context: RestoreContext = {
    ...common,
    target: target as RestoreTarget,
    signal: new AbortController().signal,
    overwrite: "always",
    checksum: false,
    stripPrefix: undefined,
    dryRun: false,
    stopped: () => false,
    progress: () => {},
    ...settings,
  };
  return { outcome: await restoreFile({ do: "restore", version, isOld }, context), puts };
}

it("gives the content as it is to a target that holds pieces until it has all, and the headers with it", async () => {
  for (const [version, content] of [
    [small, SMALL],
    [large, LARGE],
  ] as const) {
    const { outcome, puts } = await restore(version, { stripPrefix: "in" }, true);
    expect(outcome).toEqual({ kind: "restored" });
    expect(puts).toHaveLength(1);
    expect(puts[0]?.path).toBe(version.path.slice("in/".length));
    expect(puts[0]?.content.equals(content)).toBe(true);
    expect(puts[0]?.options).toEqual({ sparse: false, isOld: true, headers });
  }
});

it("puts nothing in a dry run, outside of what is stripped, and once it is to stop", async () => {
  const nothing = async (settings: Partial<RestoreContext>) => {
    const { outcome, puts } = await restore(large, settings);
    expect(puts.map(({ path: file }) => file)).toEqual([]);
    return outcome.kind;
  };
  expect(await nothing({ dryRun: true })).toBe("restored");
  expect(await nothing({ stripPrefix: "elsewhere" })).toBe("stopped");
  expect(await nothing({ stopped: () => true })).toBe("stopped");
  let progress = 0;
  const inItsMidst = {
    progress: (bytes: number) => {
      progress += bytes;
    },
    stopped: () => progress > 0,
  };
  expect(await nothing(inItsMidst)).toBe("stopped");
  expect(progress).toBeLessThan(LARGE.length);
});
