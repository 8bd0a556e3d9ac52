/** Content in pieces, each authenticated: fetched ahead of its reader, and opened here or in other threads. */

import { release } from "../../memory/release.ts";
import type { Extent } from "./extents.ts";
import { type Fetch, planFetches, type Run, runsOf } from "./fetches.ts";
import { collect, type OpenedObject, type ReadRange } from "./object.ts";
import { openRun, type SealedRun, type StoredRun } from "./open-run.ts";

/** A piece of content and where in the file it belongs. */
export interface PlacedPiece {
  readonly position: number;
  readonly data: Buffer;
}

/** Opens runs elsewhere, in worker threads (`BlockJobs`), for all cores. Gives the plaintext of each. */
export type RunOpener<R = SealedRun> = (runs: readonly R[]) => Promise<readonly Uint8Array[]>;

export interface ReadOptions {
  /** Fetches in flight, of some 4 MiB each. */
  readonly parallel: number;
  /** By default runs are opened as they are taken. */
  readonly opener?: RunOpener;
  /** The same, where stored bytes can be read there, too; `ReadRange` is not asked for content then. */
  readonly reader?: RunOpener<StoredRun>;
  /** Whoever takes a piece is done with it when asking for the next: then its memory goes back at once. */
  readonly passing?: boolean;
}

/** Plaintext that is opened ahead of its reader. */
const AHEAD_BYTES = 4 * 1024 * 1024;
/** Plaintext that is opened elsewhere at a time: a message costs as much as a tenth of a block. */
const BATCH_BYTES = 1024 * 1024;

/** The content of the extents [first, end), which are whole runs. Throws DamagedError (EBLOCK), without a path. */
export async function* readPieces(
  object: OpenedObject,
  readRange: ReadRange,
  first: number,
  end: number,
  options: ReadOptions,
): AsyncGenerator<PlacedPiece> {
  if (options.reader !== undefined) {
    yield* openAhead(storedRuns(object, first, end), options.reader);
    return;
  }
  const inWork: Promise<() => AsyncGenerator<PlacedPiece>>[] = [];
  for (const fetch of planFetches(object.trailer.extents, first, end)) {
    const read = readFetch(object, readRange, fetch, options);
    read.catch(() => {}); // it is awaited in its turn, unless something else fails first
    inWork.push(read);
    const next = inWork.length >= Math.max(1, options.parallel) ? inWork.shift() : undefined;
    if (next !== undefined) yield* (await next)();
  }
  for (const read of inWork) yield* (await read)();
}

function* storedRuns(
  { trailer: { extents }, header: { blockLog } }: OpenedObject,
  first: number,
  end: number,
): Generator<StoredRun> {
  for (const run of runsOf(extents, first, end)) {
    const blocks: StoredRun["blocks"][number][] = [];
    for (let i = run.first; i < run.end; i++) {
      const { id, codec, plain, offset, stored } = extents.at(i);
      blocks.push({ id, codec, plain, offset, stored });
    }
    yield { blocks, position: extents.plainStarts[run.first] as number, blockLog };
  }
}

/** A run whose stored bytes are at hand. */
export function sealedRun(
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

/** Of bytes that begin at `start` of an object. */
export function sealedIn(bytes: Buffer, { offset, stored }: Extent, start: number): Buffer {
  return bytes.subarray(offset - start, offset - start + stored);
}

/** Reads the ranges of a fetch; what it gives, opens its runs in order. */
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

/** Opens a few batches ahead: stored bytes may be tiny beside what comes out of them, so plaintext is what counts. */
async function* openAhead<R extends StoredRun | SealedRun>(
  runs: Iterable<R>,
  opener: RunOpener<R>,
): AsyncGenerator<PlacedPiece> {
  const begun: { readonly batch: Batch<R>; readonly opened: Promise<readonly Uint8Array[]> }[] = [];
  let ahead = 0;
  const take = async () => {
    const { batch, opened } = begun.shift() as (typeof begun)[number];
    ahead -= batch.plain;
    const pieces = await opened;
    return batch.runs.map(({ position }, i) => ({ position, data: asBuffer(pieces[i] as Uint8Array) }));
  };
  for (const batch of batchesOf(runs)) {
    const opened = opener(batch.runs);
    opened.catch(() => {}); // it is awaited in its turn, unless something else fails first
    begun.push({ batch, opened });
    ahead += batch.plain;
    while (begun.length > 1 && ahead >= AHEAD_BYTES) yield* await take();
  }
  while (begun.length > 0) yield* await take();
}

/** Runs that are opened together, and the length of their plaintext. */
interface Batch<R> {
  readonly runs: R[];
  plain: number;
}

function* batchesOf<R extends StoredRun | SealedRun>(runs: Iterable<R>): Generator<Batch<R>> {
  let batch: Batch<R> = { runs: [], plain: 0 };
  for (const run of runs) {
    const plain = run.blocks.reduce((sum: number, block) => sum + block.plain, 0);
    if (batch.runs.length > 0 && batch.plain + plain > BATCH_BYTES) {
      yield batch;
      batch = { runs: [], plain: 0 };
    }
    batch.runs.push(run);
    batch.plain += plain;
  }
  if (batch.runs.length > 0) yield batch;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
