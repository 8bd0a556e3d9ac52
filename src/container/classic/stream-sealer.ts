/**
 * Sealing a file of any size in bounded memory. The tag stands in front of the ciphertext but is known last, so the
 * head comes separately: the writer leaves room for `reserve` bytes and fills them in at the end.
 */

import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { gzipStream } from "../../compression/gzip.ts";
import { checkMessageLength } from "../../crypto/aead.ts";
import { BackupError, FileChangedError } from "../../errors.ts";
import { release } from "../../memory/release.ts";
import { md5ToBase36 } from "../../names/stored-name.ts";
import { type ClassicSettings, HeadSealer, headBytes, type Sealing } from "./layout.ts";

/** The default thread pool of Node has so many threads. */
const POOL_THREADS = 4;

export interface StreamSealerOptions {
  readonly settings: ClassicSettings;
  /** Needed unless the settings say no encryption. */
  readonly sealing: Sealing | undefined;
  /** For the gzip header. */
  readonly now: Date;
  /** For errors. */
  readonly path: string;
  /** Chunks that are compressed at once; as many as there are cores, up to the thread pool's four. */
  readonly parallel?: number;
}

/** Seals one file. Use it once: `seal` to its end, then `head` and `md5`. */
export class StreamSealer {
  /** Bytes to keep free in front. */
  readonly reserve: number;
  readonly #options: StreamSealerOptions;
  #started = false;
  #head: Buffer | undefined;
  #md5: string | undefined;

  constructor(options: StreamSealerOptions) {
    this.#options = options;
    this.reserve = headBytes(options.settings.encryption);
  }

  /**
   * What is stored behind the head. A piece is of no length any more once the next is asked for.
   *
   * @param size bytes that `plain` will give.
   * @throws FileChangedError when it gives more or fewer; BackupError (EFBIG) when the cipher cannot take so much,
   *   at once where that is certain, else when it is reached.
   */
  async *seal(plain: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
    const { settings, sealing, now, path } = this.#options;
    if (this.#started) throw new BackupError("internal", "a sealer is used twice");
    this.#started = true;
    const { encryption } = settings;
    if (encryption !== "none" && !settings.compress) checkMessageLength(encryption, size, path);
    const md5 = createHash("md5");
    const counted = countedAndHashed(plain, size, md5, path);
    const parallel = this.#options.parallel ?? Math.min(POOL_THREADS, availableParallelism());
    const content = settings.compress
      ? gzipStream(counted, { level: settings.gzipLevel, parallel, now })
      : counted;
    const sealer = encryption === "none" ? undefined : new HeadSealer(encryption, sealing);
    let bytes = 0;
    for await (const piece of content) {
      bytes += piece.length;
      if (encryption !== "none") checkMessageLength(encryption, bytes, path);
      if (sealer === undefined) {
        yield piece;
        continue;
      }
      const sealed = sealer.update(piece);
      yield sealed;
      release(sealed);
    }
    this.#head = sealer === undefined ? Buffer.alloc(0) : sealer.final();
    this.#md5 = md5ToBase36(md5.digest());
  }

  /** The bytes in front, `reserve` of them; known after `seal` has ended. */
  head(): Buffer {
    return known(this.#head);
  }

  /** MD5 of what went in, canonical base 36; known after `seal` has ended. */
  get md5(): string {
    return known(this.#md5);
  }
}

async function* countedAndHashed(
  plain: AsyncIterable<Buffer>,
  size: number,
  md5: { update(piece: Uint8Array): unknown },
  path: string,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const piece of plain) {
    bytes += piece.length;
    if (bytes > size) throw new FileChangedError(path);
    md5.update(piece);
    yield piece;
  }
  if (bytes < size) throw new FileChangedError(path);
}

function known<T>(value: T | undefined): T {
  if (value === undefined) throw new BackupError("internal", "asked of a sealer before its end");
  return value;
}
