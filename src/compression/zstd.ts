/**
 * Zstandard (RFC 8878) from Node itself: one frame, no dictionary, output bounded by what the reader knows.
 *
 * Synchronously only: data given at once let tables and window be no larger than they are, and Node's asynchronous
 * call feeds the same compressor otherwise, to other bytes. The same file shall give the same object.
 */

import { constants, type ZstdOptions, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/** Shorter data is judged by its bytes alone: a trial would cost as much as compressing it. */
const PROBED_LEAST = 64 * 1024;
/** Shorter data is not worth a context, which costs 25 µs at one end and 15 µs at the other. */
const COMPRESSED_LEAST = 64;
/** So many bytes of noise have 162 different values, give or take 6; text has 60 to 110, base64 64. */
const LOOKED_AT = 256;
const VALUES_OF_NOISE = 140;
const SAMPLE_BYTES = 4096;
const SAMPLES_LEAST = 4;
const SAMPLES_MOST = 32;
const BYTES_PER_SAMPLE = 256 * 1024;
/** Saving less than this share is not worth the time of both ends. */
const LEAST_SAVING = 0.03;

/** Which values of a byte have been met; reused within a thread. */
const seen = new Uint8Array(256);

/** Compresses at once, level 1 to 22. */
export function zstdCompress(data: Buffer, level: number): Buffer {
  return zstdCompressSync(data, optionsFor(data.length, level));
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

/** A quick look at whether data compresses: samples at level 1, or the variety of its bytes where it is short. */
export function looksCompressible(data: Buffer): boolean {
  if (data.length < PROBED_LEAST) return data.length >= COMPRESSED_LEAST && !looksLikeNoise(data);
  const wanted = Math.floor(data.length / BYTES_PER_SAMPLE);
  const count = Math.min(SAMPLES_MOST, Math.max(SAMPLES_LEAST, wanted));
  const step = Math.floor((data.length - SAMPLE_BYTES) / (count - 1));
  const samples: Buffer[] = [];
  for (let i = 0; i < count; i++) samples.push(data.subarray(i * step, i * step + SAMPLE_BYTES));
  const sample = Buffer.concat(samples);
  return zstdCompressSync(sample, optionsFor(sample.length, 1)).length < sample.length * (1 - LEAST_SAVING);
}

/** Whether bytes spread over the data are as different from each other as those of noise. */
function looksLikeNoise(data: Buffer): boolean {
  if (data.length < LOOKED_AT) return false;
  const step = Math.floor(data.length / LOOKED_AT);
  seen.fill(0);
  let values = 0;
  for (let i = 0; i < LOOKED_AT; i++) {
    const value = data[i * step] as number;
    if (seen[value] === 0) {
      seen[value] = 1;
      values++;
    }
  }
  return values > VALUES_OF_NOISE;
}

function optionsFor(length: number, level: number): ZstdOptions {
  return {
    chunkSize: length + (length >> 8) + 128, // room for the worst case: one trip
    params: { [constants.ZSTD_c_compressionLevel]: level },
  };
}
