/** Writing a file elsewhere while its next pieces are made: in the threads of a large file (block-threads.ts). */
import { isUnpooled } from "../../memory/release.ts";

export interface PieceWriter {
  /**
   * Writes pieces one behind the other; blocks of zeros become holes where `sparse`.
   *
   * @param file its path. Each thread opens it for itself: the number of an open file is another's once it is closed, be it
   *   because the thread that opened it died, and what is still to be written would go there.
   * @param pieces in memory of their own, which is taken: they are of no length any more.
   * @throws StorageError of the restore.
   */
  write(
    file: string,
    pieces: readonly Uint8Array<ArrayBuffer>[],
    position: number,
    sparse: boolean,
  ): Promise<void>;
  /** Closes the file wherever it was written. Throws as `write` does: some file systems tell only then. */
  letGo(file: string): Promise<void>;
}

/** Bytes written at a time. */
const BATCH_BYTES = 1024 * 1024;
/** Writes that are under way; each holds its pieces. */
const MOST = 4;

/** The writes of one file, from its beginning on: after the last `append` either `end` or `settle`. */
export class WriteBehind {
  private readonly writer: PieceWriter;
  private readonly file: string;
  private readonly sparse: boolean;
  private readonly underWay: Promise<void>[] = [];
  private waiting: Uint8Array<ArrayBuffer>[] = [];
  private waitingBytes = 0;
  private position = 0;

  /** @param file is there, and empty. */
  constructor(writer: PieceWriter, file: string, sparse: boolean) {
    this.writer = writer;
    this.file = file;
    this.sparse = sparse;
  }

  /**
   * Waits for an earlier write where too many are under way. Throws what any of them did.
   *
   * @param data its memory is taken: it is of no length any more, nor is anything else in it.
   */
  async append(data: Uint8Array): Promise<void> {
    this.waitingBytes += data.length;
    this.waiting.push(taken(data));
    if (this.waitingBytes >= BATCH_BYTES) this.begin();
    if (this.underWay.length >= MOST) await this.underWay.shift();
  }

  /** Resolves when all is written; throws when anything is not. */
  async end(): Promise<void> {
    if (this.waiting.length > 0) this.begin();
    await Promise.all(this.underWay);
    await this.writer.letGo(this.file);
  }

  /** Resolves when nothing is under way any more, however it ended. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.underWay);
    await this.writer.letGo(this.file).catch(() => {});
  }

  private begin(): void {
    const write = this.writer.write(this.file, this.waiting, this.position, this.sparse);
    write.catch(() => {}); // it is awaited in its turn, unless another fails first
    this.underWay.push(write);
    this.position += this.waitingBytes;
    this.waiting = [];
    this.waitingBytes = 0;
  }
}

/** The same bytes in memory of their own. */
function taken(data: Uint8Array): Uint8Array<ArrayBuffer> {
  if (!isUnpooled(data)) return new Uint8Array(data);
  const { byteOffset, length } = data;
  return new Uint8Array(data.buffer.transfer(), byteOffset, length);
}
