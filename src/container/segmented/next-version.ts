/**
 * The next version of a stored object whose body is copied as it is (docs/format.md, section 5.5): a delta appends
 * the new blocks, a rename nothing but the trailer. The header goes along untouched.
 */

import type { Compression } from "../../compression/codecs.ts";
import { bytesOfPath } from "../../names/path-text.ts";
import { type BlockSealer, type SealedBlock, sealBlock } from "./block.ts";
import { BodyWriter } from "./body-writer.ts";
import type { OpenedObject } from "./object.ts";
import { type RecordMeta, sealTrailer, trailerBytes } from "./trailer.ts";

/** What a rename or a new time changes. */
export type Renaming = Partial<Pick<RecordMeta, "path" | "mtime" | "fields">>;

/**
 * What follows the body [0, bodyEnd) of the old object to make it one of another path, time or fields. Same bytes for
 * the same input. Throws BackupError (ERANGE) for what an object cannot hold.
 */
export function rewriteTrailer({ keys, header, trailer }: OpenedObject, changes: Renaming): Buffer {
  const { extents, bodyEnd } = trailer;
  return sealTrailer(keys, header, { ...trailer, ...changes }, extents.bytes, extents.positioned, bodyEnd);
}

/** Builds a delta: `keep` and `add` in logical order, then `finish`. The old table has to be positioned. */
export class DeltaWriter {
  readonly #old: OpenedObject;
  readonly #writer: BodyWriter;
  readonly #seal: BlockSealer;
  #size = 0;
  #count = 0;
  #appended = 0;

  constructor(old: OpenedObject, compression: Compression, sealer?: BlockSealer) {
    this.#old = old;
    this.#writer = new BodyWriter(old.keys, old.header, true, old.trailer);
    this.#seal = sealer ?? ((plain) => sealBlock(old.keys, plain, compression));
  }

  /** Bytes of plaintext that `keep` and `add` were given so far. */
  get size(): number {
    return this.#size;
  }

  /** Extents of the new table so far. */
  get count(): number {
    return this.#count;
  }

  /** Sealed bytes that were added so far. */
  get appended(): number {
    return this.#appended;
  }

  /** Starts sealing a new block on its own; for keeping several in work before they are added in order. */
  start(plain: Buffer): SealedBlock | Promise<SealedBlock> {
    return this.#seal(plain);
  }

  /** Goes on with one extent of the old version. */
  keep(index: number): void {
    this.#writer.keep(index);
    this.#size += this.#old.trailer.extents.at(index).plain;
    this.#count++;
  }

  /** Adds a new block of at most one block size; gives what is to be appended to the body. */
  async add(plain: Buffer, started: SealedBlock | Promise<SealedBlock> = this.start(plain)): Promise<Buffer> {
    const block = this.#writer.addFree(await started);
    this.#size += plain.length;
    this.#count++;
    this.#appended += block.stored;
    return Buffer.concat([block.body, block.tag]);
  }

  /** Sealed trailer and locator, behind the last block added. The size of `meta` is what was kept and added. */
  finish(meta: Omit<RecordMeta, "size">): Buffer {
    return this.#writer.finish({ ...meta, size: this.#size });
  }
}

/** Bytes that `rewriteTrailer` or a delta of so many extents gives for sealed trailer and locator. */
export function tailBytes(
  meta: Pick<RecordMeta, "path" | "fields">,
  extents: number,
  positioned: boolean,
): number {
  return trailerBytes(bytesOfPath(meta.path).length, extents, positioned, meta.fields) + 40;
}
