/** From the sealed blocks of a run to its plaintext: authenticated block by block, then decompressed. Pure. */

import { CONTINUES, decompressData } from "../../compression/codecs.ts";
import type { FileKeys } from "../../crypto/segmented-keys.ts";
import { release } from "../../memory/release.ts";
import { openBlock } from "./block.ts";
import type { Extent } from "./extents.ts";
import { failure } from "./failure.ts";
import type { StoredRange } from "./fetches.ts";

/** A run without its bytes: plain data, so that it can go to a worker thread. */
export interface StoredRun extends RunPlace {
  readonly blocks: readonly Pick<Extent, "id" | "codec" | "plain" | "offset" | "stored">[];
}

/** A run as it was read: plain data, too. */
export interface SealedRun extends RunPlace {
  readonly blocks: readonly (Pick<Extent, "id" | "codec" | "plain"> & { readonly sealed: Uint8Array })[];
}

interface RunPlace {
  /** Where its plaintext belongs in the file. */
  readonly position: number;
  /** Of the object's header. */
  readonly blockLog: number;
}

const WINDOW_LOG = 24;

/** The plaintext of a run; without a cipher it may be a view of sealed bytes. Throws DamagedError (EBLOCK). */
export function openRun(keys: FileKeys, { blocks, position, blockLog }: SealedRun): Buffer {
  const pieces: Buffer[] = [];
  let length = 0;
  for (const block of blocks) {
    const piece = openBlock(keys, block, block.sealed);
    if (piece === undefined) {
      throw failure(
        "block",
        `does not authenticate between its bytes ${position} and ${position + length + block.plain}`,
      );
    }
    pieces.push(piece);
    length += block.plain;
  }
  const data = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  const codec = (blocks[0]?.codec ?? 0) & ~CONTINUES;
  const plain = decompressData(codec, data, length, Math.max(WINDOW_LOG, blockLog));
  if (plain === undefined) {
    throw failure("block", `does not decompress between its bytes ${position} and ${position + length}`);
  }
  // What is neither decompressed nor decrypted are the sealed bytes themselves.
  const sealed = blocks.map((block) => block.sealed);
  for (const piece of [data, ...pieces]) release(piece, plain, ...sealed);
  return plain;
}

/**
 * Runs with their bytes. Blocks that lie one behind the other are read at once, as nearly all do: each read opens the object,
 * which takes a while in a folder on another machine.
 *
 * @param read gives bytes [start, end) of the object.
 * @throws DamagedError (EBLOCK) where it gives less.
 */
export function readRuns(
  runs: readonly StoredRun[],
  read: (start: number, end: number) => Buffer,
): SealedRun[] {
  const ranges: StoredRange[] = [];
  for (const { offset, stored } of runs.flatMap(({ blocks }) => blocks)) {
    const last = ranges.at(-1);
    if (last?.end === offset) last.end += stored;
    else ranges.push({ start: offset, end: offset + stored });
  }
  const bytes = ranges.map(({ start, end }) => {
    const part = read(start, end);
    if (part.length !== end - start) throw failure("block", "is shorter than its storage says");
    return part;
  });
  let range = 0;
  let at = 0;
  const next = (stored: number) => {
    if (at === bytes[range]?.length) {
      range++;
      at = 0;
    }
    at += stored;
    return (bytes[range] as Buffer).subarray(at - stored, at);
  };
  return runs.map((run) => {
    return { ...run, blocks: run.blocks.map((block) => ({ ...block, sealed: next(block.stored) })) };
  });
}
