/**
 * Threads that seal and open the blocks of one large file, so that it keeps all cores busy.
 *
 * A worker that meets a large segmented file starts them, once: one fewer than there are cores, since it works itself.
 * It reads, hashes and writes, and whenever the threads have enough to do, it seals or opens a block, too. (Not on libuv's pool: asynchronous zstd gives
 * other bytes than synchronous, and an upload that goes on where it was cut off wants the same ones.)
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Compression } from "../compression/codecs.ts";
import { BlockJobs, type SealedBlock, type SealedRun } from "../container/segmented.ts";
import type { DerivedPasswordKey, SegmentedKeyRing } from "../crypto/segmented-key-ring.ts";
import { BackupError, DamagedError, type ErrorReport } from "../errors.ts";

/** Files below this are done by one worker alone: others do the same beside it. */
export const BLOCK_THREADS_LEAST = 64 * 1024 * 1024;

export type BlockJob =
  | {
      readonly do: "seal";
      readonly header: Uint8Array;
      readonly plain: Uint8Array;
      readonly compression: Compression;
      readonly occurrence: number;
    }
  | { readonly do: "open"; readonly header: Uint8Array; readonly run: SealedRun };

export type ToBlockThread =
  | {
      readonly type: "keys";
      readonly derived: readonly DerivedPasswordKey[];
      readonly allowUnencrypted: boolean;
    }
  | { readonly type: "job"; readonly id: number; readonly job: BlockJob };

export type FromBlockThread = { readonly id: number } & (
  | { readonly result: SealedBlock | Uint8Array }
  | { readonly report: ErrorReport }
);

interface Pending {
  readonly resolve: (result: SealedBlock | Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

interface Member {
  readonly thread: Worker;
  readonly pending: Map<number, Pending>;
}

/** One in work and one that waits. */
const JOBS_PER_THREAD = 2;
/** As in pool.ts: buffers, not object graphs. */
const SMALL_HEAP = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

/** The module that threads start with: beside this file, as source or as built. */
const SCRIPT = import.meta.url.endsWith(".ts")
  ? new URL("./block-thread-main.ts", import.meta.url)
  : new URL("./block-thread.js", import.meta.url);

export class BlockThreads {
  private readonly count = Math.max(1, availableParallelism() - 1);
  /** Jobs that are worth having in work at once. */
  readonly parallel = JOBS_PER_THREAD * this.count + 1;
  /** For jobs that this thread does itself. */
  private readonly own: BlockJobs;
  private readonly ring: SegmentedKeyRing;
  private readonly allowUnencrypted: boolean;
  private members: Member[] | undefined;
  private keysSent = 0;
  private next = 0;

  /** @param ring holds the keys that jobs need by the time they come; no thread derives one. */
  constructor(ring: SegmentedKeyRing, allowUnencrypted: boolean) {
    this.ring = ring;
    this.allowUnencrypted = allowUnencrypted;
    this.own = new BlockJobs({ ring, allowUnencrypted });
  }

  /** `plain` stays as it is. */
  async seal(
    header: Uint8Array,
    plain: Uint8Array,
    compression: Compression,
    occurrence: number,
  ): Promise<SealedBlock> {
    if (this.areBusy()) return this.own.seal(header, plain, compression, occurrence);
    const job = {
      do: "seal",
      header: ownBytes(header),
      plain: ownBytes(plain),
      compression,
      occurrence,
    } as const;
    const block = (await this.run(job, [job.plain.buffer])) as SealedBlock;
    return { ...block, id: Buffer.from(block.id), mac: Buffer.from(block.mac) };
  }

  /** @throws DamagedError (EBLOCK). */
  async open(header: Uint8Array, run: SealedRun): Promise<Uint8Array> {
    if (this.areBusy()) return this.own.open(header, run);
    const blocks = run.blocks.map((block) => ({
      ...block,
      id: Buffer.from(ownBytes(block.id).buffer),
      sealed: ownBytes(block.sealed),
    }));
    const job = { do: "open", header: ownBytes(header), run: { ...run, blocks } } as const;
    return this.run(
      job,
      blocks.map(({ sealed }) => sealed.buffer),
    ) as Promise<Uint8Array>;
  }

  private areBusy(): boolean {
    const held = this.members?.reduce((sum, { pending }) => sum + pending.size, 0) ?? 0;
    return held >= JOBS_PER_THREAD * this.count;
  }

  async close(): Promise<void> {
    const members = this.members ?? [];
    this.members = undefined;
    await Promise.all(members.map(({ thread }) => thread.terminate()));
  }

  private run(job: BlockJob, transfer: ArrayBuffer[]): Promise<SealedBlock | Uint8Array> {
    this.members ??= Array.from({ length: this.count }, () => this.start());
    this.sendNewKeys(this.members);
    const id = this.next++;
    const member = this.members[id % this.members.length] as Member;
    return new Promise((resolve, reject) => {
      member.pending.set(id, { resolve, reject });
      member.thread.postMessage({ type: "job", id, job } satisfies ToBlockThread, transfer);
    });
  }

  private start(): Member {
    const member: Member = { thread: new Worker(SCRIPT, { resourceLimits: SMALL_HEAP }), pending: new Map() };
    let cause = "ended without a word";
    member.thread.on("message", (message: FromBlockThread) => {
      const pending = member.pending.get(message.id);
      member.pending.delete(message.id);
      if ("result" in message) pending?.resolve(message.result);
      else pending?.reject(errorOf(message.report));
    });
    member.thread.on("error", (error) => {
      cause = error.message;
    });
    member.thread.on("exit", () => {
      // What it held fails with its file; the next file starts new threads.
      if (this.members?.includes(member)) void this.close();
      for (const { reject } of member.pending.values()) {
        reject(new BackupError("internal", `a thread died: ${cause}`, { code: "EWORKER" }));
      }
    });
    member.thread.unref();
    this.keysSent = 0;
    return member;
  }

  /** Keys that were derived since, before any job that may need them. */
  private sendNewKeys(members: readonly Member[]): void {
    const derived = this.ring.exportKeys();
    if (derived.length + 1 === this.keysSent) return;
    this.keysSent = derived.length + 1; // so that a run without any key still says so once
    const { allowUnencrypted } = this;
    for (const { thread } of members) {
      thread.postMessage({ type: "keys", derived, allowUnencrypted } satisfies ToBlockThread);
    }
  }
}

function errorOf({ kind, side, message, code, remedy }: ErrorReport): Error {
  const options = { ...(code !== undefined && { code }), ...(remedy !== undefined && { remedy }) };
  return kind === "damaged"
    ? new DamagedError(message, options)
    : new BackupError(side, message, { kind, ...options });
}

/** A copy in memory of its own: a message takes all of the memory that a view lies in. */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytes);
}
