/** The module that block threads start with (block-threads.ts). */
import { type MessagePort, workerData } from "node:worker_threads";
import { SegmentedKeyRing } from "../crypto/segmented-key-ring.ts";
import { reportOf } from "../errors.ts";
import { release } from "../memory/release.ts";
import { JobRunner, portableResult } from "./block-job.ts";
import type { FromBlockThread, ToBlockThread } from "./block-threads.ts";

const port = workerData as MessagePort;
let jobs: JobRunner | undefined;

port.on("message", (message: ToBlockThread) => {
  if (message.type === "keys") {
    jobs = new JobRunner(new SegmentedKeyRing(undefined, message.derived), message.allowUnencrypted);
    return;
  }
  const { id, job } = message;
  try {
    if (jobs === undefined) throw new Error("a job came before the keys");
    const [result, transfer] = portableResult(jobs.carryOut(job));
    port.postMessage({ id, result } satisfies FromBlockThread, transfer);
    if (job.do === "seal") release(job.plain);
  } catch (error) {
    port.postMessage({ id, report: reportOf(error, "crypto") } satisfies FromBlockThread);
  }
});
