/**
 * Reading content: whole, as a stream, or any range of it. Nothing leaves that is not authenticated; that the whole
 * is what its name says, its md5 tells at the end.
 */

import { createHash } from "node:crypto";
import { digestOf } from "../../crypto/digest.ts";
import { release } from "../../memory/release.ts";
import { failure, withPath } from "./failure.ts";
import {
  type ExpectedRecord,
  type OpenedObject,
  openStored,
  type Reading,
  type ReadRange,
} from "./object.ts";
import { openRun } from "./open-run.ts";
import { type ReadOptions, readPieces, sealedIn, sealedRun } from "./read-pieces.ts";

/**
 * The content of an object that is at hand, complete and verified: for small files in worker threads.
 *
 * @throws DamagedError with the path of `expected`: EHEADER, EKEY, ETRAILER, EBLOCK or ECONTENT.
 */
export function openSmall(
  stored: Buffer,
  expected: ExpectedRecord | undefined,
  reading: Reading,
): { readonly object: OpenedObject; readonly plain: Buffer } {
  try {
    const object = openStored(stored, expected, reading);
    const { extents, md5, type } = object.trailer;
    const pieces: Buffer[] = [];
    for (let i = 0; i < extents.count; ) {
      const [first, end] = extents.runAt(i);
      const run = sealedRun(object, { first, end }, (extent) => sealedIn(stored, extent, 0));
      pieces.push(openRun(object.keys, run));
      i = end;
    }
    const plain = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
    if (type !== "tombstone" && !digestOf("md5", plain).equals(md5)) throw otherContent();
    return { object, plain };
  } catch (error) {
    throw expected === undefined ? error : withPath(error, expected.path);
  }
}

/**
 * All content in order, block after block as they authenticate.
 *
 * @throws DamagedError: EBLOCK, or ECONTENT at the end when the whole is not of its md5. Errors of `readRange` pass
 *   unchanged.
 */
export async function* openStream(
  object: OpenedObject,
  readRange: ReadRange,
  options: ReadOptions,
): AsyncGenerator<Buffer> {
  const { extents, md5, path, type } = object.trailer;
  const digest = createHash("md5");
  try {
    for await (const { data } of readPieces(object, readRange, 0, extents.count, options)) {
      digest.update(data);
      yield data;
      if (options.passing && object.header.cipher !== "none") release(data);
    }
    if (type !== "tombstone" && !digest.digest().equals(md5)) throw otherContent();
  } catch (error) {
    throw withPath(error, path);
  }
}

/**
 * Content from `offset` on, at most `length` bytes of it; none behind the end of the file.
 *
 * @throws DamagedError: EBLOCK.
 */
export async function* openRange(
  object: OpenedObject,
  readRange: ReadRange,
  offset: number,
  length: number,
  options: ReadOptions,
): AsyncGenerator<Buffer> {
  const { extents, path } = object.trailer;
  const end = Math.min(offset + length, extents.plainLength);
  if (offset >= end) return;
  const [first] = extents.runAt(extents.find(offset));
  const [, last] = extents.runAt(extents.find(end - 1));
  try {
    for await (const { position, data } of readPieces(object, readRange, first, last, options)) {
      yield data.subarray(Math.max(0, offset - position), Math.min(data.length, end - position));
    }
  } catch (error) {
    throw withPath(error, path);
  }
}

function otherContent() {
  return failure("content", "its content is not that of its md5");
}
