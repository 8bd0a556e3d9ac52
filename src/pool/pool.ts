/**
 * A pool of worker threads that does tasks in batches.
 *
 * Tasks are plain data, so are their outcomes; what a task means is the worker module's business. Small tasks travel
 * a hundred to a message (a message costs 5 to 24 microseconds, a file of 4 KiB not much more). `submit` waits while
 * enough is queued, so that whoever makes tasks cannot run ahead of those who do them.
 *
 * A worker that dies (out of memory, a crash in native code) is replaced, and the tasks it held are done again one by
 * one, so that only the one that killed it fails: the run goes on. Only when workers die before they ever worked does
 * the pool give up.
 */
import type { Worker } from "node:worker_threads";
import { BackupError, type ErrorReport, messageOf } from "../errors.ts";
import type { InFlight } from "./in-flight.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";
import type { Threads } from "./threads.ts";

export interface PoolOptions<Task, Outcome> {
  /** Closed with the pool, after its workers. */
  readonly threads: Threads;
  readonly settings: unknown;
  readonly workers: number;
  /** Batches that one worker holds at a time. */
  readonly batchesPerWorker: number;
  /** The most tasks in one batch. */
  readonly batchTasks: number;
  /** Where tasks mostly wait for a server: how many all workers together may hold. Then a batch is to be one task. */
  readonly inFlight?: InFlight;
  /** What a task weighs, in bytes to be read; a batch is closed once it weighs more than `BATCH_BYTES`. */
  readonly weigh: (task: Task) => number;
  /** The outcome of a task whose worker died. */
  readonly lost: (task: Task, report: ErrorReport) => Outcome;
  /** The outcome of tasks that were still queued when the pool was stopped. */
  readonly stopped: Outcome;
  readonly onProgress?: (bytes: number) => void;
  /** Asked of each outcome: a reason to give up, which `submit` and `drain` then throw. */
  readonly judge?: (outcome: Outcome) => Error | undefined;
  /** What workers tell beside (`WorkerContext.tell`). */
  readonly onNews?: (news: unknown) => void;
}

/** A task and who waits for its outcome. */
interface Job<Task, Outcome> {
  readonly task: Task;
  readonly done: (outcome: Outcome) => void;
  /** A worker died while it held this task among others: the next one gets it with nothing beside it. */
  readonly alone?: boolean;
}

const BATCH_BYTES = 4 * 1024 * 1024;
const QUEUE_LIMIT = 2000;

interface Member<Task, Outcome> {
  readonly worker: Worker;
  readonly batches: Map<number, readonly Job<Task, Outcome>[]>;
  ready: boolean;
}

export class Pool<Task, Outcome> {
  private readonly options: PoolOptions<Task, Outcome>;
  private readonly stopFlag: SharedArrayBuffer;
  private readonly members = new Set<Member<Task, Outcome>>();
  private queue: Job<Task, Outcome>[] = [];
  private queueStart = 0;
  private nextBatch = 0;
  private held = 0;
  private waiting: (() => void)[] = [];
  private closing = false;
  private broken: Error | undefined;
  /** Who waits in `ask`, to be told when the pool breaks. */
  private readonly asking = new Set<(error: Error) => void>();

  constructor(options: PoolOptions<Task, Outcome>) {
    this.options = options;
    this.stopFlag = options.threads.stop;
  }

  /**
   * Queues a task; resolves once there is room for more. `done` gets its outcome, exactly once. Throws when the pool
   * cannot work at all.
   */
  async submit(task: Task, done: (outcome: Outcome) => void): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    this.queue.push({ task, done });
    this.dispatch();
    while (this.queued() >= QUEUE_LIMIT && this.broken === undefined) await this.nextChange();
    if (this.broken !== undefined) throw this.broken;
  }

  /** The outcome of one task. Throws when the pool cannot work, or stops being able to before the task was done. */
  ask(task: Task): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.asking.add(reject);
      const answered = (outcome: Outcome) => {
        this.asking.delete(reject);
        resolve(outcome);
      };
      this.submit(task, answered).catch((error: unknown) => {
        this.asking.delete(reject);
        reject(error);
      });
    });
  }

  /** Whether `submit` would return at once: saves callers an await per file. */
  get hasRoom(): boolean {
    return this.queued() < QUEUE_LIMIT && this.broken === undefined;
  }

  /** Resolves when all tasks have their outcome. */
  async drain(): Promise<void> {
    while (this.queued() + this.held > 0 && this.broken === undefined) await this.nextChange();
    if (this.broken !== undefined) throw this.broken;
  }

  /**
   * Gives up: what is queued is answered with `stopped`, and the workers are told to end what they do. `drain` then
   * returns soon.
   */
  stop(): void {
    this.dropQueue();
    Atomics.store(new Int32Array(this.stopFlag), 0, 1);
    for (const { worker } of this.members) worker.postMessage({ type: "stop" } satisfies ToWorker);
    this.changed();
  }

  /**
   * Ends the workers, once they have done what they were handed and closed what they hold. What is still queued is
   * answered with `stopped`.
   */
  async close(): Promise<void> {
    this.closing = true;
    this.dropQueue();
    const ended = [...this.members].map(
      ({ worker }) => new Promise<void>((resolve) => worker.once("exit", () => resolve())),
    );
    for (const { worker } of this.members) worker.postMessage({ type: "end" } satisfies ToWorker);
    await Promise.all(ended); // with their helpers
    await this.options.threads.close();
  }

  private dropQueue(): void {
    for (const job of this.takeQueue()) this.answer(job, this.options.stopped);
  }

  /** All that is queued; the queue is empty afterwards. */
  private takeQueue(): Job<Task, Outcome>[] {
    const queued = this.queue.slice(this.queueStart);
    this.queue = [];
    this.queueStart = 0;
    return queued;
  }

  private get stopping(): boolean {
    return Atomics.load(new Int32Array(this.stopFlag), 0) === 1;
  }

  private queued(): number {
    return this.queue.length - this.queueStart;
  }

  /**
   * Workers start when there is work for them: a run with nothing to do starts none, and one with a few small files no more
   * than one, since a start costs more than a batch of them.
   */
  private startWorkers(): void {
    const missing = this.options.workers - this.members.size;
    if (missing <= 0 || this.queued() === 0 || this.closing || this.broken !== undefined) return;
    const free = [...this.members].filter(
      ({ batches }) => this.wholeBatches([...batches.values()].flat(), 0, 1) === 0,
    ).length;
    const batches = this.wholeBatches(this.queue, this.queueStart, free + missing);
    for (let wanted = Math.max(1, batches) - free; wanted > 0; wanted--) this.startWorker();
  }

  /** How many full ones these jobs would make; counted up to `most`. */
  private wholeBatches(jobs: readonly Job<Task, Outcome>[], start: number, most: number): number {
    const { batchTasks, weigh } = this.options;
    let batches = 0;
    let tasks = 0;
    let weight = 0;
    for (let i = start; i < jobs.length && batches < most; i++) {
      tasks++;
      weight += weigh((jobs[i] as Job<Task, Outcome>).task);
      if (tasks < batchTasks && weight < BATCH_BYTES) continue;
      batches++;
      tasks = 0;
      weight = 0;
    }
    return batches;
  }

  private startWorker(): void {
    const { threads, settings } = this.options;
    const worker = threads.take();
    worker.postMessage({ type: "settings", settings } satisfies ToWorker);
    const member: Member<Task, Outcome> = { worker, batches: new Map(), ready: false };
    this.members.add(member);
    let cause = "ended without a word";
    let fatal: ErrorReport | undefined;
    worker.on("message", (message: FromWorker) => {
      if (message.type === "ready") {
        member.ready = true;
        this.dispatch();
      } else if (message.type === "progress") this.options.onProgress?.(message.bytes);
      else if (message.type === "news") this.options.onNews?.(message.news);
      else if (message.type === "help") threads.lend(message.port);
      else if (message.type === "failed") fatal = message.report;
      else this.finishBatch(member, message);
    });
    worker.on("error", (error) => {
      cause = messageOf(error); // whatever was thrown, it need not be an Error
    });
    worker.on("exit", () => this.buryWorker(member, cause, fatal));
  }

  private buryWorker(member: Member<Task, Outcome>, cause: string, fatal: ErrorReport | undefined): void {
    this.members.delete(member);
    const held = [...member.batches.values()].flat();
    this.held -= held.length;
    for (const { task } of held) this.options.inFlight?.drop(this.options.weigh(task));
    const report: ErrorReport = {
      side: "internal",
      kind: "failed",
      message: `a worker thread died: ${cause}`,
      code: "EWORKER",
      remedy: "the next run tries again; lower backup_processes if memory is short",
    };
    // Only a task that was alone with the worker is known to be what killed it; the others get another worker.
    const again = held.length > 1 && !this.closing && !this.stopping;
    if (again) this.queue = [...held.map((job) => ({ ...job, alone: true })), ...this.takeQueue()];
    else for (const job of held) this.answer(job, this.options.lost(job.task, report));
    if (!this.closing) {
      if (member.ready) this.dispatch();
      else this.break(brokenPool(fatal ?? report));
    }
    this.changed();
  }

  private break(error: Error): void {
    this.broken ??= error;
    for (const reject of this.asking) reject(this.broken);
    this.asking.clear();
  }

  /** Whoever takes an outcome may fail at it (a full disk under a spilled table): then `submit` and `drain` say so. */
  private answer({ done }: Job<Task, Outcome>, outcome: Outcome): void {
    try {
      done(outcome);
    } catch (error) {
      this.break(error instanceof Error ? error : new Error(messageOf(error)));
    }
    const reason = this.broken === undefined ? this.options.judge?.(outcome) : undefined;
    if (reason === undefined) return;
    this.break(reason);
    this.stop();
  }

  private finishBatch(member: Member<Task, Outcome>, message: FromWorker & { type: "done" }): void {
    const jobs = member.batches.get(message.id) ?? [];
    member.batches.delete(message.id);
    this.held -= jobs.length;
    this.tellInFlight(jobs);
    this.dispatch();
    jobs.forEach((job, i) => {
      this.answer(job, message.outcomes[i] as Outcome);
    });
    this.changed();
  }

  private tellInFlight(done: readonly Job<Task, Outcome>[]): void {
    const { inFlight, weigh } = this.options;
    if (inFlight === undefined) return;
    for (const { task } of done) inFlight.complete(weigh(task), performance.now(), this.queued() > 0);
  }

  private dispatch(): void {
    this.startWorkers();
    this.handOut();
    if (this.queueStart > QUEUE_LIMIT) {
      this.queue = this.queue.slice(this.queueStart);
      this.queueStart = 0;
    }
  }

  /** Hands batches to workers with a free place, one each in turn, and no second one while others will soon have nothing. */
  private handOut(): void {
    const starting = [...this.members].some(({ ready }) => !ready);
    const deepest = starting ? 1 : this.options.batchesPerWorker;
    for (let depth = 1; depth <= deepest; depth++) {
      for (const member of this.members) {
        if (this.queued() === 0) return;
        if (!member.ready || member.batches.size >= this.depthFor(member, depth)) continue;
        if (!this.isNextAdmitted()) return; // asked last: it looks at all that is in flight
        this.send(member);
      }
    }
  }

  private isNextAdmitted(): boolean {
    const { inFlight, weigh } = this.options;
    const next = this.queue[this.queueStart];
    return next !== undefined && (inFlight === undefined || inFlight.admits(weigh(next.task)));
  }

  /** A task that has to be alone is given to a worker that holds nothing, which then gets nothing else. */
  private depthFor(member: Member<Task, Outcome>, depth: number): number {
    const [batch] = member.batches.values();
    return this.queue[this.queueStart]?.alone || batch?.[0]?.alone ? 1 : depth;
  }

  private send(member: Member<Task, Outcome>): void {
    const jobs: Job<Task, Outcome>[] = [];
    let weight = 0;
    // Near the end of the queue batches shrink, so that all workers finish together.
    const share = Math.ceil(this.queued() / (2 * this.options.workers));
    const most = Math.min(this.options.batchTasks, Math.max(1, share));
    while (jobs.length < most && weight < BATCH_BYTES && this.queueStart < this.queue.length) {
      const job = this.queue[this.queueStart] as Job<Task, Outcome>;
      if (job.alone && jobs.length > 0) break;
      this.queueStart++;
      jobs.push(job);
      if (job.alone) break;
      weight += this.options.weigh(job.task);
    }
    for (const { task } of jobs) this.options.inFlight?.begin(this.options.weigh(task));
    const id = this.nextBatch++;
    member.batches.set(id, jobs);
    this.held += jobs.length;
    const tasks = jobs.map((job) => job.task);
    member.worker.postMessage({ type: "batch", id, tasks } satisfies ToWorker);
  }

  private nextChange(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private changed(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

function brokenPool({ side, kind, message, remedy, code, path }: ErrorReport): BackupError {
  return new BackupError(side, message, {
    kind,
    ...(remedy !== undefined && { remedy }),
    ...(code !== undefined && { code }),
    ...(path !== undefined && { path }),
  });
}
