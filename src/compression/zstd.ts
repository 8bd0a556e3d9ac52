/**
 * Zstandard (RFC 8878) from Node itself: one frame, no dictionary, output bounded by what the reader knows.
 *
 * The size is pledged, so that tables and window are no larger than the data.
 */

import { promisify } from "node:util";
import {
  constants,
  type ZstdOptions,
  zstdCompress as zstdCompressCallback,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";

const compressAsync = promisify<Buffer, ZstdOptions, Buffer>(zstdCompressCallback);

/** Shorter data is compressed without asking; a new context costs more than it. */
const PROBED_LEAST = 64 * 1024;
const SAMPLE_BYTES = 4096;
const SAMPLES = 4;
/** Saving less than this share is not worth the time of both ends. */
const LEAST_SAVING = 0.03;

/** Compresses at once, level 1 to 22. */
export function zstdCompress(data: Buffer, level: number): Buffer {
  return zstdCompressSync(data, optionsFor(data.length, level));
}

/** The same on the thread pool. */
export function zstdCompressPooled(data: Buffer, level: number): Promise<Buffer> {
  return compressAsync(data, optionsFor(data.length, level));
}

/**
 * What one frame holds.
 *
 * @param length bytes that must come out.
 * @param windowLog the largest window allowed, as its binary logarithm.
 * @returns undefined unless data is exactly one frame with exactly so many bytes in it.
 */
export function zstdDecompress(data: Buffer, length: number, windowLog: number): Buffer | undefined {
  try {
    const { buffer, engine } = zstdDecompressSync(data, {
      info: true,
      chunkSize: length + 64,
      maxOutputLength: length,
      params: { [constants.ZSTD_d_windowLogMax]: windowLog },
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    return buffer.length === length && engine.bytesWritten === data.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}

/** A quick look at whether data compresses: samples at level 1. Short data always seems to. */
export function looksCompressible(data: Buffer): boolean {
  if (data.length < PROBED_LEAST) return true;
  const step = Math.floor((data.length - SAMPLE_BYTES) / (SAMPLES - 1));
  const samples: Buffer[] = [];
  for (let i = 0; i < SAMPLES; i++) samples.push(data.subarray(i * step, i * step + SAMPLE_BYTES));
  const sample = Buffer.concat(samples);
  return zstdCompressSync(sample, optionsFor(sample.length, 1)).length < sample.length * (1 - LEAST_SAVING);
}

function optionsFor(length: number, level: number): ZstdOptions {
  return {
    pledgedSrcSize: length,
    chunkSize: length + (length >> 8) + 128, // room for the worst case: one trip
    params: { [constants.ZSTD_c_compressionLevel]: level },
  } as ZstdOptions;
}
