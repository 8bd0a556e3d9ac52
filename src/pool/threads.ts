/**
 * The threads of a pool. A start takes a tenth of a second, most of it for loading modules: where it is certain that there
 * will be work, they begin before it is known what it is (while a key is derived, say).
 */
import { type MessagePort, Worker } from "node:worker_threads";
import { keepManyHeapsSmall } from "../memory/heaps.ts";
import type { ToWorker, WorkerSetup } from "./protocol.ts";

/** Workers make buffers, not object graphs: with a small heap in view V8 keeps less of what they no longer need. */
const SMALL_HEAP = { maxYoungGenerationSizeMb: 12, maxOldGenerationSizeMb: 192 };

export class Threads {
  /** One 32-bit flag for all of them: see `WorkerSetup`. */
  readonly stop = new SharedArrayBuffer(4);
  private readonly script: URL;
  private readonly waiting = new Set<Worker>();
  private readonly lent = new Set<Worker>();

  /** @param script the module that runs in each and calls `serve` (worker.ts). */
  constructor(script: URL) {
    this.script = script;
  }

  /** Starts threads that wait for their settings. */
  start(count: number): void {
    for (let i = 0; i < count; i++) {
      const worker = this.begin();
      this.waiting.add(worker);
      // One that cannot even begin is missed by nobody: the next one that is started tells why.
      worker.on("error", () => this.waiting.delete(worker));
      worker.on("exit", () => this.waiting.delete(worker));
    }
  }

  /** One that waits, or a new one. It is the caller's from now on. */
  take(): Worker {
    const [first] = this.waiting;
    if (first === undefined) return this.begin();
    this.waiting.delete(first);
    return first;
  }

  /** Makes one the helper of a worker, which has the other end of the channel. */
  lend(port: MessagePort): void {
    const worker = this.take();
    this.lent.add(worker);
    worker.on("error", () => {}); // who asked for it sees the channel close
    worker.on("exit", () => this.lent.delete(worker));
    worker.postMessage({ type: "help", port } satisfies ToWorker, [port]);
  }

  /** Ends those that still wait, and helpers. */
  async close(): Promise<void> {
    await Promise.all([...this.waiting, ...this.lent].map((worker) => worker.terminate()));
  }

  private begin(): Worker {
    keepManyHeapsSmall();
    const workerData: WorkerSetup = { stop: this.stop };
    return new Worker(this.script, { workerData, resourceLimits: SMALL_HEAP });
  }
}
