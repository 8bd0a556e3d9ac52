/** Writing a file elsewhere while its next pieces are made: in the threads of a large file (block-threads.ts). */

export interface PieceWriter {
  /**
   * Writes all of `data`; blocks of zeros become holes where `sparse`. The file has to stay open until then.
   *
   * @param data its memory is taken: it is of no length any more.
   * @throws StorageError of the restore.
   */
  write(fd: number, data: Uint8Array, position: number, sparse: boolean): Promise<void>;
}

/** Writes that are under way; each holds its piece. */
const MOST = 16;

/** The writes of one file. Before the file is closed, `settle`: its number may be another file's afterwards. */
export class WriteBehind {
  private readonly writer: PieceWriter;
  private readonly underWay: Promise<void>[] = [];

  constructor(writer: PieceWriter) {
    this.writer = writer;
  }

  /** Begins a write, and waits for an earlier one where too many are under way. Throws what any of them did. */
  async write(fd: number, data: Uint8Array, position: number, sparse: boolean): Promise<void> {
    const write = this.writer.write(fd, data, position, sparse);
    write.catch(() => {}); // it is awaited in its turn, unless another fails first
    this.underWay.push(write);
    if (this.underWay.length >= MOST) await this.underWay.shift();
  }

  /** Resolves when all is written; throws when anything is not. */
  async end(): Promise<void> {
    await Promise.all(this.underWay);
  }

  /** Resolves when nothing is under way any more, however it ended. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.underWay);
  }
}
