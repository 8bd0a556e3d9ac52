/**
 * The codecs of the segmented container (docs/format.md, section 5.2): choosing one, and bounded reading of all.
 */

import { deflateRawSync, inflateRawSync, type ZlibOptions } from "node:zlib";
import { DamagedError } from "../errors.ts";
import { compresses } from "./probe.ts";
import { xzCompress, xzDecompress } from "./xz.ts";
import { FASTEST_LEVEL, lookAt, zstdCompress, zstdDecompress } from "./zstd.ts";

export const CODEC = { raw: 0, zstd: 1, xz: 2, gzip: 3 } as const;
/** Set in the codec of an extent that continues the stream of the one before. */
export const CONTINUES = 0x80;

/** How new data is compressed. `auto` is zstd, where and as far as a quick look says that it is worth it. */
export interface Compression {
  readonly codec: "auto" | "zstd" | "xz" | "gzip" | "none";
  /** 1 to 22. */
  readonly zstdLevel: number;
  /** 0 to 9. */
  readonly lzmaLevel: number;
  /** 0 to 9. */
  readonly gzipLevel: number;
}

export const DEFAULT_COMPRESSION: Compression = { codec: "auto", zstdLevel: 3, lzmaLevel: 6, gzipLevel: 6 };

/** Compressed data with its codec. */
export interface Compressed {
  readonly codec: number;
  readonly data: Buffer;
}

const XZ_MAGIC = Buffer.from("fd377a585a00", "hex");

/** Compresses at once. Data that does not get shorter comes back as it is, with codec raw. */
export function compressData(plain: Buffer, how: Compression): Compressed {
  const shorter = plain.length === 0 ? undefined : compressed(plain, how);
  if (shorter !== undefined && shorter.data.length < plain.length) return shorter;
  return { codec: CODEC.raw, data: plain };
}

/**
 * Decompresses one run.
 *
 * @param codec without `CONTINUES`; `data` is all of the run's stored bytes, authenticated.
 * @param length the sum of its plain lengths: exactly so many bytes have to come out.
 * @param windowLog the largest zstd window allowed, as its binary logarithm.
 * @returns undefined unless they do.
 */
export function decompressData(
  codec: number,
  data: Buffer,
  length: number,
  windowLog: number,
): Buffer | undefined {
  if (codec === CODEC.raw) return data.length === length ? data : undefined;
  if (codec === CODEC.zstd) return zstdDecompress(data, length, windowLog);
  if (codec === CODEC.gzip) return inflateExactly(data, length);
  return unxzExactly(data, length);
}

/** Undefined of what is not worth it. */
function compressed(plain: Buffer, how: Compression): Compressed | undefined {
  const { codec, zstdLevel, lzmaLevel } = how;
  if (codec === "none") return undefined;
  if (codec === "zstd") return { codec: CODEC.zstd, data: zstdCompress(plain, zstdLevel) };
  if (codec === "auto") {
    const found = lookAt(plain);
    if (found === "noise") return undefined;
    const level = found === "symbols" ? FASTEST_LEVEL : zstdLevel;
    return { codec: CODEC.zstd, data: zstdCompress(plain, level) };
  }
  // Noise costs the others ten to a thousand times as much as anything else.
  if (!compresses(plain)) return undefined;
  return codec === "gzip"
    ? { codec: CODEC.gzip, data: deflateRawSync(plain, deflateOptions(plain, how)) }
    : { codec: CODEC.xz, data: xzCompress(plain, lzmaLevel) };
}

function deflateOptions(plain: Buffer, { gzipLevel }: Compression): ZlibOptions {
  return { level: gzipLevel, chunkSize: plain.length + (plain.length >> 9) + 128 };
}

function inflateExactly(data: Buffer, length: number): Buffer | undefined {
  try {
    const { buffer, engine } = inflateRawSync(data, {
      info: true,
      chunkSize: length + 64,
      maxOutputLength: length,
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    return buffer.length === length && engine.bytesWritten === data.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}

function unxzExactly(data: Buffer, length: number): Buffer | undefined {
  if (!data.subarray(0, XZ_MAGIC.length).equals(XZ_MAGIC)) return undefined;
  try {
    const plain = xzDecompress(data, length);
    return plain.length === length ? plain : undefined;
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}
