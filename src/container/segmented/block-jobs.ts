/**
 * Blocks of large files in a worker thread: what it is sent are plain data, and keys come from the file's header and
 * a ring made of exported keys. Errors are those of the calls underneath.
 */

import type { Compression } from "../../compression/codecs.ts";
import type { FileKeys } from "../../crypto/segmented-keys.ts";
import { type SealedBlock, sealBlock } from "./block.ts";
import { parseHeader, unlockHeader } from "./header.ts";
import type { Reading } from "./object.ts";
import { openRun, type SealedRun } from "./open-run.ts";

export class BlockJobs {
  readonly #reading: Reading;
  #last: { readonly header: Buffer; readonly keys: FileKeys } | undefined;

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  /** @param header of the file, verbatim. */
  seal(header: Uint8Array, plain: Uint8Array, compression: Compression): SealedBlock {
    return sealBlock(this.#keysOf(header), asBuffer(plain), compression);
  }

  /** The plaintext of each run. */
  open(header: Uint8Array, runs: readonly SealedRun[]): Buffer[] {
    const keys = this.#keysOf(header);
    return runs.map((run) => openRun(keys, run));
  }

  /** Jobs of a file come together, so the last keys are kept. */
  #keysOf(header: Uint8Array): FileKeys {
    if (this.#last?.header.equals(header)) return this.#last.keys;
    const parsed = parseHeader(asBuffer(header));
    const keys = unlockHeader(parsed, this.#reading.ring, this.#reading);
    this.#last = { header: parsed.bytes, keys };
    return keys;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
