/**
 * Threads that work on one large file together, so that it keeps all cores busy: they seal and open its blocks and write
 * what a restore gives.
 *
 * A worker that meets a large file asks for them, once: one fewer than there are cores, since it works itself. It reads and
 * hashes, in order; all else are jobs in a queue. Threads take the oldest, and so does the worker whenever it has nothing
 * else to do, or threads are still loading. (Not on libuv's pool: asynchronous zstd gives other bytes than synchronous, and an upload that goes on where
 * it was cut off wants the same ones.)
 */
import { availableParallelism } from "node:os";
import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { Compression } from "../../compression/codecs.ts";
import type { SealedBlock, SealedRun, StoredRun } from "../../container/segmented.ts";
import type { DerivedPasswordKey, SegmentedKeyRing } from "../../crypto/segmented-key-ring.ts";
import { BackupError, DamagedError, type ErrorReport, reasonOf, StorageError } from "../../errors.ts";
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

export type FromBlockThread =
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly id: number; readonly result: BlockResult }
  | { readonly type: "failed"; readonly id: number; readonly report: ErrorReport };

interface Pending {
  readonly resolve: (result: BlockResult) => void;
  readonly reject: (error: unknown) => void;
}

interface Queued extends Pending {
  readonly job: BlockJob;
}

interface Member {
  /** Messages are taken from it in the midst of other work, too. */
  readonly port: MessagePort;
  readonly pending: Map<number, Pending>;
  ready: boolean;
}

/** So many that a thread does not run out of them while the worker does one itself. */
const JOBS_PER_THREAD = 3;
/** Blocks in work at once have about so many bytes for each thread. */
const BYTES_PER_THREAD = 2 * 1024 * 1024;

export class BlockThreads implements PieceWriter {
  private readonly count = Math.max(1, availableParallelism() - 1);
  /** For jobs that this thread does itself. */
  private readonly own: JobRunner;
  private readonly ring: SegmentedKeyRing;
  private readonly allowUnencrypted: boolean;
  private readonly callHelper: () => MessagePort;
  private members: Member[] | undefined;
  private readonly queue: Queued[] = [];
  private helping = false;
  private keysSent = 0;
  private next = 0;

  /**
   * @param ring holds the keys that jobs need by the time they come; no thread derives one.
   * @param callHelper gives a channel with `helpWithBlocks` at its other end (block-helper.ts).
   */
  constructor(ring: SegmentedKeyRing, allowUnencrypted: boolean, callHelper: () => MessagePort) {
    this.callHelper = callHelper;
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
    file: string,
    pieces: readonly Uint8Array<ArrayBuffer>[],
    position: number,
    sparse: boolean,
  ): Promise<void> {
    try {
      await this.run({ do: "write", file, pieces, position, sparse });
    } catch (error) {
      throw unwritten(error);
    }
  }

  async letGo(file: string): Promise<void> {
    const job = { do: "let go", file } as const;
    const told = (this.members ?? [])
      .filter(({ ready }) => ready)
      .map((member) => new Promise((resolve, reject) => this.send(member, { job, resolve, reject })));
    const own = new Promise((resolve) => resolve(this.own.carryOut(job)));
    try {
      await Promise.all([own, ...told]); // no failure stays without anybody who awaits it
    } catch (error) {
      throw unwritten(error);
    }
  }

  /** Ends the threads. Jobs that still wait, of files that were given up, fail. */
  close(): void {
    for (const { reject } of this.queue.splice(0)) reject(givenUp());
    this.endThreads(givenUp);
  }

  private endThreads(why: () => Error): void {
    const members = this.members ?? [];
    this.members = undefined;
    for (const { port, pending } of members) {
      port.close();
      for (const { reject } of pending.values()) reject(why());
      pending.clear();
    }
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
        if (!member.ready || member.pending.size > jobs) continue;
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
    const port = this.callHelper();
    const member: Member = { port, pending: new Map(), ready: false };
    port.on("message", (message: FromBlockThread) => {
      settle(member, message);
      this.handOut();
    });
    port.on("close", () => {
      if (!this.members?.includes(member)) return; // as it was asked to
      // What it held fails with its file; what comes next starts new threads.
      this.endThreads(died);
      this.handOut();
    });
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

function settle(member: Member, message: FromBlockThread): void {
  if (message.type === "ready") {
    member.ready = true;
    return;
  }
  const job = member.pending.get(message.id);
  member.pending.delete(message.id);
  if (message.type === "done") job?.resolve(message.result);
  else job?.reject(errorOf(message.report));
}

function unwritten(error: unknown): StorageError {
  return new StorageError("restore", `cannot be written (${reasonOf(error)})`);
}

function givenUp(): Error {
  return new BackupError("internal", "was given up", { code: "ESTOPPED" });
}

function died(): Error {
  return new BackupError("internal", "a thread that helped with it died", {
    code: "EWORKER",
    remedy: "the next run tries again; lower backup_processes or restore_processes if memory is short",
  });
}

function errorOf({ kind, side, message, ...options }: ErrorReport): Error {
  if (kind === "damaged") return new DamagedError(message, options);
  const Kind = side === "destination" ? StorageError : BackupError;
  return new Kind(side, message, { kind, ...options });
}
