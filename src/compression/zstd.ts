/**
 * Zstandard (RFC 8878) from Node itself: one frame, no dictionary, output bounded by what the reader knows.
 *
 * Synchronously only: data given at once let tables and window be no larger than they are, and Node's asynchronous
 * call feeds the same compressor otherwise, to other bytes. The same file shall give the same object.
 */

import {
  constants,
  createZstdCompress,
  createZstdDecompress,
  type ZstdCompress,
  type ZstdDecompress,
  type ZstdOptions,
  zstdCompressSync,
  zstdDecompressSync,
} from "node:zlib";
import { allocate, unpooled } from "../memory/release.ts";
import { KeptContext } from "./kept-context.ts";
import { isOneFrame } from "./zstd-frame.ts";

/** Shorter data is judged by its bytes alone: a trial would cost as much as compressing it. */
const PROBED_LEAST = 64 * 1024;
/** Shorter data is not worth the compressor's work. */
const COMPRESSED_LEAST = 64;
/** So many bytes of noise have 162 different values, give or take 6; text has 60 to 110, base64 64. */
const LOOKED_AT = 256;
const VALUES_OF_NOISE = 140;
/** With twice as much two blocks in a hundred are judged otherwise, for a thousandth of the bytes. */
const SAMPLE_BYTES = 2048;
const SAMPLES_LEAST = 4;
const SAMPLES_MOST = 32;
const BYTES_PER_SAMPLE = 256 * 1024;
/** Saving less than this share is not worth the time of both ends. */
const LEAST_SAVING = 0.03;
/**
 * Bits in a byte of a sample, by the frequencies of its bytes: 8 KiB of noise have 7.977, give or take 0.003. Of blocks of real
 * files that have more than this, one in a thousand has repetitions that a trial would find.
 */
const BITS_OF_NOISE = 7.96;

/** Node takes no less. */
const LEAST_CHUNK = 64;

/** The level that hardly searches for repetitions. */
export const FASTEST_LEVEL = 1;

/** Which values of a byte have been met, and how often; reused within a thread. */
const seen = new Uint8Array(256);
const counts = new Uint32Array(256);

/** By level, and by the largest window; undefined where there can be none. Each thread has its own. */
const compressors = new Map<number, KeptContext | undefined>();
const decompressors = new Map<number, KeptContext | undefined>();

/** Compresses at once, level 1 to 22. The same data gives the same bytes, whatever was compressed before. */
export function zstdCompress(data: Buffer, level: number): Buffer {
  const params = { [constants.ZSTD_c_compressionLevel]: level };
  const room = unpooled(data.length + (data.length >> 8) + 128); // for the worst case, so that one call does it
  const context = keptIn(compressors, level, () => createZstdCompress({ chunkSize: LEAST_CHUNK, params }));
  if (context !== undefined) {
    const output = allocate(room);
    const done = context.run(data, output);
    if (done?.read === data.length && done.written < room) return output.subarray(0, done.written);
    drop(compressors, level);
  }
  return zstdCompressSync(data, { chunkSize: room, params });
}

/**
 * What one frame holds.
 *
 * @param length bytes that must come out.
 * @param windowLog the largest window allowed, as its binary logarithm.
 * @returns undefined unless data is exactly one frame with exactly so many bytes in it.
 */
export function zstdDecompress(data: Buffer, length: number, windowLog: number): Buffer | undefined {
  if (!isOneFrame(data)) return undefined;
  const params = { [constants.ZSTD_d_windowLogMax]: windowLog };
  const room = unpooled(length + LEAST_CHUNK);
  const context = keptIn(decompressors, windowLog, () =>
    createZstdDecompress({ chunkSize: LEAST_CHUNK, params }),
  );
  if (context !== undefined) {
    const output = allocate(room);
    const done = context.run(data, output);
    if (done?.read === data.length && done.written === length) return output.subarray(0, length);
    drop(decompressors, windowLog);
  }
  // Nothing is called damaged on the word of a context alone.
  return decompressOnce(data, length, { chunkSize: room, params });
}

function decompressOnce(data: Buffer, length: number, options: ZstdOptions): Buffer | undefined {
  try {
    const { buffer, engine } = zstdDecompressSync(data, {
      ...options,
      info: true,
      maxOutputLength: length,
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    return buffer.length === length && engine.bytesWritten === data.length ? buffer : undefined;
  } catch {
    return undefined;
  }
}

function keptIn(
  contexts: Map<number, KeptContext | undefined>,
  key: number,
  make: () => ZstdCompress | ZstdDecompress,
): KeptContext | undefined {
  if (!contexts.has(key)) contexts.set(key, KeptContext.of(make(), constants.ZSTD_e_end));
  return contexts.get(key);
}

function drop(contexts: Map<number, KeptContext | undefined>, key: number): void {
  contexts.get(key)?.close();
  contexts.delete(key);
}

/**
 * What a quick look at data tells: by samples at the fastest level, or by the variety of its bytes where it is short.
 *
 * - `noise`: compressing it is not worth the time.
 * - `symbols`: some byte values are more frequent than others, and that is all (digits, base64, samples of sound). A search
 *   for repetitions takes most of a compressor's time, and what it finds by chance costs more than it saves: the fastest
 *   level is five times as fast, and no worse.
 * - `repeats`: everything else.
 */
export function lookAt(data: Buffer): "noise" | "symbols" | "repeats" {
  if (data.length < PROBED_LEAST) {
    return data.length >= COMPRESSED_LEAST && !looksLikeNoise(data) ? "repeats" : "noise";
  }
  const sample = sampleOf(data);
  const entropy = entropyBytes(sample);
  if (entropy >= (sample.length * BITS_OF_NOISE) / 8) return "noise"; // at a fifth of what a trial costs
  const compressed = zstdCompress(sample, FASTEST_LEVEL).length;
  if (compressed >= sample.length * (1 - LEAST_SAVING)) return "noise";
  return compressed >= entropy * (1 - LEAST_SAVING) ? "symbols" : "repeats";
}

function sampleOf(data: Buffer): Buffer {
  const wanted = Math.floor(data.length / BYTES_PER_SAMPLE);
  const count = Math.min(SAMPLES_MOST, Math.max(SAMPLES_LEAST, wanted));
  const step = Math.floor((data.length - SAMPLE_BYTES) / (count - 1));
  const samples: Buffer[] = [];
  for (let i = 0; i < count; i++) samples.push(data.subarray(i * step, i * step + SAMPLE_BYTES));
  return Buffer.concat(samples);
}

/** What is left, at least, where nothing but the frequencies of the single bytes is made use of (Shannon's entropy). */
function entropyBytes(data: Buffer): number {
  counts.fill(0);
  for (let i = 0; i < data.length; i++) (counts[data[i] as number] as number)++;
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= count * Math.log2(count / data.length);
  return bits / 8;
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
