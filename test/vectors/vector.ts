/** A test vector, and what the generators share. */

import { createHash } from "node:crypto";
import { type Compression, DEFAULT_COMPRESSION } from "../../src/compression/codecs.ts";
import { passwordSource } from "../../src/crypto/key-source.ts";
import type { Cipher } from "../../src/crypto/message.ts";
import { SegmentedKeyRing } from "../../src/crypto/segmented-key-ring.ts";
import type { DestinationKeys } from "../../src/crypto/segmented-keys.ts";
import { bytesOfPath } from "../../src/names/path-text.ts";
import { md5FromBase36 } from "../../src/names/stored-name.ts";

/** What a reader has to make of a vector. */
export type Expectation =
  | {
      readonly decodes: true;
      readonly type: string;
      readonly path: string;
      readonly mtime: number;
      readonly size: number;
      /** Hex. */
      readonly md5: string;
      readonly contentSha256: string;
    }
  /** The layer that refuses it (docs/format.md, section 8); `name`: the key does not open. */
  | {
      readonly decodes: false;
      readonly fails: "header" | "key" | "trailer" | "block" | "content" | "name";
      /** The most bytes of content that a streaming reader may have given out, all of them true. */
      readonly released: number;
    };

export interface Vector {
  readonly description: string;
  readonly password?: string;
  /** Of the settings; absent: no. */
  readonly allowUnencrypted?: boolean;
  /** The object's key at the destination; absent: read it without a name. */
  readonly key?: string;
  /** Base64. */
  readonly object: string;
  readonly expect: Expectation;
}

export const PASSWORD = "correct horse";
export const SALT = Buffer.from("000102030405060708090a0b0c0d0e0f", "hex");
export const MTIME = 1_600_000_000;
/** 4 KiB blocks keep the vectors small. */
export const BLOCK_LOG = 12;
export const RAW: Compression = { ...DEFAULT_COMPRESSION, codec: "none" };

export const ring = new SegmentedKeyRing(PASSWORD);

export function keysOf(cipher: Cipher, salt: Buffer = SALT): DestinationKeys {
  return ring.keysFor(passwordSource(cipher, salt), cipher);
}

/** Bytes that no codec makes shorter, the same for the same seed. */
export function noise(length: number, seed: string): Buffer {
  const pieces: Buffer[] = [];
  for (let i = 0; i * 32 < length; i++) pieces.push(createHash("sha256").update(`${seed}:${i}`).digest());
  return Buffer.concat(pieces).subarray(0, length);
}

/** Text that compresses. */
export function prose(length: number): Buffer {
  let text = "";
  for (let i = 0; text.length < length; i++)
    text += `line ${i}: the quick brown fox jumps over ${i * i} dogs\n`;
  return Buffer.from(text).subarray(0, length);
}

export function decodes(
  record: { type?: string; path: string; mtime: number; size: number; md5: string },
  content: Buffer,
): Expectation {
  return {
    decodes: true,
    type: record.type ?? "file",
    path: bytesOfPath(record.path).toString(),
    mtime: record.mtime,
    size: record.size,
    md5: md5FromBase36(record.md5).toString("hex"),
    contentSha256: createHash("sha256").update(content).digest("hex"),
  };
}
