/** What there is to do for the threads of a large file (block-threads.ts), as messages, and doing it. */
import type { Compression } from "../compression/codecs.ts";
import { BlockJobs, type SealedBlock, type SealedRun } from "../container/segmented.ts";
import type { SegmentedKeyRing } from "../crypto/segmented-key-ring.ts";
import { writeAroundZeros, writeFully } from "../storage/local/file-io.ts";

export type BlockJob =
  | {
      readonly do: "seal";
      readonly header: Uint8Array;
      readonly plain: Uint8Array;
      readonly compression: Compression;
      readonly occurrence: number;
    }
  | { readonly do: "open"; readonly header: Uint8Array; readonly run: SealedRun }
  /** Files are open for the whole process, whichever thread it is that writes. */
  | {
      readonly do: "write";
      readonly fd: number;
      /** In memory of its own. */
      readonly data: Uint8Array<ArrayBuffer>;
      readonly position: number;
      /** Blocks of zeros become holes. */
      readonly sparse: boolean;
    };

/** Of a write there is nothing to tell. */
export type BlockResult = SealedBlock | Uint8Array | undefined;

/** Does jobs, one at a time. */
export class JobRunner {
  private readonly blocks: BlockJobs;

  constructor(ring: SegmentedKeyRing, allowUnencrypted: boolean) {
    this.blocks = new BlockJobs({ ring, allowUnencrypted });
  }

  /** @throws DamagedError (EBLOCK) of an `open`, what fs.writeSync throws of a `write`. */
  carryOut(job: BlockJob): BlockResult {
    switch (job.do) {
      case "seal":
        return this.blocks.seal(job.header, job.plain, job.compression, job.occurrence);
      case "open":
        return this.blocks.open(job.header, job.run);
      case "write":
        (job.sparse ? writeAroundZeros : writeFully)(job.fd, job.data, job.position);
        job.data.buffer.transfer(0); // given back at once: they are many
        return undefined;
    }
  }
}

/** A result as a message, and the memory that moves with it: what bytes have to themselves; others are copied. */
export function portableResult(result: BlockResult): [BlockResult, ArrayBuffer[]] {
  if (result === undefined) return [result, []];
  if (result instanceof Uint8Array) return [result, ownMemory(result)];
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
  if (job.do === "write") return [job, [job.data.buffer]];
  const header = new Uint8Array(job.header);
  if (job.do === "seal") {
    const plain = new Uint8Array(job.plain);
    return [{ ...job, header, plain }, [plain.buffer]];
  }
  const blocks = job.run.blocks.map(({ id, sealed, ...block }) => {
    return { ...block, id: Buffer.from(new Uint8Array(id).buffer), sealed: new Uint8Array(sealed) };
  });
  return [{ ...job, header, run: { ...job.run, blocks } }, blocks.map(({ sealed }) => sealed.buffer)];
}
