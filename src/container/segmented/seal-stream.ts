/**
 * Sealing a file that is too large for memory, no seeking: all that is known last stands at the end. Blocks are
 * compressed and sealed side by side and written in order.
 */

import { createHash } from "node:crypto";
import { BackupError, FileChangedError } from "../../errors.ts";
import { release } from "../../memory/release.ts";
import { bytesOfPath } from "../../names/path-text.ts";
import { md5ToBase36 } from "../../names/stored-name.ts";
import { type BlockSealer, type SealedBlock, sealBlock } from "./block.ts";
import { BodyWriter } from "./body-writer.ts";
import { type Header, makeHeader } from "./header.ts";
import { blockLogFor, blocksOf, isSigned } from "./layout.ts";
import type { SealMeta, SealSettings } from "./seal-small.ts";
import { UniformBlocks } from "./uniform-blocks.ts";

export interface StreamSettings extends SealSettings {
  /** Blocks in work at once; each takes some three times its size. */
  readonly parallel: number;
  /** Worker threads that seal the blocks (`BlockJobs`), given the file's header; otherwise this thread does. */
  readonly sealer?: (header: Header) => BlockSealer;
}

/** Seals one file. Use it once: `seal` to its end, then `md5` and `storedSize`. */
export class FileSealer {
  readonly #meta: SealMeta & { readonly size: number };
  readonly #settings: StreamSettings;
  #result: { md5: string; storedSize: number } | undefined;

  /** @param meta its size is what the content has to have. */
  constructor(meta: SealMeta & { readonly size: number }, settings: StreamSettings) {
    this.#meta = meta;
    this.#settings = settings;
  }

  /** MD5 of what went in, canonical base 36; known after `seal` has ended. */
  get md5(): string {
    return this.#known().md5;
  }

  /** Bytes that came out; known after `seal` has ended. */
  get storedSize(): number {
    return this.#known().storedSize;
  }

  /**
   * The object of the content, front to back. A piece is of no length any more once the next is asked for.
   *
   * @throws FileChangedError when the content is not of the size that was said. Errors of `plain` pass unchanged.
   */
  async *seal(plain: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    const { path, size } = this.#meta;
    if (!isSigned(size)) throw new BackupError("internal", "too small to be streamed");
    const { keys, compression, parallel, fileSalt, blockLog = blockLogFor(size) } = this.#settings;
    const header = makeHeader(keys, blockLog, fileSalt ?? keys.fileSalt(bytesOfPath(path)));
    const fileKeys = keys.fileKeys(header.fileSalt);
    const seal = this.#settings.sealer?.(header) ?? ((plain) => sealBlock(fileKeys, plain, compression));
    const writer = new BodyWriter(fileKeys, header, true);
    const md5 = createHash("md5");
    const uniform = new UniformBlocks(fileKeys, compression);
    const spare: Buffer[] = [];
    yield header.bytes;
    let bytes = 0;
    for await (const { plain: block, sealed } of sealAhead(
      blocksOf(plain, 2 ** blockLog, spare),
      (block) => {
        bytes += block.length;
        if (bytes > size) throw new FileChangedError(path);
        md5.update(block);
        return uniform.seal(block, seal);
      },
      parallel,
    )) {
      const { body, tag } = writer.addFree(sealed);
      if (sealed.body !== body) release(sealed.body, block);
      yield asBuffer(body);
      yield asBuffer(tag);
      if (body.buffer === block.buffer) continue;
      release(body);
      if (block.length === 2 ** blockLog) spare.push(block);
    }
    if (bytes < size) throw new FileChangedError(path);
    const digest = md5.digest();
    const tail = writer.finish({ ...this.#meta, fields: this.#meta.fields ?? [], md5: digest });
    this.#result = { md5: md5ToBase36(digest), storedSize: writer.offset + tail.length };
    yield tail;
  }

  #known(): { md5: string; storedSize: number } {
    if (this.#result === undefined) throw new BackupError("internal", "asked of a sealer before its end");
    return this.#result;
  }
}

/** Keeps so many blocks in work, and gives them in order. */
async function* sealAhead(
  blocks: AsyncIterable<Buffer>,
  start: (block: Buffer) => SealedBlock | Promise<SealedBlock>,
  parallel: number,
): AsyncGenerator<{ plain: Buffer; sealed: SealedBlock }> {
  const inWork: { plain: Buffer; sealed: Promise<SealedBlock> }[] = [];
  for await (const plain of blocks) {
    const sealed = Promise.resolve(start(plain));
    sealed.catch(() => {}); // it is awaited in its turn, unless something else fails first
    inWork.push({ plain, sealed });
    if (inWork.length < Math.max(1, parallel)) continue;
    const first = inWork.shift() as (typeof inWork)[number];
    yield { plain: first.plain, sealed: await first.sealed };
  }
  for (const { plain, sealed } of inWork) yield { plain, sealed: await sealed };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
