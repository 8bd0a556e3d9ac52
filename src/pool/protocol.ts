/** What the pool and its workers say to each other. All of it is plain data, but for the ports. */
import type { MessagePort } from "node:worker_threads";
import type { ErrorReport } from "../errors.ts";

/** Given to a worker when it starts. */
export interface WorkerSetup {
  /** One 32-bit flag: 1 once the run was told to stop. Synchronous code between two awaits sees it too. */
  readonly stop: SharedArrayBuffer;
}

export type ToWorker =
  /** The first one. Whatever the worker's module needs; the pool does not look at it. */
  | { readonly type: "settings"; readonly settings: unknown }
  | { readonly type: "batch"; readonly id: number; readonly tasks: readonly unknown[] }
  /** Instead of settings: the first one to a helper, which serves who is at the other end. */
  | { readonly type: "help"; readonly port: MessagePort }
  | { readonly type: "stop" }
  | { readonly type: "end" };

export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "done"; readonly id: number; readonly outcomes: readonly unknown[] }
  | { readonly type: "progress"; readonly bytes: number }
  | { readonly type: "news"; readonly news: unknown }
  /** Asks for a helper at the other end. */
  | { readonly type: "help"; readonly port: MessagePort }
  | { readonly type: "failed"; readonly report: ErrorReport };
