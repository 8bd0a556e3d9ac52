/** The worker threads of killed-run.ts. */
import { getEnvironmentData } from "node:worker_threads";
import type { Config } from "../../../src/config/config.ts";
import { startWorker } from "../../../src/run/worker/worker.ts";
import { CallCounter } from "./call-counter.ts";
import { beginCounting, type Job } from "./job.ts";

type WorkersJob = Pick<Job, "command" | "layer"> & Pick<Config, "dest" | "restore">;
const job = getEnvironmentData("backup-test-job") as unknown as WorkersJob;
startWorker(beginCounting(job, job, CallCounter.ofProcess()));
