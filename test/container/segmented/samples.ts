/** Keys and content that the tests of the container share. */

import { createHash } from "node:crypto";
import fc from "fast-check";
import { type Compression, DEFAULT_COMPRESSION } from "../../../src/compression/codecs.ts";
import type { Reading, SealedBlock, SealMeta } from "../../../src/container/segmented.ts";
import type { PasswordSource } from "../../../src/crypto/key-source.ts";
import type { Cipher } from "../../../src/crypto/message.ts";
import { SegmentedKeyRing } from "../../../src/crypto/segmented-key-ring.ts";
import type { DestinationKeys } from "../../../src/crypto/segmented-keys.ts";

export const ring = new SegmentedKeyRing("correct horse");
export const reading: Reading = { ring, allowUnencrypted: true };
export const META: SealMeta = { type: "file", path: "dir/file.bin", mtime: 1_600_000_000 };
export const CIPHERS: readonly Cipher[] = ["aes", "cha", "none"];
export const RAW: Compression = { ...DEFAULT_COMPRESSION, codec: "none" };
export const AUTO: Compression = DEFAULT_COMPRESSION;
/** 4 KiB. */
export const BLOCK_LOG = 12;

/** A cheap derivation: tests need keys, not costs. */
export function keysOf(cipher: Cipher, salt = Buffer.alloc(16, 7)): DestinationKeys {
  const source: PasswordSource = {
    kind: "password",
    kdf: "pbkdf2",
    iterations: 1,
    memoryKib: 0,
    lanes: 0,
    salt,
  };
  return ring.keysFor(source, cipher);
}

/** Incompressible bytes, the same for the same seed. */
export function noise(length: number, seed = "noise"): Buffer {
  const pieces: Buffer[] = [];
  for (let i = 0; i * 64 < length; i++) pieces.push(createHash("sha512").update(`${seed}:${i}`).digest());
  return Buffer.concat(pieces).subarray(0, length);
}

/** Compressible bytes. */
export function prose(length: number, seed = 0): Buffer {
  let text = "";
  for (let i = seed; text.length < length; i++)
    text += `line ${i}: the quick brown fox jumps over ${i * i} dogs\n`;
  return Buffer.from(text).subarray(0, length);
}

/** Sizes at and around every boundary of blocks of 4 KiB. */
export const aroundBlocks = fc
  .tuple(fc.constantFrom(0, 1, 2, 3, 10), fc.constantFrom(-1, 0, 1, 100))
  .map(([blocks, more]) => Math.max(0, blocks * 4096 + more));

export const compressions = fc.constantFrom<Compression["codec"]>("auto", "zstd", "xz", "gzip", "none");

/** Noise, prose, zeros, or all of it in turns. */
export const contents = fc
  .tuple(aroundBlocks, fc.constantFrom("noise", "prose", "zeros", "mixed"), fc.nat(1000))
  .map(([length, kind, seed]) => {
    if (kind === "noise") return noise(length, String(seed));
    if (kind === "prose") return prose(length, seed);
    if (kind === "zeros") return Buffer.alloc(length);
    const half = Math.floor(length / 2);
    return Buffer.concat([Buffer.alloc(half), noise(length - half, String(seed))]);
  });

export async function* piecesOf(content: Buffer, bytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < content.length; at += bytes) yield content.subarray(at, at + bytes);
}

export async function gather(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

/** A sealed block as text, for whatever kinds of buffer its parts are. */
export function comparable({ id, mac, body, tag, ...rest }: SealedBlock): unknown {
  const texts = [id, mac, body, tag].map((bytes) => Buffer.from(bytes).toString("hex"));
  return { ...rest, texts };
}
