import { createHash, hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { diagnose, openWhole } from "../../../src/container/classic.ts";
import {
  layerOf,
  parseHeader,
  rewriteTrailer,
  sniffContainer,
  unlockHeader,
} from "../../../src/container/segmented.ts";
import { prepareCrypto } from "../../../src/crypto/aead.ts";
import { KeyRing } from "../../../src/crypto/key-ring.ts";
import { SegmentedKeyRing } from "../../../src/crypto/segmented-key-ring.ts";
import type { NameRecord } from "../../../src/names/name-record.ts";
import { openName } from "../../../src/names/sealed-name.ts";
import { openSegmentedName, segmentedNameTag } from "../../../src/names/segmented-name.ts";
import { LIVE, parseStamp } from "../../../src/names/stamp.ts";
import { md5FromBase36, md5ToBase36, parseStoredName } from "../../../src/names/stored-name.ts";
import { allScenarios } from "../../vectors/all.ts";
import type { Vector } from "../../vectors/vector.ts";
import { type Outcome, readStreamed, readWhole } from "./reading.ts";

const FOLDER = join(import.meta.dirname, "../../vectors");
const files = ["good", "bad"].flatMap((kind) =>
  readdirSync(join(FOLDER, kind)).map((name) => `${kind}/${name}`),
);
const load = (file: string): Vector => JSON.parse(readFileSync(join(FOLDER, file), "utf8"));

/** One ring for each password: a derivation takes 100 ms. */
const rings = new Map<string | undefined, { segmented: SegmentedKeyRing; classic: KeyRing | undefined }>();

function ringsFor(password: string | undefined) {
  let found = rings.get(password);
  if (found === undefined) {
    const classic = password === undefined ? undefined : new KeyRing(password);
    found = { segmented: new SegmentedKeyRing(password), classic };
    rings.set(password, found);
  }
  return found;
}

/** What a key says, by section 11 of docs/format.md. */
function nameOf(key: string, object: Buffer, password: string | undefined): NameRecord | undefined {
  const { segmented, classic } = ringsFor(password);
  if (segmentedNameTag(key) !== undefined) {
    const allowUnencrypted = true;
    unlockHeader(parseHeader(object), segmented, { allowUnencrypted });
    return openSegmentedName(key, segmented);
  }
  const opened = classic && (openName(key, classic, "aes") ?? openName(key, classic, "cha"));
  const name = opened === undefined ? key : `${opened}.enc`;
  const dot = name.lastIndexOf(".", name.length - 5);
  const stamp = parseStamp(name, dot + 1, name.length - 4);
  const version = parseStoredName(`${name.slice(0, dot)}.0.enc`);
  return version && stamp && { ...version, stamp };
}

beforeAll(() => prepareCrypto("cha"));

const PATHS = {
  whole: readWhole,
  "streamed in large pieces": readStreamed(64 * 1024, 3),
  "streamed byte by byte": readStreamed(1, 1),
  "streamed through other threads": readStreamed(1000, 2, true),
};

describe.each(files)("the vector %s", (file) => {
  const vector = load(file);
  const object = Buffer.from(vector.object, "base64");
  const truth = vector.expect;

  test.each(Object.entries(PATHS))("does what it has to when read %s", async (_, read) => {
    const { segmented, classic } = ringsFor(vector.password);
    const name = vector.key === undefined ? undefined : nameOf(vector.key, object, vector.password);
    if (vector.key !== undefined && name === undefined) {
      expect(truth).toMatchObject({ decodes: false, fails: "name" });
      return;
    }
    const sniffed = sniffContainer(object, object.length, name?.size ?? -1);
    const raw = sniffed === "ask-md5" && md5ToBase36(hash("md5", object, "buffer")) === name?.md5;
    if (sniffed === "classic" || raw) {
      expectClassic(vector, object, name as NameRecord, classic);
      return;
    }
    const allowUnencrypted = vector.allowUnencrypted ?? false;
    const outcome = await read(object, name, { ring: segmented, allowUnencrypted });
    expectOutcome(truth, outcome, object);
  });
});

test("the committed vectors are what their generator makes", async () => {
  const made = await allScenarios();
  expect(files.map((file) => file.replace(".json", "")).sort()).toEqual(Object.keys(made).sort());
  const madeWith = JSON.parse(readFileSync(join(FOLDER, "made-with.json"), "utf8"));
  const sameCodecs = madeWith.zstd === process.versions.zstd && madeWith.zlib === process.versions.zlib;
  for (const [name, vector] of Object.entries(made)) {
    const { object, ...rest } = load(`${name}.json`);
    const { object: madeObject, ...madeRest } = vector;
    // Another version of a codec may compress to other bytes, which changes sizes and with them some names.
    if (sameCodecs) expect({ name, object, ...rest }).toEqual({ name, object: madeObject, ...madeRest });
    else expect(rest.description).toBe(madeRest.description);
  }
});

function expectClassic(vector: Vector, object: Buffer, name: NameRecord, keyRing: KeyRing | undefined): void {
  const found = diagnose(object, { ...name, key: "", stamp: LIVE, sealed: false }, keyRing);
  if (found.kind !== "opens") throw new Error(`opens in no way: ${found.kind}`);
  const settings = { encryption: found.encryption, compress: found.compress, lzmaLevel: 6, gzipLevel: 6 };
  const content = openWhole(object, name, settings, keyRing);
  const { path, mtime, size, md5 } = name;
  expect({
    path,
    mtime,
    size,
    md5: md5FromBase36(md5).toString("hex"),
    contentSha256: sha256(content),
  }).toEqual({ ...vector.expect, decodes: undefined, type: undefined });
}

function expectOutcome(truth: Vector["expect"], outcome: Outcome, stored: Buffer): void {
  const { object, content, error } = outcome;
  if (!truth.decodes) {
    expect(layerOf(error)).toBe(truth.fails);
    expect(content.length).toBeLessThanOrEqual(truth.released);
    return;
  }
  if (object === undefined) throw error;
  const { type, path, mtime, size, md5 } = object.trailer;
  expect({
    decodes: true,
    type,
    path,
    mtime,
    size,
    md5: Buffer.from(md5).toString("hex"),
    contentSha256: sha256(content),
  }).toEqual(truth);
  expect(rewriteTrailer(object, {})).toEqual(stored.subarray(object.trailer.bodyEnd));
}

function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}
