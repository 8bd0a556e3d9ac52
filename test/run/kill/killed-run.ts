/**
 * One backup, or restore, in a process of its own, which kills itself at a given call.
 * The job comes as JSON from standard input; the number of calls goes to standard output when the run completes.
 */
import { readFileSync } from "node:fs";
import { setEnvironmentData } from "node:worker_threads";
import { runBackup } from "../../../src/run/backup/backup.ts";
import { runRestore } from "../../../src/run/restore/restore.ts";
import { CallCounter } from "./call-counter.ts";
import { beginCounting, type Job } from "./job.ts";

const job = JSON.parse(readFileSync(0, "utf8")) as Job;
const config = { ...job.config, salt: new Uint8Array(job.config.salt), ignore: [] };
const { command, layer } = job;
const { dest, restore } = config;
setEnvironmentData("backup-test-job", { command, layer, dest, restore } as never);
const counter = CallCounter.start(job.at, job.moment);
const openStorage = beginCounting(job, config, counter);
const failures: string[] = [];
const run = command === "backup" ? runBackup : runRestore;
await run(config, {
  reporter: {
    info: () => {},
    file: () => {},
    warning: () => {},
    error: ({ message, path }) => failures.push(`${path}: ${message}`),
    progress: () => {},
  },
  signal: new AbortController().signal,
  now: () => new Date(job.now),
  openStorage,
  workerScript: new URL("./killed-worker.js", import.meta.url), // as built (built.ts)
});
if (failures.length > 0) throw new Error(failures.join("\n"));
process.stdout.write(String(counter.calls));
