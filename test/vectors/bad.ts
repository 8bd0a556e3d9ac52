/** Scenarios that a reader must refuse, each made from one that decodes. */

import { deflateRawSync, zstdCompressSync } from "node:zlib";
import { CODEC } from "../../src/compression/codecs.ts";
import { sealUnsigned } from "../../src/container/segmented/block.ts";
import { BodyWriter } from "../../src/container/segmented/body-writer.ts";
import { makeHeader } from "../../src/container/segmented/header.ts";
import { LOCATOR_BYTES } from "../../src/container/segmented/locator.ts";
import { bytesOfPath } from "../../src/names/path-text.ts";
import { md5ToBase36 } from "../../src/names/stored-name.ts";
import { flip, forgeTrailer, patch } from "./forge.ts";
import { BLOCK_BYTES, BLOCKS, positioned } from "./good.ts";
import { md5Of, nameOf } from "./names.ts";
import { BLOCK_LOG, keysOf, MTIME, noise, PASSWORD, prose, type Vector } from "./vector.ts";

type Layer = Extract<Vector["expect"], { decodes: false }>["fails"];

const [A, B, C] = BLOCKS as [Buffer, Buffer, Buffer];
const WHOLE = Buffer.concat([A, B, C]);
const OBJECT = positioned([A, B, C]);
const RECORD = { path: "image.raw", mtime: MTIME, size: WHOLE.length, md5: md5ToBase36(md5Of(WHOLE)) };
const HEADER_BYTES = 88;
const SEALED_BLOCK = BLOCK_BYTES + 16;
const BODY_END = HEADER_BYTES + 3 * SEALED_BLOCK;
/** In the plaintext of the trailer of `OBJECT`. */
const COUNT_AT = 32 + RECORD.path.length;
const TABLE_AT = COUNT_AT + 10;
const EXTENT = 51;

function bad(
  fails: Layer,
  description: string,
  object: Buffer,
  more: Partial<Vector> & { released?: number } = {},
): Vector {
  const { released = 0, ...rest } = more;
  return {
    description,
    password: PASSWORD,
    key: nameOf(RECORD),
    object: object.toString("base64"),
    ...rest,
    expect: { decodes: false, fails, released },
  };
}

const forged = (change: (plain: Buffer) => Buffer) => forgeTrailer(OBJECT, change);
const forgedBytes = (at: number, bytes: readonly number[]) => forged((plain) => patch(plain, at, bytes));
const u16 = (value: number) => [value >> 8, value & 255] as const;
const FF = [0xff, 0xff, 0xff, 0xff];

export function badScenarios(good: Record<string, Vector>): Record<string, Vector> {
  return {
    ...headers(),
    ...truncations(),
    ...blocks(),
    ...trailers(),
    ...tables(),
    ...codecs(),
    ...names(good),
  };
}

function headers(): Record<string, Vector> {
  const cha = (offset: number, bytes: readonly number[], description: string) =>
    bad("header", description, patch(patch(OBJECT, 15, [2, 0, 0, 0, 3, 1, 0, 0, 4]), offset, bytes));
  return {
    "bad/header-version": bad("header", "version 2", patch(OBJECT, 8, [2])),
    "bad/header-cipher": bad("header", "cipher 3", patch(OBJECT, 9, [3])),
    "bad/header-codec-family": bad("header", "codec family 2", patch(OBJECT, 10, [2])),
    "bad/header-block-size-small": bad("header", "blocks of 2 KiB", patch(OBJECT, 11, [11])),
    "bad/header-block-size-large": bad("header", "blocks of 128 MiB", patch(OBJECT, 11, [27])),
    "bad/header-key-source": bad("header", "key source 2", patch(OBJECT, 12, [2])),
    "bad/header-key-source-none": bad("header", "a cipher without a key", patch(OBJECT, 12, [0, 0, 0])),
    "bad/header-key-source-length": bad("header", "a key source of 24 bytes", patch(OBJECT, 13, [0, 24])),
    "bad/header-key-source-long": bad(
      "header",
      "a key source of 65,535 bytes",
      patch(OBJECT, 13, [255, 255]),
    ),
    "bad/header-kdf": bad("header", "KDF 3", patch(OBJECT, 15, [3])),
    "bad/header-iterations-none": bad("header", "no iterations", patch(OBJECT, 16, [0, 0, 0, 0])),
    "bad/header-iterations-beyond-cap": bad(
      "header",
      "10,000,001 iterations",
      patch(OBJECT, 16, [0, 0x98, 0x96, 0x81]),
    ),
    "bad/header-pbkdf2-memory": bad("header", "PBKDF2 with memory", patch(OBJECT, 22, [1])),
    "bad/header-argon2-memory-beyond-cap": cha(20, [0x10, 0, 1], "more than 1 GiB of memory"),
    "bad/header-argon2-passes-beyond-cap": cha(16, [0, 0, 0, 17], "17 passes"),
    "bad/header-argon2-lanes-beyond-cap": cha(23, [17], "17 lanes"),
    "bad/header-argon2-memory-below-lanes": cha(20, [0, 0, 31], "less memory than 8 KiB a lane"),
    "bad/key-wrong-password": bad("key", "another password", OBJECT, { password: "wrong" }),
    "bad/key-salt": bad("key", "a bit of the salt", flip(OBJECT, 24)),
    "bad/key-iterations": bad("key", "one iteration more", patch(OBJECT, 16, [0, 3, 0x34, 0x51])),
    "bad/key-block-size": bad("key", "another block size", patch(OBJECT, 11, [13])),
    "bad/key-cipher": bad("key", "the other cipher", patch(OBJECT, 9, [2])),
    "bad/key-file-salt": bad("key", "a bit of the file salt", flip(OBJECT, 40)),
    "bad/key-check": bad("key", "a bit of the key check", flip(OBJECT, 87)),
  };
}

function truncations(): Record<string, Vector> {
  const cut = (layer: Layer, length: number, where: string) =>
    bad(layer, `cut off ${where}`, OBJECT.subarray(0, length));
  const n = OBJECT.length;
  return {
    "bad/truncated-in-header": cut("header", 50, "in the header"),
    "bad/truncated-after-header": cut("header", HEADER_BYTES, "behind the header"),
    "bad/truncated-in-a-block": cut("trailer", HEADER_BYTES + 100, "in a block"),
    "bad/truncated-after-a-block": cut("trailer", HEADER_BYTES + SEALED_BLOCK, "behind a block"),
    "bad/truncated-before-trailer": cut("trailer", BODY_END, "behind the last block"),
    "bad/truncated-in-trailer": cut("trailer", BODY_END + 40, "in the trailer"),
    "bad/truncated-before-locator": cut("trailer", n - LOCATOR_BYTES, "behind the trailer"),
    "bad/truncated-in-locator": cut("trailer", n - 10, "in the locator"),
    "bad/truncated-by-a-byte": cut("trailer", n - 1, "by a byte"),
    "bad/trailing-byte": bad("trailer", "a byte behind", Buffer.concat([OBJECT, Buffer.of(0)])),
    "bad/trailing-locator": bad(
      "trailer",
      "the locator twice",
      Buffer.concat([OBJECT, OBJECT.subarray(-LOCATOR_BYTES)]),
    ),
    "bad/missing-front-of-body": bad(
      "trailer",
      "a byte of the body is missing",
      Buffer.concat([OBJECT.subarray(0, HEADER_BYTES), OBJECT.subarray(HEADER_BYTES + 1)]),
    ),
  };
}

function blocks(): Record<string, Vector> {
  const at = (i: number) =>
    OBJECT.subarray(HEADER_BYTES + i * SEALED_BLOCK, HEADER_BYTES + (i + 1) * SEALED_BLOCK);
  const head = OBJECT.subarray(0, HEADER_BYTES);
  const tail = OBJECT.subarray(BODY_END);
  const body = (...parts: Buffer[]) => Buffer.concat([head, ...parts, tail]);
  const foreign = positioned([A, B, C], "other.raw").subarray(
    HEADER_BYTES + SEALED_BLOCK,
    HEADER_BYTES + 2 * SEALED_BLOCK,
  );
  const newer = positioned([A, noise(BLOCK_BYTES, "new"), C]);
  return {
    "bad/block-flipped": bad(
      "block",
      "a bit of the second block",
      flip(body(at(0), at(1), at(2)), HEADER_BYTES + SEALED_BLOCK),
      { released: BLOCK_BYTES },
    ),
    "bad/block-tag-flipped": bad("block", "a bit of the last tag", flip(OBJECT, BODY_END - 1), {
      released: 2 * BLOCK_BYTES,
    }),
    "bad/blocks-reordered": bad("block", "two blocks change places", body(at(1), at(0), at(2))),
    "bad/block-dropped": bad("trailer", "a block is missing", body(at(0), at(2))),
    "bad/block-doubled": bad("trailer", "a block is there twice", body(at(0), at(0), at(1), at(2))),
    "bad/block-repeated": bad("block", "a block in the place of another", body(at(0), at(0), at(2)), {
      released: BLOCK_BYTES,
    }),
    "bad/block-foreign": bad("block", "a block of another file", body(at(0), foreign, at(2)), {
      released: BLOCK_BYTES,
    }),
    "bad/block-older": bad(
      "block",
      "a block of an older version of the file",
      body(at(0), newer.subarray(HEADER_BYTES + SEALED_BLOCK, HEADER_BYTES + 2 * SEALED_BLOCK), at(2)),
      { released: BLOCK_BYTES },
    ),
    "bad/trailer-of-another-version": bad(
      "trailer",
      "the trailer of an older version, under the newer name",
      Buffer.concat([newer.subarray(0, BODY_END), tail]),
      {
        key: nameOf({ ...RECORD, md5: md5ToBase36(md5Of(Buffer.concat([A, noise(BLOCK_BYTES, "new"), C]))) }),
      },
    ),
    "bad/trailer-of-another-version-and-name": bad(
      "block",
      "trailer and name of an older version over the newer body",
      Buffer.concat([newer.subarray(0, BODY_END), tail]),
      { released: BLOCK_BYTES },
    ),
    "bad/trailer-of-another-file": bad(
      "trailer",
      "the trailer of another file",
      Buffer.concat([OBJECT.subarray(0, BODY_END), positioned([A, B, C], "other.raw").subarray(BODY_END)]),
    ),
  };
}

function trailers(): Record<string, Vector> {
  const named = (change: Partial<typeof RECORD>) => ({ key: nameOf({ ...RECORD, ...change }) });
  const wrongMd5 = md5ToBase36(md5Of(Buffer.from("something else")));
  return {
    "bad/trailer-flipped": bad("trailer", "a bit of the trailer", flip(OBJECT, BODY_END + 3)),
    "bad/locator-id": bad("trailer", "a bit of the trailer id", flip(OBJECT, -20)),
    "bad/locator-magic": bad("trailer", "a bit of the last magic", flip(OBJECT, -1)),
    "bad/locator-length-overflow": bad("trailer", "a trailer of 4 GiB", patch(OBJECT, -24, FF)),
    "bad/locator-length-zero": bad("trailer", "a trailer of no bytes", patch(OBJECT, -24, [0, 0, 0, 0])),
    "bad/locator-length-into-header": bad(
      "trailer",
      "a trailer that begins in the header",
      patch(OBJECT, -24, [0, 0, ...u16(OBJECT.length - LOCATOR_BYTES - 50)]),
    ),
    "bad/name-path": bad("trailer", "under the name of another path", OBJECT, named({ path: "image.old" })),
    "bad/name-mtime": bad("trailer", "under a name with another mtime", OBJECT, named({ mtime: MTIME + 1 })),
    "bad/name-size": bad("trailer", "under a name with another size", OBJECT, named({ size: 1537 })),
    "bad/name-md5": bad("trailer", "under a name with another md5", OBJECT, named({ md5: wrongMd5 })),
    "bad/name-marker": bad("trailer", "a file under the name of a tombstone", OBJECT, {
      key: nameOf({ ...RECORD, stamp: { form: "marker", began: 1, ceased: 2 } }),
    }),
    "bad/record-type": bad("trailer", "record type 4", forgedBytes(0, [4])),
    "bad/record-type-manifest": bad("trailer", "a manifest under another name", forgedBytes(0, [2])),
    "bad/record-type-tombstone": bad(
      "trailer",
      "a tombstone with blocks, without a mark",
      forgedBytes(0, [3]),
    ),
    "bad/table-form": bad("trailer", "table form 2", forgedBytes(1, [2])),
    "bad/path-empty": bad("trailer", "a path of no bytes", forgedBytes(2, [0, 0])),
    "bad/path-overflow": bad("trailer", "a path beyond the trailer", forgedBytes(2, [255, 255])),
    "bad/size-other": bad(
      "trailer",
      "a size that the blocks do not make up",
      forgedBytes(10, [0, 0, 0, 0, 6, 1]),
      {
        key: nameOf({ ...RECORD, size: 0x601 }),
      },
    ),
    "bad/body-end": bad("trailer", "another body end", forgedBytes(COUNT_AT + 4, [0, 0, 0, 0, 6, 0])),
    "bad/extent-count-overflow": bad("trailer", "4 G extents", forgedBytes(COUNT_AT, FF)),
    "bad/extent-count-large": bad(
      "trailer",
      "an extent more than there are",
      forgedBytes(COUNT_AT, [0, 0, 0, 4]),
    ),
    "bad/field-required": bad(
      "trailer",
      "a required field that nobody knows",
      forged((plain) => Buffer.concat([plain, Buffer.from("900000000000", "hex")])),
    ),
    "bad/field-overflow": bad(
      "trailer",
      "a field of 4 GiB",
      forged((plain) => Buffer.concat([plain, Buffer.from("0002ffffffff", "hex")])),
    ),
    "bad/field-cut-off": bad(
      "trailer",
      "half a field",
      forged((plain) => Buffer.concat([plain, Buffer.from("000200", "hex")])),
    ),
    "bad/field-order": bad(
      "trailer",
      "the same field twice",
      forged((plain) => Buffer.concat([plain, Buffer.from("000200000000000200000000", "hex")])),
    ),
    "bad/field-user-metadata": bad(
      "trailer",
      "user metadata without a value",
      forged((plain) => Buffer.concat([plain, Buffer.from("000100000003000161", "hex")])),
    ),
    "bad/field-mark-on-a-file": bad(
      "trailer",
      "a file with the mark of a tombstone",
      forged((plain) => Buffer.concat([plain, Buffer.from("80010000000c000000000001000000000002", "hex")])),
    ),
    "bad/content-md5": bad(
      "content",
      "trailer and name agree on an md5 that is not the content's",
      forged((plain) => {
        md5Of(Buffer.from("something else")).copy(plain, 16);
        return plain;
      }),
      { ...named({ md5: wrongMd5 }), released: WHOLE.length },
    ),
  };
}

function tables(): Record<string, Vector> {
  const extent = (i: number, at: number, bytes: readonly number[], description: string) =>
    bad("trailer", description, forgedBytes(TABLE_AT + i * EXTENT + at, bytes));
  return {
    "bad/extent-overlap": extent(1, 16, [0, 0, 0, 0, 0, 100], "two extents that overlap in part"),
    "bad/extent-same-place-other-id": extent(
      1,
      16,
      [0, 0, 0, 0, 0, 88],
      "two extents at one place with other ids",
    ),
    "bad/extent-in-header": extent(0, 16, [0, 0, 0, 0, 0, 87], "an extent that begins in the header"),
    "bad/extent-behind-body": extent(2, 16, [0, 0, 0, 0, 6, 0x24], "an extent that ends in the trailer"),
    "bad/extent-offset-overflow": extent(2, 16, [255, 255, ...FF], "an extent at the end of the world"),
    "bad/extent-stored-overflow": extent(0, 22, FF, "a sealed block of 4 GiB"),
    "bad/extent-stored-short": extent(0, 22, [0, 0, 0, 15], "a sealed block shorter than its tag"),
    "bad/extent-plain-zero": extent(0, 26, [0, 0, 0, 0], "a block of no bytes"),
    "bad/extent-plain-large": extent(0, 26, [0, 0, 0x10, 1], "a block longer than the block size"),
    "bad/extent-codec": extent(0, 30, [4], "codec 4"),
    "bad/extent-codec-reserved": extent(1, 30, [0x44], "codec 0x44"),
    "bad/extent-continues-raw": extent(1, 30, [0x80], "a raw block that continues one"),
    "bad/extent-continues-nothing": extent(0, 30, [0x81], "a first block that continues one"),
    "bad/extent-codec-swapped": bad(
      "block",
      "raw bytes under the codec gzip",
      forgedBytes(TABLE_AT + 30, [3]),
    ),
    "bad/extents-swapped": bad(
      "content",
      "the order of two extents, in an authentic trailer",
      forged((plain) => {
        const [one, two] = [0, 1].map((i) =>
          Buffer.from(plain.subarray(TABLE_AT + i * EXTENT, TABLE_AT + (i + 1) * EXTENT)),
        );
        return patch(plain, TABLE_AT, [...(two as Buffer), ...(one as Buffer)]);
      }),
      { released: WHOLE.length },
    ),
  };
}

/** Objects of one compressed block whose stream is not what the table says. */
function codecs(): Record<string, Vector> {
  const plain = prose(4000);
  const one = (description: string, codec: number, data: Buffer, length = plain.length): Vector => {
    const keys = keysOf("aes");
    const header = makeHeader(keys, BLOCK_LOG, keys.fileSalt(bytesOfPath("stream")));
    const fileKeys = keys.fileKeys(header.fileSalt);
    const writer = new BodyWriter(fileKeys, header, false);
    const block = sealUnsigned(fileKeys, { codec, data }, length, writer.freeId(codec, length, data));
    writer.add(block);
    const content = plain.subarray(0, length);
    const record = { path: "stream", mtime: MTIME, size: length, md5: md5ToBase36(md5Of(content)) };
    const tail = writer.finish({ ...record, type: "file", md5: md5Of(content), fields: [] });
    return bad("block", description, Buffer.concat([header.bytes, block.body, block.tag, tail]), {
      key: nameOf(record),
    });
  };
  const zstd = zstdCompressSync(plain);
  const gzip = deflateRawSync(plain);
  // RFC 8878, 3.1.1: a window descriptor of 2^26 bytes, then one raw block, the last.
  const block = ((plain.length << 3) | 1).toString(16).padStart(6, "0");
  const frame = Buffer.concat([Buffer.from("28b52ffd0080", "hex"), Buffer.from(block, "hex").reverse()]);
  const wide = Buffer.concat([frame, plain]);
  return {
    "bad/stream-zstd-longer": one("a zstd frame of more than its length", CODEC.zstd, zstd, 3999),
    "bad/stream-zstd-shorter": one(
      "a zstd frame of less than its length",
      CODEC.zstd,
      zstdCompressSync(plain.subarray(1)),
    ),
    "bad/stream-zstd-cut-off": one("half a zstd frame", CODEC.zstd, zstd.subarray(0, 300)),
    "bad/stream-zstd-trailing": one(
      "bytes behind a zstd frame",
      CODEC.zstd,
      Buffer.concat([zstd, Buffer.from("xyz")]),
    ),
    "bad/stream-zstd-window": one("a zstd window of 64 MiB", CODEC.zstd, wide),
    "bad/stream-gzip-longer": one("DEFLATE data of more than its length", CODEC.gzip, gzip, 3999),
    "bad/stream-gzip-trailing": one(
      "bytes behind DEFLATE data",
      CODEC.gzip,
      Buffer.concat([gzip, Buffer.from("xyz")]),
    ),
    "bad/stream-gzip-cut-off": one("half of DEFLATE data", CODEC.gzip, gzip.subarray(0, 300)),
    "bad/stream-noise": one("no zstd frame at all", CODEC.zstd, noise(500, "no frame")),
    "bad/stream-xz-noise": one("no .xz stream at all", CODEC.xz, noise(500, "no stream")),
  };
}

function names(good: Record<string, Vector>): Record<string, Vector> {
  const vector = good["good/name-aes"] as Vector;
  const key = vector.key as string;
  const fails = { decodes: false, fails: "name", released: 0 } as const;
  const renamed = (description: string, changed: string): Vector => ({
    ...vector,
    description,
    key: changed,
    expect: fails,
  });
  const other = key[60] === "0" ? "1" : "0";
  return {
    "bad/encrypted-name-flipped": renamed(
      "a character of an encrypted name",
      key.slice(0, 60) + other + key.slice(61),
    ),
    "bad/encrypted-name-tag": renamed(
      "the tag of another key",
      `_${key[1] === "0" ? "1" : "0"}${key.slice(2)}`,
    ),
    "bad/encrypted-name-cut-off": renamed("an encrypted name that was cut off", `${key.slice(0, 60)}.enc`),
  };
}
