/** Scenarios that decode. */

import { gzipSync } from "node:zlib";
import { DEFAULT_COMPRESSION } from "../../src/compression/codecs.ts";
import { xzCompress } from "../../src/compression/xz.ts";
import { sealBlock } from "../../src/container/segmented/block.ts";
import { BodyWriter } from "../../src/container/segmented/body-writer.ts";
import { tombstoneField, userMetadataField } from "../../src/container/segmented/fields.ts";
import { makeHeader } from "../../src/container/segmented/header.ts";
import { DeltaWriter, rewriteTrailer } from "../../src/container/segmented/next-version.ts";
import { openStored } from "../../src/container/segmented/object.ts";
import { type SealMeta, sealSmall, sealTombstone } from "../../src/container/segmented/seal-small.ts";
import { NONCE_BYTES, Sealer } from "../../src/crypto/aead.ts";
import { KeyRing } from "../../src/crypto/key-ring.ts";
import { passwordSource } from "../../src/crypto/key-source.ts";
import type { Cipher } from "../../src/crypto/message.ts";
import { SegmentedKeyRing } from "../../src/crypto/segmented-key-ring.ts";
import { formatManifest, type Manifest } from "../../src/metadata/manifest.ts";
import { bytesOfPath } from "../../src/names/path-text.ts";
import { sealName } from "../../src/names/sealed-name.ts";
import { sealSegmentedName } from "../../src/names/segmented-name.ts";
import { LIVE, type Stamp } from "../../src/names/stamp.ts";
import { md5FromBase36, md5ToBase36 } from "../../src/names/stored-name.ts";
import { md5Of, nameOf } from "./names.ts";
import {
  BLOCK_LOG,
  decodes,
  keysOf,
  MTIME,
  noise,
  PASSWORD,
  prose,
  RAW,
  ring,
  SALT,
  type Vector,
} from "./vector.ts";

const KEYED = { password: PASSWORD };
const PERIOD = { began: 1_600_000_000, ceased: 1_600_003_608 };

/** A small file of the segmented container under a plain live name. */
function small(
  description: string,
  plain: Buffer,
  {
    cipher = "aes",
    compression = DEFAULT_COMPRESSION,
    path = "dir/file.txt",
    stamp = LIVE,
    fields = [],
  }: Partial<Pick<SealMeta, "path" | "fields">> & {
    cipher?: Cipher;
    compression?: typeof DEFAULT_COMPRESSION;
    stamp?: Stamp;
  } = {},
): Vector {
  const meta = { type: "file", path, mtime: MTIME, fields } as const;
  const { bytes, md5 } = sealSmall(plain, meta, { keys: keysOf(cipher), compression, blockLog: BLOCK_LOG });
  const record = { path, mtime: MTIME, size: plain.length, md5 };
  return {
    description,
    ...KEYED,
    key: nameOf({ ...record, stamp }),
    object: bytes.toString("base64"),
    expect: decodes(record, plain),
  };
}

/** An object with a positioned table, as files above 10 MiB have it, with small blocks. */
export function positioned(blocks: readonly Buffer[], path = "image.raw", compression = RAW): Buffer {
  const keys = keysOf("aes");
  const header = makeHeader(keys, BLOCK_LOG, keys.fileSalt(bytesOfPath(path)));
  const fileKeys = keys.fileKeys(header.fileSalt);
  const writer = new BodyWriter(fileKeys, header, true);
  const parts: Uint8Array[] = [header.bytes];
  const numbers = new Map<string, number>();
  for (const block of blocks) {
    const occurrence = numbers.get(block.toString("latin1")) ?? 0;
    numbers.set(block.toString("latin1"), occurrence + 1);
    const sealed = sealBlock(fileKeys, block, compression, occurrence);
    writer.add(sealed);
    parts.push(sealed.body, sealed.tag);
  }
  const plain = Buffer.concat(blocks);
  const meta = {
    type: "file",
    path,
    mtime: MTIME,
    size: plain.length,
    md5: md5Of(plain),
    fields: [],
  } as const;
  return Buffer.concat([...parts, writer.finish(meta)]);
}

export const opened = (object: Buffer) => openStored(object, undefined, { ring, allowUnencrypted: true });

/** Blocks may be shorter than the block size, which keeps the vectors small. */
export const BLOCK_BYTES = 512;
export const BLOCKS = ["a", "b", "c", "d"].map((seed) => noise(BLOCK_BYTES, seed));

export async function goodScenarios(): Promise<Record<string, Vector>> {
  return {
    ...segmentedFiles(),
    ...(await versions()),
    ...records(),
    ...keySources(),
    ...names(),
    ...classic(),
  };
}

function segmentedFiles(): Record<string, Vector> {
  const zeros = Buffer.alloc(1024 * 1024);
  const at = (codec: "zstd" | "xz" | "gzip") => ({ compression: { ...DEFAULT_COMPRESSION, codec } });
  return {
    "good/empty-aes": small("an empty file: no blocks", Buffer.alloc(0)),
    "good/empty-cha": small("an empty file under the other cipher", Buffer.alloc(0), { cipher: "cha" }),
    "good/one-byte": small("one byte", Buffer.from("x")),
    "good/raw-aes": small("1 KiB that does not compress", noise(1024, "raw")),
    "good/raw-cha": small("1 KiB that does not compress", noise(1024, "raw"), { cipher: "cha" }),
    "good/zstd-aes": small("one compressed block", prose(3000)),
    "good/zstd-cha": small("one compressed block", prose(3000), { cipher: "cha" }),
    "good/exactly-one-block": small("as long as a block", noise(4096, "one")),
    "good/one-block-and-a-byte": small("a block and one byte more", noise(4097, "two")),
    "good/run-zstd": small("a run: one zstd frame over several extents", prose(20_000), at("zstd")),
    "good/run-xz": small("a run: one .xz stream over several extents", prose(20_000), at("xz")),
    "good/run-gzip": small("a run: one DEFLATE stream over several extents", prose(20_000), at("gzip")),
    "good/run-with-empty-pieces": small("a run of more extents than compressed bytes", zeros, at("zstd")),
    "good/equal-raw-blocks": small(
      "equal blocks: the occurrence tells them apart",
      Buffer.concat([BLOCKS[0] as Buffer, BLOCKS[0] as Buffer, BLOCKS[0] as Buffer]),
      { compression: RAW },
    ),
    "good/strange-path": small("a path with dots, blanks and a newline", prose(10), {
      path: "a.1.2.3.0.enc/ü 日本\n.tar..gz.",
    }),
  };
}

async function versions(): Promise<Record<string, Vector>> {
  const [a, b, c, d] = BLOCKS as [Buffer, Buffer, Buffer, Buffer];
  const old = positioned([a, b, c]);
  const delta = new DeltaWriter(opened(old), RAW);
  const added: Buffer[] = [];
  added.push(await delta.add(Buffer.from("inserted")));
  delta.keep(0);
  delta.keep(2);
  delta.keep(2);
  added.push(await delta.add(a), await delta.add(d));
  const plain = Buffer.concat([Buffer.from("inserted"), a, c, c, a, d]);
  const meta = { type: "file", path: "image.raw", mtime: MTIME + 60, md5: md5Of(plain), fields: [] } as const;
  const { bodyEnd } = opened(old).trailer;
  const patched = Buffer.concat([old.subarray(0, bodyEnd), ...added, delta.finish(meta)]);
  const moved = { path: "moved/image.raw", mtime: MTIME + 1 };
  const renamed = Buffer.concat([old.subarray(0, bodyEnd), rewriteTrailer(opened(old), moved)]);
  const whole = Buffer.concat([a, b, c]);
  const made = (
    description: string,
    path: string,
    mtime: number,
    object: Buffer,
    content: Buffer,
  ): Vector => {
    const record = { path, mtime, size: content.length, md5: md5ToBase36(md5Of(content)) };
    return {
      description,
      ...KEYED,
      key: nameOf(record),
      object: object.toString("base64"),
      expect: decodes(record, content),
    };
  };
  const texts = [prose(4096), prose(8192).subarray(4096), prose(9000).subarray(8192)];
  return {
    "good/positioned": made("a positioned table with weak sums and MACs", "image.raw", MTIME, old, whole),
    "good/positioned-zstd": made(
      "independent compressed blocks",
      "log.txt",
      MTIME,
      positioned(texts, "log.txt", DEFAULT_COMPRESSION),
      Buffer.concat(texts),
    ),
    "good/delta": made(
      "the next version: kept, repeated, dead and appended blocks, one equal to a kept one",
      "image.raw",
      MTIME + 60,
      patched,
      plain,
    ),
    "good/renamed": made("the same body under another path", moved.path, moved.mtime, renamed, whole),
  };
}

function records(): Record<string, Vector> {
  const metadata = new Map([
    ["x-amz-meta-color", "blue"],
    ["content-type", "text/plain"],
  ]);
  const content = Buffer.from("hello");
  const record = { path: "a.txt", mtime: MTIME, size: 5, md5: md5ToBase36(md5Of(content)) };
  const settings = { keys: keysOf("aes"), compression: RAW, blockLog: BLOCK_LOG };
  const tombstone = sealTombstone(
    {
      ...record,
      type: "tombstone",
      md5: md5FromBase36(record.md5),
      fields: [tombstoneField(PERIOD.began, PERIOD.ceased)],
    },
    settings,
  );
  const manifest = Buffer.from('{"example":true}\n');
  const manifestRecord = {
    type: "manifest",
    path: "dir/.backup-meta.0.0",
    mtime: 0,
    size: manifest.length,
    md5: md5ToBase36(md5Of(manifest)),
  } as const;
  const entries = Buffer.from(formatManifest(FOLDER));
  const entriesRecord = {
    ...manifestRecord,
    size: entries.length,
    md5: md5ToBase36(md5Of(entries)),
  } as const;
  return {
    "good/user-metadata": small("headers of an S3 object", prose(50), {
      fields: [userMetadataField(metadata)],
    }),
    "good/unknown-optional-field": small("a field that a reader skips", prose(50), {
      fields: [{ type: 0x7fff, value: Buffer.from("later") }],
    }),
    "good/tombstone": {
      description: "a marker: the version of the same fields was live for an hour",
      ...KEYED,
      key: nameOf({ ...record, stamp: { form: "marker", ...PERIOD } }),
      object: tombstone.toString("base64"),
      expect: decodes({ ...record, type: "tombstone" }, Buffer.alloc(0)),
    },
    "good/tombstone-condemned": {
      description: "the same marker, condemned a day later: its own bytes are those of the other",
      ...KEYED,
      key: nameOf({ ...record, stamp: { form: "marker", ...PERIOD, condemned: PERIOD.ceased + 86_400 } }),
      object: tombstone.toString("base64"),
      expect: decodes({ ...record, type: "tombstone" }, Buffer.alloc(0)),
    },
    "good/manifest-of-entries": {
      description: "the metadata of a folder with every kind of entry",
      ...KEYED,
      key: nameOf(entriesRecord),
      object: sealSmall(entries, entriesRecord, settings).bytes.toString("base64"),
      expect: decodes(entriesRecord, entries),
    },
    "good/manifest": {
      description: "a metadata manifest",
      ...KEYED,
      key: nameOf(manifestRecord),
      object: sealSmall(manifest, manifestRecord, settings).bytes.toString("base64"),
      expect: decodes(manifestRecord, manifest),
    },
  };
}

function keySources(): Record<string, Vector> {
  const content = prose(100);
  const record = { path: "a.txt", mtime: MTIME, size: content.length, md5: md5ToBase36(md5Of(content)) };
  const sealed = (keys: ReturnType<typeof keysOf>) =>
    sealSmall(content, { type: "file", ...record }, { keys, compression: RAW }).bytes.toString("base64");
  const vector = (description: string, object: string, more: Partial<Vector>): Vector => ({
    description,
    key: nameOf(record),
    object,
    expect: decodes(record, content),
    ...more,
  });
  const cheap = { ...passwordSource("aes", SALT), iterations: 1000 };
  const unicode = "pässwörd 日本";
  const unicodeKeys = new SegmentedKeyRing(unicode).keysFor(passwordSource("aes", SALT), "aes");
  const none = sealed(ring.keysFor({ kind: "none" }, "none"));
  return {
    "good/unicode-password": vector("passwords are UTF-8 in both ciphers", sealed(unicodeKeys), {
      password: unicode,
    }),
    "good/costs-below-the-floor": vector(
      "1,000 iterations: read, but never written",
      sealed(ring.keysFor(cheap, "aes")),
      KEYED,
    ),
    "good/unencrypted": vector("cipher and key source none", none, {}),
    "good/unencrypted-allowed": vector("the same, read with a password by settings that allow it", none, {
      ...KEYED,
      allowUnencrypted: true,
    }),
    "good/authenticated-in-the-clear": vector("cipher none, key source password", sealed(keysOf("none")), {
      ...KEYED,
      allowUnencrypted: true,
    }),
    "good/authenticated-in-the-clear-taken": vector(
      "the same, read by settings that demand encryption: it is of the password",
      sealed(keysOf("none")),
      KEYED,
    ),
    "bad/header-unencrypted-refused": vector("there is a password, and the object is not encrypted", none, {
      ...KEYED,
      expect: { decodes: false, fails: "header", released: 0 },
    }),
  };
}

const CONDEMNED: Stamp = { form: "stamp", ...PERIOD, condemned: PERIOD.ceased + 86_400 };

/** What docs/format.md, section 13, describes, all of it. */
const PLAIN_ATTRIBUTES = {
  mode: 0o644,
  uid: 1000,
  gid: 1000,
  seconds: MTIME,
  nanoseconds: 5,
  xattrs: {},
} as const;
const FOLDER: Manifest = {
  folder: { ...PLAIN_ATTRIBUTES, mode: 0o2755 },
  users: { 1000: "ada" },
  groups: { 1000: "ada" },
  entries: [
    { ...PLAIN_ATTRIBUTES, name: "a.txt", kind: "file", size: 5, xattrs: { "user.color": "Ymx1ZQ==" } },
    { ...PLAIN_ATTRIBUTES, name: "b", kind: "symlink", size: 0, mode: 0o777, target: "../../etc/passwd" },
    { ...PLAIN_ATTRIBUTES, name: "c\udce9", kind: "fifo", size: 0, seconds: -1, nanoseconds: 0 },
    { ...PLAIN_ATTRIBUTES, name: "d", kind: "socket", size: 0 },
    { ...PLAIN_ATTRIBUTES, name: "e", kind: "character", size: 0, device: [1, 3] },
    { ...PLAIN_ATTRIBUTES, name: "f", kind: "block", size: 0, device: [7, 0] },
    { ...PLAIN_ATTRIBUTES, name: "g", kind: "file", size: 1_000_000, sparse: true, linkGroup: "dir/g" },
    { ...PLAIN_ATTRIBUTES, name: "h", kind: "file", size: 1_000_000, sparse: true, linkGroup: "dir/g" },
  ],
};

function names(): Record<string, Vector> {
  const sealedName = (cipher: "aes" | "cha", path: string, stamp: Stamp): Vector => {
    const vector = small(`an encrypted name (${cipher}, ${stamp.form})`, prose(100), { cipher, path });
    const md5 = md5ToBase36(md5Of(prose(100)));
    return {
      ...vector,
      key: sealSegmentedName({ path, mtime: MTIME, size: 100, md5, stamp }, keysOf(cipher)),
    };
  };
  const long = `${"d".repeat(255)}/${"日".repeat(85)}`;
  return {
    "good/name-date": small("a plain name marked with a date", prose(5), {
      stamp: { form: "date", date: 20240229 },
    }),
    "good/name-stamp": small("a plain name with a stamp", prose(5), { stamp: { form: "stamp", ...PERIOD } }),
    "good/name-condemned": small("a plain name with a condemned stamp", prose(5), { stamp: CONDEMNED }),
    "good/name-condemned-encrypted": sealedName("cha", "dir/file.txt", CONDEMNED),
    "good/name-aes": sealedName("aes", "dir/file.txt", LIVE),
    "good/name-cha": sealedName("cha", "dir/file.txt", { form: "stamp", ...PERIOD }),
    "good/name-date-encrypted": sealedName("aes", "dir/file.txt", { form: "date", date: 20240229 }),
    "good/name-long": sealedName("aes", long, { form: "stamp", ...PERIOD }),
  };
}

function classic(): Record<string, Vector> {
  const content = prose(1000);
  const record = {
    path: "classic.txt",
    mtime: MTIME,
    size: content.length,
    md5: md5ToBase36(md5Of(content)),
  };
  const classicRing = new KeyRing(PASSWORD);
  const nonceOf = (type: "aes" | "cha") =>
    Buffer.from(Array.from({ length: NONCE_BYTES[type] }, (_, i) => 0xa0 + i));
  const seal = (type: "aes" | "cha", data: Buffer) => {
    const nonce = nonceOf(type);
    const sealer = new Sealer(type, classicRing.keyFor(type, SALT), nonce);
    const body = sealer.update(data);
    return Buffer.concat([SALT, nonce, sealer.final(), body]);
  };
  const vector = (description: string, object: Buffer, key = nameOf(record)): Vector => ({
    description,
    ...KEYED,
    key,
    object: object.toString("base64"),
    expect: decodes(record, content),
  });
  const inner = sealSmall(
    content,
    { type: "file", ...record },
    { keys: keysOf("aes"), compression: RAW },
  ).bytes;
  const innerRecord = { path: "inner.enc", mtime: MTIME, size: inner.length, md5: md5ToBase36(md5Of(inner)) };
  const plainName = nameOf(record).slice(0, -".enc".length);
  const naming = (type: "aes" | "cha") => ({ type, keyRing: classicRing, salt: SALT, nonce: nonceOf(type) });
  return {
    "good/classic-aes-xz": vector("classic, aes, xz", seal("aes", xzCompress(content, 6))),
    "good/classic-cha-gzip": vector("classic, cha, gzip", seal("cha", gzipSync(content))),
    "good/classic-aes-uncompressed": vector("classic, aes, not compressed", seal("aes", content)),
    "good/classic-unencrypted": vector("classic, neither encrypted nor compressed", content),
    "good/classic-name-aes": vector("a classic encrypted name", content, sealName(plainName, naming("aes"))),
    "good/classic-name-cha": vector("a classic encrypted name", content, sealName(plainName, naming("cha"))),
    "good/raw-with-our-magic": {
      description:
        "a segmented object that is itself the file: its md5 is the name's, so it is classic and raw",
      ...KEYED,
      key: nameOf(innerRecord),
      object: inner.toString("base64"),
      expect: decodes(innerRecord, inner),
    },
  };
}
