/** Sealing and opening one block (docs/format.md, sections 5.2, 6 and 7). Pure: for any thread. */

import { crc32 } from "node:zlib";
import { type Compressed, type Compression, compressData } from "../../compression/codecs.ts";
import { label } from "../../crypto/hmac.ts";
import { openMessage, sealMessage } from "../../crypto/message.ts";
import { type FileKeys, ID_BYTES } from "../../crypto/segmented-keys.ts";
import { BackupError } from "../../errors.ts";
import { joined, release } from "../../memory/release.ts";
import type { Extent } from "./extents.ts";

/** A block as it is stored, and what the table says of it but for its place. */
export interface SealedBlock extends Omit<Extent, "offset"> {
  /** Ciphertext and tag. */
  readonly body: Uint8Array;
  readonly tag: Uint8Array;
}

/** The bytes of a block that are to be stored, and the sums of its plaintext for the table. */
export interface SignedData extends Compressed {
  readonly weak: number;
  readonly mac: Buffer;
}

/** Seals one block of a file on its own, as occurrence 0. Many may be in work at once, in worker threads. */
export type BlockSealer = (plain: Buffer) => SealedBlock | Promise<SealedBlock>;

const SEALED = label("block");
const UNSIGNED = Buffer.alloc(0);

/** Compresses and seals one signed block at once: what a worker thread does. */
export function sealBlock(
  keys: FileKeys,
  plain: Buffer,
  compression: Compression,
  occurrence = 0,
): SealedBlock {
  const signed = signData(keys, plain, compression);
  const block = sealSigned(keys, signed, plain.length, occurrence);
  release(signed.data, plain, block.body);
  return block;
}

/** The same block as another occurrence. Compressing it and hashing its content again costs ten times as much. */
export function sealAgain(keys: FileKeys, block: SealedBlock, occurrence: number): SealedBlock {
  const sealed = joined([block.body, block.tag]);
  const data = openBlock(keys, block, sealed);
  if (data === undefined) throw new BackupError("internal", "a block that was just sealed does not open");
  const again = sealSigned(keys, { ...block, data }, block.plain, occurrence);
  release(sealed, data);
  release(data, again.body);
  return again;
}

/** Compresses a block and computes its sums: all that does not depend on the occurrence. */
export function signData(keys: FileKeys, plain: Buffer, compression: Compression): SignedData {
  return { ...compressData(plain, compression), weak: weakSum(plain), mac: keys.plainMac(plain) };
}

/** Seals what `signData` gave for a block of so many bytes. */
export function sealSigned(
  keys: FileKeys,
  { codec, data, weak, mac }: SignedData,
  plain: number,
  occurrence: number,
): SealedBlock {
  const id = keys.blockId(codec, plain, occurrence, data);
  return { ...sealUnsigned(keys, { codec, data }, plain, id), weak, mac };
}

/** Seals stored bytes whose table says nothing of their plaintext. */
export function sealUnsigned(
  keys: FileKeys,
  { codec, data }: Compressed,
  plain: number,
  id: Buffer,
): SealedBlock {
  const [body, tag] = sealMessage(keys.cipher, keys.blockKey(id), associatedData(id, codec, plain), data);
  return { id, stored: body.length + tag.length, plain, codec, weak: 0, mac: UNSIGNED, body, tag };
}

/** The stored bytes of a sealed block; undefined when it does not authenticate. */
export function openBlock(
  keys: FileKeys,
  { id, codec, plain }: Pick<Extent, "id" | "codec" | "plain">,
  sealed: Uint8Array,
): Buffer | undefined {
  return openMessage(keys.cipher, keys.blockKey(id), associatedData(id, codec, plain), sealed);
}

/** The CRC-32 of a block's plaintext, which can be rolled over a window (`delta`). */
export function weakSum(plain: Uint8Array): number {
  return crc32(plain);
}

function associatedData(id: Uint8Array, codec: number, plain: number): Buffer {
  const data = Buffer.allocUnsafe(SEALED.length + ID_BYTES + 5);
  data.set(SEALED, 0);
  data.set(id, SEALED.length);
  data.writeUInt8(codec, SEALED.length + ID_BYTES);
  data.writeUInt32BE(plain, SEALED.length + ID_BYTES + 1);
  return data;
}
