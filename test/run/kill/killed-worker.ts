/** The worker threads of killed-run.ts. */
import { getEnvironmentData, workerData } from "node:worker_threads";
import type { WorkerSetup } from "../../../src/pool/protocol.ts";
import { startWorker, type WorkerSettings } from "../../../src/run/worker.ts";
import { CallCounter } from "./call-counter.ts";
import { beginCounting, type Job } from "./job.ts";

const { config } = (workerData as WorkerSetup).settings as WorkerSettings;
const job = getEnvironmentData("backup-test-job") as unknown as Pick<Job, "command" | "layer">;
await startWorker(beginCounting(job, config, CallCounter.ofProcess()));
