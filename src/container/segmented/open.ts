/**
 * Reading content: whole, as a stream, or any range of it. Nothing leaves that is not authenticated; that the whole
 * is what its name says, its md5 tells at the end.
 */

import { createHash, hash } from "node:crypto";
import { failure, withPath } from "./failure.ts";
import { type Fetch, planFetches } from "./fetches.ts";
import {
  collect,
  type ExpectedRecord,
  type OpenedObject,
  openStored,
  type Reading,
  type ReadRange,
} from "./object.ts";
import { openRun } from "./open-run.ts";

/** A piece of content and where in the file it belongs. */
export interface PlacedPiece {
  readonly position: number;
  readonly data: Buffer;
}

export interface ReadOptions {
  /** Fetches in flight, of some 4 MiB each. */
  readonly parallel: number;
}

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
      pieces.push(
        openRun(object, { first, end }, ({ offset, stored: n }) => stored.subarray(offset, offset + n)),
      );
      i = end;
    }
    const plain = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
    if (type !== "tombstone" && !hash("md5", plain, "buffer").equals(md5)) throw otherContent();
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
    for await (const { data } of readPieces(object, readRange, 0, extents.count, "logical", options)) {
      digest.update(data);
      yield data;
    }
    if (type !== "tombstone" && !digest.digest().equals(md5)) throw otherContent();
  } catch (error) {
    throw withPath(error, path);
  }
}

/**
 * All content in the order in which it is stored, for a target that is written at positions. Each piece is
 * authenticated; whoever wants the md5 checked reads the result again.
 *
 * @throws DamagedError: EBLOCK.
 */
export async function* openPlaced(
  object: OpenedObject,
  readRange: ReadRange,
  options: ReadOptions,
): AsyncGenerator<PlacedPiece> {
  try {
    yield* readPieces(object, readRange, 0, object.trailer.extents.count, "physical", options);
  } catch (error) {
    throw withPath(error, object.trailer.path);
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
    for await (const { position, data } of readPieces(object, readRange, first, last, "logical", options)) {
      yield data.subarray(Math.max(0, offset - position), Math.min(data.length, end - position));
    }
  } catch (error) {
    throw withPath(error, path);
  }
}

async function* readPieces(
  object: OpenedObject,
  readRange: ReadRange,
  first: number,
  end: number,
  order: "logical" | "physical",
  { parallel }: ReadOptions,
): AsyncGenerator<PlacedPiece> {
  const inWork: Promise<() => Generator<PlacedPiece>>[] = [];
  for (const fetch of planFetches(object.trailer.extents, first, end, order)) {
    const read = readFetch(object, readRange, fetch);
    read.catch(() => {}); // it is awaited in its turn, unless something else fails first
    inWork.push(read);
    if (inWork.length >= Math.max(1, parallel)) yield* (await (inWork.shift() as (typeof inWork)[number]))();
  }
  for (const read of inWork) yield* (await read)();
}

/** Reads the ranges of a fetch; what it gives opens the runs one by one, as they are taken. */
async function readFetch(object: OpenedObject, readRange: ReadRange, { runs, ranges }: Fetch) {
  const bytes = await Promise.all(ranges.map(({ start, end }) => collect(readRange, start, end, "block")));
  const { extents } = object.trailer;
  return function* (): Generator<PlacedPiece> {
    for (const run of runs) {
      const data = openRun(object, run, ({ offset, stored }) => {
        const index = ranges.findIndex(({ start, end }) => offset >= start && offset + stored <= end);
        const at = offset - (ranges[index]?.start ?? 0);
        return (bytes[index] as Buffer).subarray(at, at + stored);
      });
      yield { position: extents.plainStarts[run.first] as number, data };
    }
  };
}

function otherContent() {
  return failure("content", "its content is not that of its md5");
}
