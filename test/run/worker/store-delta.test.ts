/** Deltas of files and objects that change at the wrong moment; delta.test.ts has those that come about. */
import { createHash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LIVE } from "../../../src/names/stamp.ts";
import { md5ToBase36, parseStoredName, type StoredVersion } from "../../../src/names/stored-name.ts";
import { openKeys } from "../../../src/run/object/keys.ts";
import { openSealer } from "../../../src/run/object/object-sealer.ts";
import { openIfSegmented } from "../../../src/run/object/open-object.ts";
import { ChangedMeanwhile, type StoreContext } from "../../../src/run/worker/store-context.ts";
import { type Base, matchPass, storeDelta } from "../../../src/run/worker/store-delta.ts";
import type { Source, SourceFile } from "../../../src/scan/source.ts";
import { LocalStorage } from "../../../src/storage/local/local-storage.ts";
import type { StagedObject } from "../../../src/storage/storage.ts";
import { configOf, filesIn } from "../world.ts";

const SIZE = 10 * 2 ** 20 + 1;
const original = randomBytes(SIZE);
const changed = Buffer.from(original);
changed.fill(0, 0, 100);
const again = Buffer.from(changed);
again.fill(0, SIZE - 100);

let folder: string;
let context: StoreContext;
let version: StoredVersion;
let progress = 0;

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "store-delta-"));
  const config = configOf({ dest: folder }, { container: "segmented", encrypt: false, deltaDeadShare: 0.5 });
  const keys = await openKeys({ ...config, password: undefined });
  const destination = new LocalStorage(folder, "destination");
  context = {
    config,
    keys,
    destination,
    sealer: openSealer(config, keys, undefined, () => new Date(0)),
    source: {} as Source,
    signal: new AbortController().signal,
    learned: { cannotCopyParts: false, cannotImportFrom: new Set(), etagsAreNoMd5: false },
    stopped: () => false,
    progress: (bytes) => {
      progress += bytes;
    },
  };
  const key = context.sealer.keyFor(fieldsOf(original, 1));
  const writer = await destination.createWriter(key, { sizeHint: SIZE });
  const sealer = context.sealer.sealLarge({ path: "file", mtime: 1, size: SIZE });
  for await (const bytes of sealer.seal(fileOf([original]).read())) await writer.write(bytes);
  await destination.publish([await writer.finish()]);
  version = parseStoredName(key) as StoredVersion;
});
afterAll(async () => {
  await context.destination.close();
  fs.rmSync(folder, { recursive: true });
});

const fieldsOf = (content: Buffer, mtime: number) => ({
  path: "file",
  mtime,
  size: SIZE,
  md5: md5ToBase36(createHash("md5").update(content).digest()),
  stamp: LIVE,
});

/** Each pass gives the next of the contents. */
function fileOf(passes: Buffer[], isUnchanged = () => true): SourceFile {
  let pass = 0;
  return {
    size: SIZE,
    mtime: 2,
    async *read() {
      const content = passes[Math.min(pass++, passes.length - 1)] as Buffer;
      for (let at = 0; at < SIZE; at += 2 ** 20) yield content.subarray(at, at + 2 ** 20);
    },
    readWhole: async () => original,
    isUnchanged: async () => isUnchanged(),
    close: async () => {},
  };
}

async function store(file: SourceFile, etag?: string) {
  progress = 0;
  const object = await openIfSegmented(version, context);
  const delta = object && context.sealer.continueObject?.(object, { path: "file", size: SIZE });
  const base = { version, object, etag, delta } as Base;
  const { md5, plan } = await matchPass(base, file, context);
  if (plan === undefined) throw new Error("no plan");
  return storeDelta(base, plan, file, { ...fieldsOf(changed, 2), md5 }, context);
}

const litter = () => filesIn(folder).filter((file) => !file.endsWith("/") && file !== version.key);

it("what changed between the readings is no version of the file, whether its time tells or not", async () => {
  await expect(store(fileOf([changed, again]))).rejects.toThrow(ChangedMeanwhile);
  let looks = 0;
  await expect(store(fileOf([changed], () => looks++ === 0))).rejects.toThrow(ChangedMeanwhile);
  expect(litter()).toEqual([]);
  expect(progress).toBe(0);
});

it("nothing is stored behind a copy of an object that was replaced meanwhile", async () => {
  expect(await store(fileOf([changed]), "of another object")).toBeUndefined();
  expect(litter()).toEqual([]);
  expect(progress).toBe(0);
  const staged = (await store(fileOf([changed]))) as StagedObject;
  expect(litter()).toHaveLength(1);
  expect(progress).toBe(SIZE);
  await context.destination.discard([staged]);
});
