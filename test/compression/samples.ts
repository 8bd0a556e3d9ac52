/** Data to compress, the same in every run. */

import { createHash } from "node:crypto";
import { constants, createZstdCompress, type ZstdOptions } from "node:zlib";

/** Incompressible. */
export function noise(length: number, seed = "noise"): Buffer {
  const blocks: Buffer[] = [];
  for (let i = 0; i * 64 < length; i++) blocks.push(createHash("sha512").update(`${seed} ${i}`).digest());
  return Buffer.concat(blocks).subarray(0, length);
}

/** Compresses two or three times. */
export function text(length: number, seed = 1): Buffer {
  const lines: string[] = [];
  let state = seed;
  for (let bytes = 0; bytes < length; bytes += lines.at(-1)?.length ?? 0) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    lines.push(`${state % 9973} words and ${(state >>> 7) % 613} more of them, line ${lines.length}\n`);
  }
  return Buffer.from(lines.join("")).subarray(0, length);
}

/** A stream of pieces of `step` bytes, all in one buffer that is used again and again, as a file reader does. */
export async function* reusingStream(data: Buffer, step: number): AsyncGenerator<Buffer> {
  const shared = Buffer.alloc(step);
  for (let at = 0; at < data.length; at += step) {
    const length = data.copy(shared, 0, at, at + step);
    yield shared.subarray(0, length);
    shared.fill(0xee);
  }
}

/** A stream of pieces of `step` bytes. */
export async function* streamOf(data: Buffer, step = 64 * 1024): AsyncGenerator<Buffer> {
  for (let at = 0; at < data.length; at += step) yield data.subarray(at, at + step);
}

export async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

/** A zstd frame of unknown length, before its last block and whole. */
export async function zstdStreamed(data: Buffer, params: ZstdOptions["params"] = {}) {
  const stream = createZstdCompress({ params });
  const parts: Buffer[] = [];
  stream.on("data", (part: Buffer) => parts.push(part));
  stream.write(data);
  await new Promise<void>((resolve) => stream.flush(constants.ZSTD_e_flush, resolve));
  const cut = Buffer.concat(parts);
  stream.end();
  await new Promise((resolve) => stream.once("end", resolve));
  return { cut, whole: Buffer.concat(parts) };
}
