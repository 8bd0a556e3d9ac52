/** Writing a file elsewhere while its next pieces are made: in the threads of a large file (block-threads.ts). */
import { isUnpooled } from "../memory/release.ts";

export interface PieceWriter {
  /**
   * Writes pieces one behind the other; blocks of zeros become holes where `sparse`. The file has to stay open until then.
   *
   * @param pieces in memory of their own, which is taken: they are of no length any more.
   * @throws StorageError of the restore.
   */
  write(
    fd: number,
    pieces: readonly Uint8Array<ArrayBuffer>[],
    position: number,
    sparse: boolean,
  ): Promise<void>;
}

/** Bytes written at a time. */
const BATCH_BYTES = 1024 * 1024;
/** Writes that are under way; each holds its pieces. */
const MOST = 4;

/** The writes of one file, from its beginning on. Before the file is closed, `settle`: its number may be another's then. */
export class WriteBehind {
  private readonly writer: PieceWriter;
  private readonly fd: number;
  private readonly sparse: boolean;
  private readonly underWay: Promise<void>[] = [];
  private waiting: Uint8Array<ArrayBuffer>[] = [];
  private waitingBytes = 0;
  private position = 0;

  constructor(writer: PieceWriter, fd: number, sparse: boolean) {
    this.writer = writer;
    this.fd = fd;
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
  }

  /** Resolves when nothing is under way any more, however it ended. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.underWay);
  }

  private begin(): void {
    const write = this.writer.write(this.fd, this.waiting, this.position, this.sparse);
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
