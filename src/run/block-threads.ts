/**
 * Threads that work on one large file together, so that it keeps all cores busy: they seal and open its blocks and write
 * what a restore gives.
 *
 * A worker that meets a large file starts them, once: one fewer than there are cores, since it works itself. It reads and
 * hashes, in order; all else are jobs in a queue. Threads take the oldest, and so does the worker whenever it has nothing
 * else to do. (Not on libuv's pool: asynchronous zstd gives other bytes than synchronous, and an upload that goes on where
 * it was cut off wants the same ones.)
 */
import { availableParallelism } from "node:os";
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import type { Compression } from "../compression/codecs.ts";
import type { SealedBlock, SealedRun, StoredRun } from "../container/segmented.ts";
import type { DerivedPasswordKey, SegmentedKeyRing } from "../crypto/segmented-key-ring.ts";
import {
  BackupError,
  DamagedError,
  type ErrorReport,
  errorCode,
  messageOf,
  StorageError,
} from "../errors.ts";
import { type BlockJob, type BlockResult, JobRunner, type LocalObject, portable } from "./block-job.ts";
import type { PieceWriter } from "./write-behind.ts";

/** Files below this are done by one worker alone: others do the same beside it. */
export const BLOCK_THREADS_LEAST = 64 * 1024 * 1024;

export type ToBlockThread =
  | {
      readonly type: "keys";
      readonly derived: readonly DerivedPasswordKey[];
      readonly allowUnencrypted: boolean;
    }
  | { readonly type: "job"; readonly id: number; readonly job: BlockJob };

export type FromBlockThread = { readonly id: number } & (
  | { readonly result: BlockResult }
  | { readonly report: ErrorReport }
);

interface Pending {
  readonly resolve: (result: BlockResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Queued extends Pending {
  readonly job: BlockJob;
}

interface Member {
  readonly thread: Worker;
  /** Messages are taken from it in the midst of other work, too. */
  readonly port: MessagePort;
  readonly pending: Map<number, Pending>;
}

/** So many that a thread does not run out of them while the worker does one itself. */
const JOBS_PER_THREAD = 3;
/** Blocks in work at once have about so many bytes for each thread. */
const BYTES_PER_THREAD = 2 * 1024 * 1024;
/** As in pool.ts: buffers, not object graphs. */
const SMALL_HEAP = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 };

/** The module that threads start with: beside this file, as source or as built. */
const SCRIPT = import.meta.url.endsWith(".ts")
  ? new URL("./block-thread-main.ts", import.meta.url)
  : new URL("./block-thread.js", import.meta.url);

export class BlockThreads implements PieceWriter {
  private readonly count = Math.max(1, availableParallelism() - 1);
  /** For jobs that this thread does itself. */
  private readonly own: JobRunner;
  private readonly ring: SegmentedKeyRing;
  private readonly allowUnencrypted: boolean;
  private members: Member[] | undefined;
  private readonly queue: Queued[] = [];
  private helping = false;
  private keysSent = 0;
  private next = 0;

  /** @param ring holds the keys that jobs need by the time they come; no thread derives one. */
  constructor(ring: SegmentedKeyRing, allowUnencrypted: boolean) {
    this.ring = ring;
    this.allowUnencrypted = allowUnencrypted;
    this.own = new JobRunner(ring, allowUnencrypted);
  }

  /** Jobs of blocks of this size that are worth having in work at once. */
  parallelFor(blockBytes: number): number {
    const least = JOBS_PER_THREAD * this.count + 1;
    return Math.max(least, Math.floor((BYTES_PER_THREAD * (this.count + 1)) / blockBytes));
  }

  /** `plain` stays as it is; nobody may change it until then. */
  async seal(header: Uint8Array, plain: Uint8Array, compression: Compression): Promise<SealedBlock> {
    const job = { do: "seal", header, plain, compression } as const;
    const block = (await this.run(job)) as SealedBlock;
    return { ...block, id: Buffer.from(block.id), mac: Buffer.from(block.mac) };
  }

  /** The sealed bytes stay as they are; nobody may change them until then. @throws DamagedError (EBLOCK). */
  open(header: Uint8Array, runs: readonly SealedRun[]): Promise<readonly Uint8Array<ArrayBuffer>[]> {
    return this.run({ do: "open", header, runs }) as Promise<readonly Uint8Array<ArrayBuffer>[]>;
  }

  /** Reads the sealed bytes, too. @throws StorageError of the destination, and as above. */
  read(
    header: Uint8Array,
    runs: readonly StoredRun[],
    object: LocalObject,
  ): Promise<readonly Uint8Array<ArrayBuffer>[]> {
    return this.run({ do: "read", header, runs, object }) as Promise<readonly Uint8Array<ArrayBuffer>[]>;
  }

  async write(
    fd: number,
    pieces: readonly Uint8Array<ArrayBuffer>[],
    position: number,
    sparse: boolean,
  ): Promise<void> {
    try {
      await this.run({ do: "write", fd, pieces, position, sparse });
    } catch (error) {
      throw new StorageError("restore", `cannot be written (${errorCode(error) ?? messageOf(error)})`);
    }
  }

  /** Ends the threads. Jobs that still wait, of files that were given up, fail. */
  async close(): Promise<void> {
    for (const { reject } of this.queue.splice(0)) {
      reject(new BackupError("internal", "was given up", { code: "ESTOPPED" }));
    }
    await this.endThreads();
  }

  private async endThreads(): Promise<void> {
    const members = this.members ?? [];
    this.members = undefined;
    await Promise.all(members.map(({ thread }) => thread.terminate()));
  }

  private run(job: BlockJob): Promise<BlockResult> {
    return new Promise((resolve, reject) => {
      this.queue.push({ job, resolve, reject });
      this.handOut();
    });
  }

  /** Gives threads that have little to do the oldest jobs; what is left, this thread does when it is idle. */
  private handOut(): void {
    if (this.queue.length === 0) return;
    this.members ??= Array.from({ length: this.count }, () => this.start());
    this.sendNewKeys(this.members);
    for (const member of this.members) takeResults(member);
    for (let jobs = 0; jobs < JOBS_PER_THREAD; jobs++) {
      for (const member of this.members) {
        if (member.pending.size > jobs) continue;
        const next = this.queue.shift();
        if (next === undefined) return;
        this.send(member, next);
      }
    }
    if (this.queue.length > 0 && !this.helping) {
      this.helping = true;
      setImmediate(() => this.help());
    }
  }

  /** One job, then whatever came in meanwhile: results have to be taken, and threads kept busy. */
  private help(): void {
    this.helping = false;
    const next = this.queue.shift();
    if (next === undefined) return;
    try {
      next.resolve(this.own.carryOut(next.job));
    } catch (error) {
      next.reject(error);
    }
    this.handOut();
  }

  private send({ port, pending }: Member, { job, resolve, reject }: Queued): void {
    const id = this.next++;
    pending.set(id, { resolve, reject });
    const [message, transfer] = portable(job);
    port.postMessage({ type: "job", id, job: message } satisfies ToBlockThread, transfer);
  }

  private start(): Member {
    const { port1: port, port2 } = new MessageChannel();
    const thread = new Worker(SCRIPT, {
      workerData: port2,
      transferList: [port2],
      resourceLimits: SMALL_HEAP,
    });
    const member: Member = { thread, port, pending: new Map() };
    let cause = "ended without a word";
    port.on("message", (message: FromBlockThread) => {
      settle(member, message);
      this.handOut();
    });
    thread.on("error", (error) => {
      cause = error.message;
    });
    thread.on("exit", () => {
      // What it held fails with its file; what comes next starts new threads.
      if (this.members?.includes(member)) void this.endThreads();
      for (const { reject } of member.pending.values()) {
        reject(new BackupError("internal", `a thread died: ${cause}`, { code: "EWORKER" }));
      }
      this.handOut();
    });
    thread.unref();
    port.unref();
    this.keysSent = 0;
    return member;
  }

  /** Keys that were derived since, before any job that may need them. */
  private sendNewKeys(members: readonly Member[]): void {
    const derived = this.ring.exportKeys();
    if (derived.length + 1 === this.keysSent) return;
    this.keysSent = derived.length + 1; // so that a run without any key still says so once
    const { allowUnencrypted } = this;
    for (const { port } of members) {
      port.postMessage({ type: "keys", derived, allowUnencrypted } satisfies ToBlockThread);
    }
  }
}

/** What has come in so far, without waiting for the event loop to turn. */
function takeResults(member: Member): void {
  for (;;) {
    const received = receiveMessageOnPort(member.port);
    if (received === undefined) return;
    settle(member, received.message);
  }
}

function settle({ pending }: Member, message: FromBlockThread): void {
  const job = pending.get(message.id);
  pending.delete(message.id);
  if ("result" in message) job?.resolve(message.result);
  else job?.reject(errorOf(message.report));
}

function errorOf({ kind, side, message, ...options }: ErrorReport): Error {
  if (kind === "damaged") return new DamagedError(message, options);
  const Kind = side === "destination" ? StorageError : BackupError;
  return new Kind(side, message, { kind, ...options });
}
