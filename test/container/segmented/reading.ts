/** Ways to read an object that tests share. */

import type {
  ExpectedRecord,
  OpenedObject,
  Reading,
  ReadRange,
  SealedRun,
} from "../../../src/container/segmented.ts";
import { openObject, openRange, openRun, openSmall, openStream } from "../../../src/container/segmented.ts";

/** What a reading path gave before it ended, and how it ended. */
export interface Outcome {
  readonly object?: OpenedObject;
  readonly content: Buffer;
  readonly error?: unknown;
}

/** The object's bytes in pieces of a size. */
export function rangesOf(stored: Buffer, pieceBytes: number): ReadRange {
  return async function* (start, end) {
    for (let at = start; at < end; at += pieceBytes)
      yield Buffer.from(stored.subarray(at, Math.min(end, at + pieceBytes)));
  };
}

export async function readWhole(
  stored: Buffer,
  expected: ExpectedRecord | undefined,
  reading: Reading,
): Promise<Outcome> {
  try {
    const { object, plain } = openSmall(stored, expected, reading);
    return { object, content: plain };
  } catch (error) {
    return { content: Buffer.alloc(0), error };
  }
}

/** @param elsewhere whether runs are opened by a promise, as worker threads do it. */
export function readStreamed(pieceBytes: number, parallel: number, elsewhere = false) {
  return async (stored: Buffer, expected: ExpectedRecord | undefined, reading: Reading): Promise<Outcome> => {
    const pieces: Buffer[] = [];
    try {
      const ranges = rangesOf(stored, pieceBytes);
      const object = await openObject(stored.length, ranges, expected, reading);
      const opener = elsewhere
        ? async (runs: readonly SealedRun[]) => runs.map((run) => openRun(object.keys, run))
        : undefined;
      const options = { parallel, ...(opener && { opener }) };
      for await (const piece of openStream(object, ranges, options)) pieces.push(piece);
      return { object, content: Buffer.concat(pieces) };
    } catch (error) {
      return { content: Buffer.concat(pieces), error };
    }
  };
}

export async function readRange(
  object: OpenedObject,
  stored: Buffer,
  offset: number,
  length: number,
): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const ranges = rangesOf(stored, 5000);
  for await (const piece of openRange(object, ranges, offset, length, { parallel: 2 })) pieces.push(piece);
  return Buffer.concat(pieces);
}
