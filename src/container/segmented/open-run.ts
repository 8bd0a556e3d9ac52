/** From the stored bytes of a run to its plaintext: authenticated block by block, then decompressed. */

import { CONTINUES, decompressData } from "../../compression/codecs.ts";
import { openBlock } from "./block.ts";
import type { Extent } from "./extents.ts";
import { failure } from "./failure.ts";
import type { Run } from "./fetches.ts";
import type { OpenedObject } from "./object.ts";

const WINDOW_LOG = 24;

/**
 * The plaintext of a run.
 *
 * @param storedOf the sealed bytes of one extent.
 * @throws DamagedError (EBLOCK).
 */
export function openRun(
  { keys, header, trailer }: OpenedObject,
  run: Run,
  storedOf: (extent: Extent) => Buffer,
): Buffer {
  const pieces: Buffer[] = [];
  let length = 0;
  for (let i = run.first; i < run.end; i++) {
    const extent = trailer.extents.at(i);
    const piece = openBlock(keys, extent, storedOf(extent));
    if (piece === undefined) {
      throw failure("block", `does not authenticate at byte ${trailer.extents.plainStarts[i]}`);
    }
    pieces.push(piece);
    length += extent.plain;
  }
  const data = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  const codec = trailer.extents.codecAt(run.first) & ~CONTINUES;
  const plain = decompressData(codec, data, length, Math.max(WINDOW_LOG, header.blockLog));
  if (plain === undefined) {
    throw failure("block", `does not decompress at byte ${trailer.extents.plainStarts[run.first]}`);
  }
  return plain;
}
