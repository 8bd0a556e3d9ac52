/** Files up to 10 MiB, in memory and synchronously: for worker threads. */

import { CODEC, CONTINUES, type Compression, compressData } from "../../compression/codecs.ts";
import { digestOf } from "../../crypto/digest.ts";
import type { DestinationKeys } from "../../crypto/segmented-keys.ts";
import { BackupError } from "../../errors.ts";
import { joined, release } from "../../memory/release.ts";
import { bytesOfPath } from "../../names/path-text.ts";
import { md5ToBase36 } from "../../names/stored-name.ts";
import { type SealedBlock, sealUnsigned } from "./block.ts";
import { BodyWriter } from "./body-writer.ts";
import type { Field } from "./fields.ts";
import { makeHeader } from "./header.ts";
import { blockLogFor, SOLID_MOST } from "./layout.ts";
import type { RecordType } from "./trailer.ts";

/** What is sealed, apart from its content. */
export interface SealMeta {
  readonly type: RecordType;
  /** Path text. */
  readonly path: string;
  /** Whole seconds since 1970. */
  readonly mtime: number;
  readonly fields?: readonly Field[];
}

export interface SealSettings {
  readonly keys: DestinationKeys;
  readonly compression: Compression;
  /** Of an older version whose lineage goes on; otherwise made from the path. */
  readonly fileSalt?: Uint8Array;
  /** Binary logarithm of the block size; otherwise as the size suggests. */
  readonly blockLog?: number;
}

export interface SealedObject {
  readonly bytes: Buffer;
  /** Of the content, in canonical base 36, as names hold it. */
  readonly md5: string;
}

/** The object of a file of up to `SOLID_MOST` bytes. Throws BackupError (ERANGE) for what an object cannot hold. */
export function sealSmall(plain: Buffer, meta: SealMeta, settings: SealSettings): SealedObject {
  if (plain.length > SOLID_MOST) throw new BackupError("internal", "too large to be sealed whole");
  const md5 = digestOf("md5", plain);
  return { bytes: sealParts(plain, { ...meta, size: plain.length, md5 }, settings), md5: md5ToBase36(md5) };
}

/** The object of a tombstone: no content, but size and md5 of the version that it marks. */
export function sealTombstone(
  meta: SealMeta & { readonly size: number; readonly md5: Uint8Array },
  settings: SealSettings,
): Buffer {
  return sealParts(Buffer.alloc(0), meta, settings);
}

function sealParts(
  plain: Buffer,
  meta: SealMeta & { readonly size: number; readonly md5: Uint8Array },
  { keys, compression, fileSalt, blockLog = blockLogFor(plain.length) }: SealSettings,
): Buffer {
  const header = makeHeader(keys, blockLog, fileSalt ?? keys.fileSalt(bytesOfPath(meta.path)));
  const fileKeys = keys.fileKeys(header.fileSalt);
  const writer = new BodyWriter(fileKeys, header, false);
  const parts: Uint8Array[] = [header.bytes];
  const used: Uint8Array[] = [];
  for (const { codec, data, length } of piecesOf(plain, compression, 2 ** blockLog)) {
    const id = writer.freeId(codec, length, data);
    used.push(data);
    const block: SealedBlock = sealUnsigned(fileKeys, { codec, data }, length, id);
    writer.add(block);
    parts.push(block.body, block.tag);
  }
  parts.push(writer.finish({ ...meta, fields: meta.fields ?? [] }));
  const bytes = joined(parts);
  for (const part of [...used, ...parts]) release(part, plain);
  return bytes;
}

/** One compressed stream cut evenly, or the content itself cut into blocks. */
function* piecesOf(
  plain: Buffer,
  compression: Compression,
  blockSize: number,
): Generator<{ codec: number; data: Buffer; length: number }> {
  const { codec, data } = compressData(plain, compression);
  const count = Math.ceil(plain.length / blockSize);
  for (let i = 0; i < count; i++) {
    const start = i * blockSize;
    const length = Math.min(blockSize, plain.length - start);
    if (codec === CODEC.raw) {
      yield { codec, data: plain.subarray(start, start + length), length };
    } else {
      const from = Math.floor((i * data.length) / count);
      const to = Math.floor(((i + 1) * data.length) / count);
      yield { codec: i === 0 ? codec : codec | CONTINUES, data: data.subarray(from, to), length };
    }
  }
}
