/** The module that block threads start with (block-threads.ts). */
import { type MessagePort, workerData } from "node:worker_threads";
import { SegmentedKeyRing } from "../crypto/segmented-key-ring.ts";
import { reportOf } from "../errors.ts";
import { release } from "../memory/release.ts";
import { type BlockResult, JobRunner } from "./block-job.ts";
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
    const result = jobs.carryOut(job);
    port.postMessage({ id, result } satisfies FromBlockThread, transferable(result));
    if (job.do === "seal") release(job.plain);
  } catch (error) {
    port.postMessage({ id, report: reportOf(error, "crypto") } satisfies FromBlockThread);
  }
});

/** Bytes that have their memory to themselves can change hands; others are copied. */
function transferable(result: BlockResult): ArrayBuffer[] {
  if (result === undefined) return [];
  const bytes = result instanceof Uint8Array ? result : result.body;
  const { buffer, byteLength } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
