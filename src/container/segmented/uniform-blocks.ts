/**
 * Blocks of one repeated byte, which images and databases have by the thousand. They are equal: what does not depend on the
 * occurrence (docs/format.md, section 6) needs to be computed once, and which occurrence it is is known at once.
 */

import type { Compression } from "../../compression/codecs.ts";
import type { FileKeys } from "../../crypto/segmented-keys.ts";
import { type BlockSealer, type SealedBlock, type SignedData, sealSigned, signData } from "./block.ts";

interface Met {
  /** Undefined where it is stored as it is: then there is nothing to be gained. */
  readonly signed: SignedData | undefined;
  times: number;
}

/** Those of one new object. */
export class UniformBlocks {
  readonly #keys: FileKeys;
  readonly #compression: Compression;
  readonly #met = new Map<string, Met>();

  constructor(keys: FileKeys, compression: Compression) {
    this.#keys = keys;
    this.#compression = compression;
  }

  /** Seals the next block, of whatever content; by `seal` what is not worth doing at once. */
  seal(block: Buffer, seal: BlockSealer): SealedBlock | Promise<SealedBlock> {
    // Equal to itself one byte further on. Others differ soon, so they cost next to nothing.
    if (!block.subarray(1).equals(block.subarray(0, -1))) return seal(block);
    const key = `${block[0]} ${block.length}`;
    const met = this.#met.get(key) ?? this.#first(block);
    this.#met.set(key, met);
    if (met.signed === undefined) return seal(block);
    const sealed = sealSigned(this.#keys, met.signed, block.length, met.times++);
    // Without a cipher they are the bytes that are kept here, and whoever has written them gives them back.
    return sealed.body === met.signed.data ? { ...sealed, body: new Uint8Array(sealed.body) } : sealed;
  }

  #first(block: Buffer): Met {
    const signed = signData(this.#keys, block, this.#compression);
    return { signed: signed.data.buffer === block.buffer ? undefined : signed, times: 0 };
  }
}
