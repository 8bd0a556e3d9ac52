/**
 * Reading content: whole, as a stream, or any range of it. Nothing leaves that is not authenticated; that the whole
 * is what its name says, its md5 tells at the end.
 */

import { createHash } from "node:crypto";
import { digestOf } from "../../crypto/digest.ts";
import { BackupError } from "../../errors.ts";
import { release } from "../../memory/release.ts";
import type { Extent } from "./extents.ts";
import { failure, withPath } from "./failure.ts";
import { type Fetch, planFetches, type Run } from "./fetches.ts";
import {
  collect,
  type ExpectedRecord,
  type OpenedObject,
  openStored,
  type Reading,
  type ReadRange,
} from "./object.ts";
import { openRun, type SealedRun } from "./open-run.ts";

/** A piece of content and where in the file it belongs. */
export interface PlacedPiece {
  readonly position: number;
  readonly data: Buffer;
}

/** Plaintext that is opened ahead of its reader. */
const AHEAD_BYTES = 4 * 1024 * 1024;

export interface ReadOptions {
  /** Fetches in flight, of some 4 MiB each. */
  readonly parallel: number;
  /** Opens a run elsewhere, in worker threads (`BlockJobs`), for all cores. By default it is done as it is taken. */
  readonly opener?: (run: SealedRun) => Promise<Uint8Array>;
  /** Whoever takes a piece is done with it when asking for the next: then its memory goes back at once. */
  readonly passing?: boolean;
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
    for await (const { data } of readPieces(object, readRange, 0, extents.count, "logical", options)) {
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
  options: ReadOptions,
): AsyncGenerator<PlacedPiece> {
  const inWork: Promise<() => AsyncGenerator<PlacedPiece>>[] = [];
  for (const fetch of planFetches(object.trailer.extents, first, end, order)) {
    const read = readFetch(object, readRange, fetch, options);
    read.catch(() => {}); // it is awaited in its turn, unless something else fails first
    inWork.push(read);
    const next = inWork.length >= Math.max(1, options.parallel) ? inWork.shift() : undefined;
    if (next !== undefined) yield* (await next)();
  }
  for (const read of inWork) yield* (await read)();
}

/** Reads the ranges of a fetch and begins to open its runs; what it gives, gives them in order. */
async function readFetch(
  object: OpenedObject,
  readRange: ReadRange,
  { runs, ranges }: Fetch,
  { opener }: ReadOptions,
): Promise<() => AsyncGenerator<PlacedPiece>> {
  const bytes = await Promise.all(ranges.map(({ start, end }) => collect(readRange, start, end, "block")));
  const sealed = runs.map((run) =>
    sealedRun(object, run, (extent) => {
      const index = ranges.findIndex(
        ({ start, end }) => extent.offset >= start && extent.offset + extent.stored <= end,
      );
      return sealedIn(bytes[index] as Buffer, extent, ranges[index]?.start ?? 0);
    }),
  );
  return async function* () {
    yield* opener === undefined ? openInTurn(object, sealed) : openAhead(sealed, opener);
    // Without a cipher content may be a view of what is stored.
    if (object.header.cipher !== "none") for (const stored of bytes) release(stored);
  };
}

async function* openInTurn({ keys }: OpenedObject, runs: readonly SealedRun[]): AsyncGenerator<PlacedPiece> {
  for (const run of runs) yield { position: run.position, data: openRun(keys, run) };
}

/** Opens a few runs ahead: stored bytes may be tiny beside what comes out of them, so plaintext is what counts. */
async function* openAhead(
  runs: readonly SealedRun[],
  opener: (run: SealedRun) => Promise<Uint8Array>,
): AsyncGenerator<PlacedPiece> {
  const begun: { readonly run: SealedRun; readonly data: Promise<Uint8Array> }[] = [];
  let ahead = 0;
  for (let next = 0; next < runs.length || begun.length > 0; ) {
    while (next < runs.length && (begun.length < 2 || ahead < AHEAD_BYTES)) {
      const run = runs[next++] as SealedRun;
      const data = opener(run);
      data.catch(() => {}); // it is awaited in its turn, unless something else fails first
      begun.push({ run, data });
      ahead += plainLength(run);
    }
    const { run, data } = begun.shift() as (typeof begun)[number];
    ahead -= plainLength(run);
    yield { position: run.position, data: asBuffer(await data) };
  }
}

function plainLength({ blocks }: SealedRun): number {
  return blocks.reduce((sum, { plain }) => sum + plain, 0);
}

function sealedRun(
  { trailer, header }: OpenedObject,
  { first, end }: Run,
  sealedOf: (extent: Extent) => Buffer,
): SealedRun {
  const blocks: SealedRun["blocks"][number][] = [];
  for (let i = first; i < end; i++) {
    const extent = trailer.extents.at(i);
    const { id, codec, plain } = extent;
    blocks.push({ id, codec, plain, sealed: sealedOf(extent) });
  }
  return { blocks, position: trailer.extents.plainStarts[first] as number, blockLog: header.blockLog };
}

function sealedIn(bytes: Buffer, { offset, stored }: Extent, start: number): Buffer {
  return bytes.subarray(offset - start, offset - start + stored);
}

function asBuffer(bytes: Uint8Array | undefined): Buffer {
  if (bytes === undefined) throw new BackupError("internal", "a run was not opened");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function otherContent() {
  return failure("content", "its content is not that of its md5");
}
