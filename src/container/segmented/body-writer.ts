/**
 * Writing a body: blocks in, extents kept, the tail out. Of a new file, or of the next version of a stored one, whose
 * body is copied as it is while new blocks follow it: append, do not splice (docs/format.md, section 5.5).
 */

import type { FileKeys } from "../../crypto/segmented-keys.ts";
import { type SealedBlock, sealAgain } from "./block.ts";
import { type Extent, type ExtentTable, extentBytes, writeExtent } from "./extents.ts";
import type { Header } from "./header.ts";
import { type RecordMeta, sealTrailer, type Trailer } from "./trailer.ts";

/** Extents that the table has room for at first: most files are one block. */
const FIRST_ROOM = 4;

export class BodyWriter {
  readonly #keys: FileKeys;
  readonly #header: Header;
  readonly #positioned: boolean;
  readonly #old: ExtentTable | undefined;
  readonly #occurrences = new Occurrences();
  #offset: number;
  #table: Buffer;
  #tableBytes = 0;

  /**
   * @param positioned whether the table says where each block is, and holds its sums.
   * @param old the version whose body stands in front; its table is positioned.
   */
  constructor(keys: FileKeys, header: Header, positioned: boolean, old?: Trailer) {
    this.#keys = keys;
    this.#header = header;
    this.#positioned = positioned;
    this.#old = old?.extents;
    this.#offset = old?.bodyEnd ?? header.bytes.length;
    this.#table = Buffer.allocUnsafe(FIRST_ROOM * extentBytes(positioned));
    if (old !== undefined) {
      for (let i = 0; i < old.extents.count; i++) this.#occurrences.add(old.extents.at(i).id);
    }
  }

  /** Where the body ends so far, in the object. */
  get offset(): number {
    return this.#offset;
  }

  /** Goes on with blocks of the old version, in logical order. */
  keep(index: number): void {
    const extent = this.#old?.at(index);
    if (extent !== undefined) this.#write(extent);
  }

  /** Finds the free id for stored bytes. */
  freeId(codec: number, plain: number, stored: Uint8Array): Buffer {
    let occurrence = 0;
    let id = this.#keys.blockId(codec, plain, 0, stored);
    const first = id;
    while (this.#occurrences.has(id)) {
      occurrence = this.#occurrences.next(first);
      id = this.#keys.blockId(codec, plain, occurrence, stored);
    }
    return id;
  }

  /** Adds a sealed block; its bytes are to follow in the object. Its id must be free. */
  add(block: SealedBlock): void {
    this.#occurrences.add(block.id);
    this.#write({ ...block, offset: this.#offset });
    this.#offset += block.stored;
  }

  /**
   * Adds a block; sealed again where its id is taken, which only that of occurrence 0 may be: of another, all lower ones
   * were known to be taken.
   */
  addFree(block: SealedBlock): SealedBlock {
    let free = block;
    while (this.#occurrences.has(free.id)) {
      free = sealAgain(this.#keys, block, this.#occurrences.next(block.id));
    }
    this.add(free);
    return free;
  }

  /** Sealed trailer and locator. Throws BackupError (ERANGE) for what an object cannot hold. */
  finish(meta: RecordMeta): Buffer {
    const table = this.#table.subarray(0, this.#tableBytes);
    return sealTrailer(this.#keys, this.#header, meta, table, this.#positioned, this.#offset);
  }

  #write(extent: Extent): void {
    const width = extentBytes(this.#positioned);
    if (this.#tableBytes + width > this.#table.length) {
      this.#table = Buffer.concat([this.#table, this.#table]); // twice the room
    }
    writeExtent(this.#table, this.#tableBytes, extent, this.#positioned);
    this.#tableBytes += width;
  }
}

/** Which ids are taken, and for content seen before the number to try next: equal blocks come by the thousand. */
class Occurrences {
  readonly #taken = new Set<string>();
  readonly #next = new Map<string, number>();

  has(id: Uint8Array): boolean {
    return this.#taken.has(textOf(id));
  }

  add(id: Uint8Array): void {
    this.#taken.add(textOf(id));
  }

  /** @param first the id of occurrence 0. */
  next(first: Uint8Array): number {
    const key = textOf(first);
    const number = this.#next.get(key) ?? 1;
    this.#next.set(key, number + 1);
    return number;
  }
}

/** Ids from other threads are no Buffers. */
function textOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString("latin1");
}
