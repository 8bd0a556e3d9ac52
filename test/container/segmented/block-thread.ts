/** The worker thread of `block-jobs.test.ts`. */

import { parentPort, workerData } from "node:worker_threads";
import { BlockJobs } from "../../../src/container/segmented.ts";
import { SegmentedKeyRing } from "../../../src/crypto/segmented-key-ring.ts";
import { errorCode } from "../../../src/errors.ts";

const jobs = new BlockJobs({ ring: new SegmentedKeyRing(undefined, workerData), allowUnencrypted: false });

parentPort?.on("message", (job) => {
  try {
    const { header, plain, compression, runs } = job;
    const result = job.kind === "seal" ? jobs.seal(header, plain, compression) : jobs.open(header, runs);
    parentPort?.postMessage({ result });
  } catch (error) {
    parentPort?.postMessage({ code: errorCode(error) ?? String(error) });
  }
});
