/** Reading gzip: one or several members (zero padding after them is harmless), output bounded. */

import { createGunzip, type Gunzip, gunzipSync } from "node:zlib";
import { errorCode, messageOf } from "../errors.ts";
import { tooLong, undecodable } from "./damage.ts";

const OUTPUT_BYTES = 256 * 1024;

/** Whether data begins as a gzip member does. */
export function isGzip(data: Uint8Array): boolean {
  return data.length >= 2 && data[0] === 0x1f && data[1] === 0x8b;
}

/** Decompresses at once. Throws DamagedError: EDECOMPRESS, or ESIZE when more than `limit` bytes came out. */
export function gunzipWhole(data: Buffer, limit: number): Buffer {
  try {
    const chunkSize = Math.min(OUTPUT_BYTES, Math.max(1024, limit));
    return gunzipSync(data, { chunkSize, maxOutputLength: Math.max(1, limit) });
  } catch (error) {
    if (errorCode(error) === "ERR_BUFFER_TOO_LARGE") throw tooLong(limit);
    throw asDamage(error);
  }
}

/**
 * Decompresses a stream. What it gives is unverified until it has returned. Errors of the source pass unchanged.
 * Throws DamagedError as `gunzipWhole` does.
 */
export async function* gunzipStream(
  source: AsyncIterable<Uint8Array>,
  limit: number,
): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: OUTPUT_BYTES });
  let left = false;
  const feeding = feed(source, gunzip, () => left);
  feeding.catch(() => {}); // the same error comes out of the loop below
  let bytes = 0;
  try {
    for await (const piece of gunzip as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > limit) throw tooLong(limit);
      yield piece;
    }
    await feeding;
  } catch (error) {
    throw asDamage(error);
  } finally {
    left = true;
    gunzip.destroy();
  }
}

/**
 * Writes all of the source into `gunzip`. The source is read to its end even when the gzip data ends before: only
 * there does it say whether it was authentic. (`stream.pipeline` gives up at that point, in Node 22 with an error.)
 */
async function feed(source: AsyncIterable<Uint8Array>, gunzip: Gunzip, left: () => boolean): Promise<void> {
  try {
    for await (const piece of source) {
      if (left()) return;
      if (!gunzip.destroyed && !gunzip.write(piece)) await drained(gunzip);
    }
    if (!gunzip.destroyed) gunzip.end();
  } catch (error) {
    gunzip.destroy(error as Error);
    throw error;
  }
}

/** Resolves when the stream takes more, or will never. */
function drained(gunzip: Gunzip): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      gunzip.off("drain", done).off("close", done);
      resolve();
    };
    gunzip.on("drain", done).on("close", done);
    if (gunzip.destroyed) done();
  });
}

/** zlib's complaints about its input as damage; everything else as it is. */
function asDamage(error: unknown): unknown {
  const code = errorCode(error);
  if (code === "Z_DATA_ERROR" || code === "Z_BUF_ERROR" || code === "Z_NEED_DICT") {
    return undecodable("gzip", messageOf(error), error);
  }
  return error;
}
