/**
 * The worker's side of the pool.
 */
import { MessageChannel, type MessagePort, parentPort, workerData } from "node:worker_threads";
import { reportOf } from "../errors.ts";
import type { FromWorker, ToWorker, WorkerSetup } from "./protocol.ts";

/** What a worker module does with its tasks. */
export interface TaskHandler {
  /** Never throws: a failure is an outcome. */
  handle(task: unknown): Promise<unknown>;
  /** Called once after the last batch. */
  close(): Promise<void>;
}

/** What the pool offers a worker. */
export interface WorkerContext {
  /** Aborted once the run was told to stop. */
  readonly signal: AbortSignal;
  /** True as soon as the run was told to stop, even where no await has let the signal in. */
  stopped(): boolean;
  /** Tells the main thread about bytes done within a long task. */
  progress(bytes: number): void;
  /** Tells the main thread anything else; plain data. */
  tell(news: unknown): void;
  /** Another thread of this kind, at the other end of the channel: it ends when that closes, and closes it when it dies. */
  callHelper(): MessagePort;
}

/** Progress is told no more often. */
const PROGRESS_MS = 50;

/**
 * Waits for what this thread is to be: a worker, with settings for `open`, and then hands every task of every batch to the
 * handler; or the helper of another worker, which it has a port for.
 */
export function serve(
  open: (settings: unknown, context: WorkerContext) => Promise<TaskHandler>,
  help: (port: MessagePort) => void,
): void {
  const port = parentPort;
  if (port === null) throw new Error("to be run as a worker thread");
  const { stop } = workerData as WorkerSetup;
  const flag = new Int32Array(stop);
  const abort = new AbortController();
  const post = (message: FromWorker) => port.postMessage(message);
  const progress = new Progress((bytes) => post({ type: "progress", bytes }));
  const context: WorkerContext = {
    signal: abort.signal,
    stopped: () => Atomics.load(flag, 0) === 1,
    progress: (bytes) => progress.add(bytes),
    tell: (news) => post({ type: "news", news }),
    callHelper: () => {
      const { port1, port2 } = new MessageChannel();
      port.postMessage({ type: "help", port: port2 } satisfies FromWorker, [port2]);
      return port1;
    },
  };
  const begin = async (settings: unknown) => {
    try {
      const handler = await open(settings, context);
      // A worker that replaces a dead one after the run was told to stop has missed the message.
      if (context.stopped()) abort.abort();
      post({ type: "ready" });
      return handler;
    } catch (error) {
      post({ type: "failed", report: reportOf(error, "internal") });
      port.close();
      return undefined;
    }
  };
  let opening: Promise<TaskHandler | undefined> | undefined;
  const running = new Set<Promise<void>>();
  const start = (handler: TaskHandler, { id, tasks }: ToWorker & { type: "batch" }) => {
    const work = runBatch(handler, tasks).then((outcomes) => {
      running.delete(work);
      progress.flush();
      post({ type: "done", id, outcomes });
    });
    running.add(work);
  };
  const end = (handler: TaskHandler) =>
    Promise.all(running)
      .then(() => handler.close())
      .finally(() => port.close());
  port.on("message", (message: ToWorker) => {
    if (message.type === "settings") opening = begin(message.settings);
    else if (message.type === "stop") abort.abort();
    else if (message.type === "help") {
      message.port.once("close", () => port.close());
      help(message.port);
    } else {
      void opening?.then((handler) => {
        if (handler === undefined) return;
        return message.type === "batch" ? start(handler, message) : end(handler);
      });
    }
  });
}

/** Sums up what was done: a message for each piece of a large file would keep the main thread busy. */
class Progress {
  private readonly tell: (bytes: number) => void;
  private bytes = 0;
  private told = 0;

  constructor(tell: (bytes: number) => void) {
    this.tell = tell;
  }

  add(bytes: number): void {
    this.bytes += bytes;
    if (performance.now() - this.told >= PROGRESS_MS) this.flush();
  }

  flush(): void {
    if (this.bytes === 0) return;
    this.tell(this.bytes);
    this.bytes = 0;
    this.told = performance.now();
  }
}

async function runBatch(handler: TaskHandler, tasks: readonly unknown[]): Promise<unknown[]> {
  const outcomes: unknown[] = [];
  for (const task of tasks) outcomes.push(await handler.handle(task));
  return outcomes;
}
