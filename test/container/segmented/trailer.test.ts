import { describe, expect, test } from "vitest";
import { tombstoneField } from "../../../src/container/segmented/fields.ts";
import { makeHeader } from "../../../src/container/segmented/header.ts";
import { LOCATOR_BYTES } from "../../../src/container/segmented/locator.ts";
import { openTrailer, type RecordMeta, sealTrailer } from "../../../src/container/segmented/trailer.ts";
import { label } from "../../../src/crypto/hmac.ts";
import { openMessage, sealMessage } from "../../../src/crypto/message.ts";
import { BLOCK_LOG, keysOf } from "./samples.ts";

const header = makeHeader(keysOf("aes"), BLOCK_LOG, Buffer.alloc(16, 5));
const keys = keysOf("aes").fileKeys(header.fileSalt);
const NOTHING = Buffer.alloc(0);
const START = header.bytes.length;
const MOST = 2 ** 48 - 1;
const META: RecordMeta = {
  type: "tombstone",
  path: "p",
  mtime: 1,
  size: 2,
  md5: Buffer.alloc(16, 3),
  fields: [tombstoneField(1, 2)],
};
const FILE: RecordMeta = { ...META, type: "file", size: 0, fields: [] };

/** A trailer without blocks; `change` its plaintext before it is sealed. */
function sealed(
  meta: RecordMeta,
  { positioned = false, bodyEnd = START } = {},
  change = (plain: Buffer) => plain,
) {
  const tail = sealTrailer(keys, header, meta, NOTHING, positioned, bodyEnd);
  const associated = (id: Buffer) => Buffer.concat([label("trailer"), id, header.bytes]);
  const first = tail.subarray(-LOCATOR_BYTES + 4, -4);
  const plain = openMessage(
    "aes",
    keys.trailerKey(first),
    associated(first),
    tail.subarray(0, -LOCATOR_BYTES),
  );
  const changed = change(plain as Buffer);
  const id = keys.trailerId(header.bytes, changed);
  const bytes = Buffer.concat(sealMessage("aes", keys.trailerKey(id), associated(id), changed));
  return () => openTrailer(keys, header, id, bytes, bodyEnd);
}

const refused = expect.objectContaining({ code: "ETRAILER" });
const put =
  (at: number, ...bytes: number[]) =>
  (plain: Buffer) =>
    Buffer.from(plain).fill(Buffer.from(bytes), at, at + bytes.length);

describe("a trailer", () => {
  test("comes back as it was, up to the largest that it can hold", () => {
    for (const meta of [
      META,
      FILE,
      { ...META, path: "p".repeat(65_535), mtime: MOST, size: MOST },
      { ...META, mtime: 0 },
    ]) {
      expect(sealed(meta)()).toMatchObject({ ...meta, bodyEnd: START });
    }
  });

  test.each<[string, Partial<RecordMeta>]>([
    ["no path", { path: "" }],
    ["a path of more than 65,535 bytes", { path: "p".repeat(65_536) }],
    ["a time before 1970", { mtime: -1 }],
    ["a time beyond 48 bits", { mtime: MOST + 1 }],
    ["a time between two seconds", { mtime: 1.5 }],
    ["no time", { mtime: Number.NaN }],
    ["a size beyond 48 bits", { size: MOST + 1 }],
    ["fields beyond 64 MiB", { fields: [{ type: 1, value: Buffer.alloc(2 ** 26) }] }],
  ])("is not made with %s", (_, change) => {
    expect(() => sealTrailer(keys, header, { ...META, ...change }, NOTHING, false, START)).toThrow(
      expect.objectContaining({ code: "ERANGE" }),
    );
  });

  test.each<[string, (plain: Buffer) => Buffer]>([
    ["of no type", put(0, 0)],
    ["of a type that is unknown", put(0, 4)],
    ["with a table of a form that is unknown", put(1, 2)],
    ["without a path", (plain) => Buffer.concat([put(2, 0, 0)(plain).subarray(0, 32), plain.subarray(33)])],
    ["with a path beyond its end", put(3, 6)],
    ["with more blocks than it has room for", put(36, 1)],
    ["that ends in its table", (plain) => plain.subarray(0, 36)],
  ])("is refused %s", (_, change) => {
    expect(sealed(FILE)).not.toThrow();
    expect(sealed(FILE, {}, change)).toThrow(refused);
  });

  test("is refused where it begins in the header, or not where it says", () => {
    expect(sealed(FILE, { positioned: true })).not.toThrow();
    expect(sealed(FILE, { positioned: true, bodyEnd: START + 5 })).not.toThrow();
    expect(sealed(FILE, { positioned: true, bodyEnd: START - 1 })).toThrow(refused);
    expect(sealed(FILE, { positioned: true }, put(42, START + 1))).toThrow(refused);
    expect(sealed(FILE, { bodyEnd: START + 1 })).toThrow(refused);
  });

  test("is refused where its blocks do not make up its size; that of a tombstone is another's", () => {
    expect(sealed({ ...FILE, size: 1 })).toThrow(refused);
    expect(sealed({ ...FILE, type: "manifest", size: 1 })).toThrow(refused);
    expect(sealed({ ...META, size: 1 })).not.toThrow();
  });
});
