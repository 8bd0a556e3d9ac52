/** What there is to do for the threads of a large file (block-threads.ts), as messages, and doing it. */
import * as fs from "node:fs";
import type { Compression } from "../../compression/codecs.ts";
import {
  BlockJobs,
  readRuns,
  type SealedBlock,
  type SealedRun,
  type StoredRun,
} from "../../container/segmented.ts";
import type { SegmentedKeyRing } from "../../crypto/segmented-key-ring.ts";
import { isUnpooled, release } from "../../memory/release.ts";
import { writeAroundZeros, writeFully } from "../../storage/local/file-io.ts";
import { LocalStorage } from "../../storage/local/local-storage.ts";

export type BlockJob =
  | {
      readonly do: "seal";
      readonly header: Uint8Array;
      readonly plain: Uint8Array;
      readonly compression: Compression;
    }
  | { readonly do: "open"; readonly header: Uint8Array; readonly runs: readonly SealedRun[] }
  | {
      readonly do: "read";
      readonly header: Uint8Array;
      readonly runs: readonly StoredRun[];
      readonly object: LocalObject;
    }
  | {
      readonly do: "write";
      /** Its path: see `PieceWriter`. */
      readonly file: string;
      /** In memory of their own; one behind the other. */
      readonly pieces: readonly Uint8Array<ArrayBuffer>[];
      readonly position: number;
      /** Blocks of zeros become holes. */
      readonly sparse: boolean;
    }
  | { readonly do: "let go"; readonly file: string };

/** An object in a folder, which every thread can read for itself. */
export interface LocalObject {
  /** Of the destination. */
  readonly root: string;
  readonly key: string;
}

/** Of an `open` or `read` the plaintext of each run, in memory of its own; of the others there is nothing to tell. */
export type BlockResult = SealedBlock | readonly Uint8Array<ArrayBuffer>[] | undefined;

/** Does jobs, one at a time. */
export class JobRunner {
  private readonly blocks: BlockJobs;
  private readonly files: WrittenFiles;
  private storage: LocalStorage | undefined;

  constructor(ring: SegmentedKeyRing, allowUnencrypted: boolean, files = new WrittenFiles()) {
    this.blocks = new BlockJobs({ ring, allowUnencrypted });
    this.files = files;
  }

  /** @throws DamagedError (EBLOCK) of `open` and `read`, StorageError of a `read`, what node:fs throws of the others. */
  carryOut(job: BlockJob): BlockResult {
    switch (job.do) {
      case "seal":
        return this.blocks.seal(job.header, job.plain, job.compression);
      case "open":
        return this.open(job);
      case "read":
        return this.read(job);
      case "write":
        this.files.write(job);
        return undefined;
      case "let go":
        this.files.letGo(job.file);
        return undefined;
    }
  }

  private open({ header, runs }: BlockJob & { do: "open" }): Uint8Array<ArrayBuffer>[] {
    // What is neither decompressed nor decrypted are the sealed bytes themselves.
    const sealed = new Set(runs.flatMap(({ blocks }) => blocks.map((block) => block.sealed.buffer)));
    return this.blocks
      .open(header, runs)
      .map((plain) => (isUnpooled(plain) && !sealed.has(plain.buffer) ? plain : new Uint8Array(plain)));
  }

  private read({
    header,
    runs,
    object: { root, key },
  }: BlockJob & { do: "read" }): Uint8Array<ArrayBuffer>[] {
    if (this.storage?.location !== root) this.storage = new LocalStorage(root, "destination");
    const { storage } = this;
    const sealed = readRuns(runs, (start, end) => storage.readNow(key, { start, end }));
    const plain = this.open({ do: "open", header, runs: sealed });
    for (const { blocks } of sealed) for (const block of blocks) release(block.sealed);
    return plain;
  }
}

/** What a thread has open for writing. */
export class WrittenFiles {
  private readonly open = new Map<string, number>();

  write({ file, pieces, position, sparse }: BlockJob & { do: "write" }): void {
    const fd = this.open.get(file) ?? fs.openSync(file, fs.constants.O_WRONLY | fs.constants.O_NOFOLLOW);
    this.open.set(file, fd);
    let at = position;
    for (const piece of pieces) {
      const { length } = piece;
      (sparse ? writeAroundZeros : writeFully)(fd, piece, at);
      at += length;
      piece.buffer.transfer(0); // given back at once: they are many
    }
  }

  letGo(file: string): void {
    const fd = this.open.get(file);
    if (fd === undefined) return;
    this.open.delete(file);
    fs.closeSync(fd);
  }
}

/** A result as a message, and the memory that moves with it: what bytes have to themselves; others are copied. */
export function portableResult(result: BlockResult): [BlockResult, ArrayBuffer[]] {
  if (result === undefined) return [result, []];
  if (!("body" in result)) return [result, result.map(({ buffer }) => buffer)];
  const { id, mac, body } = result;
  const own = { id: Buffer.from(new Uint8Array(id).buffer), mac: Buffer.from(new Uint8Array(mac).buffer) };
  return [{ ...result, ...own }, ownMemory(body)];
}

function ownMemory({ buffer, byteLength }: Uint8Array): ArrayBuffer[] {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}

/**
 * A job as a message, and the memory that moves with it. What others need is copied: a message takes all of the memory
 * that a view lies in.
 */
export function portable(job: BlockJob): [BlockJob, ArrayBuffer[]] {
  if (job.do === "write") return [job, job.pieces.map(({ buffer }) => buffer)];
  if (job.do === "let go") return [job, []];
  const header = new Uint8Array(job.header);
  if (job.do === "seal") {
    const plain = new Uint8Array(job.plain);
    return [{ ...job, header, plain }, [plain.buffer]];
  }
  if (job.do === "read") return [{ ...job, header, runs: job.runs.map(withOwnIds) }, []];
  const transfer: ArrayBuffer[] = [];
  const runs = job.runs.map((run) => {
    const blocks = run.blocks.map(({ id, sealed, ...block }) => {
      const own = new Uint8Array(sealed);
      transfer.push(own.buffer);
      return { ...block, id: Buffer.from(new Uint8Array(id).buffer), sealed: own };
    });
    return { ...run, blocks };
  });
  return [{ ...job, header, runs }, transfer];
}

function withOwnIds(run: StoredRun): StoredRun {
  const blocks = run.blocks.map(({ id, ...block }) => ({
    ...block,
    id: Buffer.from(new Uint8Array(id).buffer),
  }));
  return { ...run, blocks };
}
