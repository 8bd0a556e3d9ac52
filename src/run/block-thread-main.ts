/** The module that block threads start with (block-threads.ts). */
import { parentPort } from "node:worker_threads";
import { BlockJobs, type SealedBlock } from "../container/segmented.ts";
import { SegmentedKeyRing } from "../crypto/segmented-key-ring.ts";
import { reportOf } from "../errors.ts";
import { release } from "../memory/release.ts";
import type { BlockJob, FromBlockThread, ToBlockThread } from "./block-threads.ts";

const port = parentPort;
if (port === null) throw new Error("to be run as a worker thread");
let jobs: BlockJobs | undefined;

port.on("message", (message: ToBlockThread) => {
  if (message.type === "keys") {
    const { derived, allowUnencrypted } = message;
    jobs = new BlockJobs({ ring: new SegmentedKeyRing(undefined, derived), allowUnencrypted });
    return;
  }
  const { id, job } = message;
  try {
    const result = carryOut(job);
    port.postMessage({ id, result } satisfies FromBlockThread, transferable(result));
    if (job.do === "seal") release(job.plain);
  } catch (error) {
    port.postMessage({ id, report: reportOf(error, "crypto") } satisfies FromBlockThread);
  }
});

function carryOut(job: BlockJob): SealedBlock | Uint8Array {
  if (jobs === undefined) throw new Error("a job came before the keys");
  if (job.do === "open") return jobs.open(job.header, job.run);
  return jobs.seal(job.header, job.plain, job.compression, job.occurrence);
}

/** Bytes that have their memory to themselves can change hands; others are copied. */
function transferable(result: SealedBlock | Uint8Array): ArrayBuffer[] {
  const bytes = result instanceof Uint8Array ? result : result.body;
  const { buffer, byteLength } = bytes;
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : [];
}
