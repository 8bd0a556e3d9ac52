/**
 * XZ, synchronously, for files up to 10 MiB (docs/format.md, section 3): preset `level`, CRC64, one stream.
 *
 * The dictionary is no larger than the data, which changes nothing in the ratio and makes a small file several times
 * cheaper, at both ends.
 */

import { messageOf } from "../errors.ts";
import { tooLong, undecodable } from "./damage.ts";
import { Coder, type Lzma2Options, type LzmaError, lzma } from "./lzma-native.ts";

/** The smallest dictionary of the format. */
const DICTIONARY_LEAST = 4096;
/** Enough for preset 9 (65 MiB); a stranger's stream may not ask for gigabytes. */
const DECODER_MEMORY = 80 * 1024 * 1024;
/** Input goes in so small pieces that the worst ratio (7,000 to 1) makes less than 8 MiB of one. */
const PIECE_BYTES = 1024;
const OUTPUT_BYTES = 64 * 1024;

const DICTIONARY_BITS = [18, 20, 21, 22, 22, 23, 23, 24, 25, 26];
const FAST_DEPTHS = [4, 8, 24, 48];

/** Compresses `data` with preset 0 to 9. */
export function xzCompress(data: Uint8Array, level: number): Buffer {
  const filter = { id: lzma().FILTER_LZMA2, options: presetOptions(level, data.length) };
  const coder = new Coder(
    (native) => native.streamEncoder_([filter], lzma().CHECK_CRC64),
    Math.min(1024 * 1024, data.length + 1024),
  );
  try {
    const output = data.length === 0 ? [] : coder.code(data);
    return Buffer.concat([...output, ...coder.code(null)]);
  } finally {
    coder.close();
  }
}

/**
 * Decompresses one or several xz streams, or a legacy .lzma one.
 *
 * @param limit the most bytes that may come out; one more and it stops.
 * @throws DamagedError: EDECOMPRESS, or ESIZE beyond the limit.
 */
export function xzDecompress(data: Buffer, limit: number): Buffer {
  const decoder = new XzDecoder(limit);
  try {
    const output: Buffer[] = [];
    for (const piece of decoder.push(data)) output.push(piece);
    for (const piece of decoder.end()) output.push(piece);
    return Buffer.concat(output);
  } finally {
    decoder.close();
  }
}

/** The same piece by piece, with memory for the dictionary and 8 MiB. Not released until `end` has returned. */
export class XzDecoder {
  readonly #limit: number;
  readonly #coder: Coder;
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#coder = new Coder(
      (native) => native.autoDecoder_(DECODER_MEMORY, lzma().CONCATENATED),
      OUTPUT_BYTES,
    );
  }

  /** Throws DamagedError as `xzDecompress` does. */
  *push(data: Uint8Array): Generator<Buffer> {
    for (let at = 0; at < data.length; at += PIECE_BYTES) {
      yield* this.#code(data.subarray(at, at + PIECE_BYTES));
    }
  }

  /** Throws DamagedError when the data was cut off, too. */
  *end(): Generator<Buffer> {
    yield* this.#code(null);
    if (!this.#coder.ended) throw undecodable("xz", "it is cut off");
  }

  close(): void {
    this.#coder.close();
  }

  #code(piece: Uint8Array | null): Buffer[] {
    const output = this.#try(piece);
    for (const part of output) this.#bytes += part.length;
    if (this.#bytes > this.#limit) throw tooLong(this.#limit);
    return output;
  }

  #try(piece: Uint8Array | null): Buffer[] {
    try {
      return this.#coder.code(piece);
    } catch (error) {
      if ((error as LzmaError).code === lzma().MEMLIMIT_ERROR) {
        throw undecodable("xz", "it asks for more than 80 MiB of memory", error);
      }
      throw undecodable("xz", messageOf(error).toLowerCase(), error);
    }
  }
}

/** liblzma's presets (`lzma_lzma_preset`), with the dictionary cut to the size of the data. */
function presetOptions(level: number, size: number): Lzma2Options {
  const preset = 2 ** (DICTIONARY_BITS[level] ?? 23);
  const dictSize = Math.max(DICTIONARY_LEAST, Math.min(preset, size));
  const common = { dictSize, lc: 3, lp: 0, pb: 2 };
  if (level <= 3) {
    const mf = level === 0 ? lzma().MF_HC3 : lzma().MF_HC4;
    const niceLen = level <= 1 ? 128 : 273;
    return { ...common, mode: lzma().MODE_FAST, mf, niceLen, depth: FAST_DEPTHS[level] ?? 0 };
  }
  const niceLen = level === 4 ? 16 : level === 5 ? 32 : 64;
  return { ...common, mode: lzma().MODE_NORMAL, mf: lzma().MF_BT4, niceLen, depth: 0 };
}
