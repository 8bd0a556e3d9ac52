/**
 * The pool as runs use it: how many threads, and how their work is cut.
 */
import { availableParallelism } from "node:os";
import type { Config } from "../../config/config.ts";
import { InFlight } from "../../pool/in-flight.ts";
import { Pool } from "../../pool/pool.ts";
import type { Threads } from "../../pool/threads.ts";
import type { RunOptions } from "../run-options.ts";
import { filesInFlight, involvesBuckets, memoryOf } from "./files-in-flight.ts";
import { OutOfReach } from "./out-of-reach.ts";
import { type Outcome, type Task, weightBesideServer, weightOf } from "./tasks.ts";
import type { WorkerNews, WorkerSettings } from "./worker.ts";

export type Workers = Pool<Task, Outcome>;

/** Small local files travel a hundred to a message. */
const LOCAL_BATCH = 100;

/** Those that start before it is known what there is to do, as workers or their helpers; more do when there is work for them. */
const EARLY = 2;

/** Starts loading what workers need. For runs that are certain to have work for them. */
export function startEarly(config: Config, mode: WorkerSettings["mode"], threads: Threads): void {
  threads.start(Math.min(EARLY, workersFor(config, mode)));
}

/**
 * The worker threads of a run: as many as there are cores, or fewer if fewer files are to be in flight.
 *
 * Where only local folders are involved a worker does one file after another, synchronously, and a second batch waits
 * beside the first so that it is never idle. Where a bucket is involved, waiting is most of the work: the files in
 * flight, which may be many more than there are workers, are shared out among them, one to a message.
 */
export function poolFor(
  settings: WorkerSettings,
  threads: Threads,
  options: Required<RunOptions>,
  onProgress: (bytes: number) => void,
): Workers {
  const { config, mode } = settings;
  const { calls } = options;
  const remote = involvesBuckets(config, mode);
  const inFlight = remote ? new InFlight(filesInFlight(config, mode), memoryOf(mode)) : undefined;
  const outOfReach = new OutOfReach();
  calls.onThrottled(() => inFlight?.throttled(performance.now()));
  return new Pool<Task, Outcome>({
    threads,
    settings,
    workers: workersFor(config, mode),
    ...(inFlight === undefined
      ? { batchesPerWorker: 2, batchTasks: LOCAL_BATCH }
      : { batchesPerWorker: inFlight.bounds.most, batchTasks: 1, inFlight }),
    weigh: remote ? weightBesideServer : weightOf,
    lost: (_task, report) => ({ kind: "failed", report }),
    stopped: { kind: "stopped" },
    onProgress,
    judge: (outcome) => outOfReach.judge(outcome, performance.now()),
    onNews: (news) => {
      const { slow, throttled, counted } = news as WorkerNews;
      if (slow !== undefined) calls.tellSlow(slow);
      if (throttled) calls.tellThrottled();
      if (counted !== undefined) calls.merge(counted);
    },
  });
}

function workersFor(config: Config, mode: WorkerSettings["mode"]): number {
  return Math.max(1, Math.min(filesInFlight(config, mode).first, availableParallelism()));
}
