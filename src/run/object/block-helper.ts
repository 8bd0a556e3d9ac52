/** The other side of block-threads.ts: a thread that does jobs of another worker's large files. */
import type { MessagePort } from "node:worker_threads";
import { SegmentedKeyRing } from "../../crypto/segmented-key-ring.ts";
import { reportOf } from "../../errors.ts";
import { release } from "../../memory/release.ts";
import { JobRunner, portableResult, WrittenFiles } from "./block-job.ts";
import type { FromBlockThread, ToBlockThread } from "./block-threads.ts";

/** Does what comes in, one job after the other, until the port closes. */
export function helpWithBlocks(port: MessagePort): void {
  const answer = (message: FromBlockThread, memory: ArrayBuffer[] = []) => port.postMessage(message, memory);
  const files = new WrittenFiles(); // whatever keys come in the midst of them
  let jobs: JobRunner | undefined;
  port.on("message", (message: ToBlockThread) => {
    if (message.type === "keys") {
      jobs = new JobRunner(new SegmentedKeyRing(undefined, message.derived), message.allowUnencrypted, files);
      return;
    }
    const { id, job } = message;
    try {
      if (jobs === undefined) throw new Error("a job came before the keys");
      const [result, memory] = portableResult(jobs.carryOut(job));
      answer({ type: "done", id, result }, memory);
      if (job.do === "seal") release(job.plain);
    } catch (error) {
      answer({ type: "failed", id, report: reportOf(error, "crypto") });
    }
  });
  answer({ type: "ready" });
}
