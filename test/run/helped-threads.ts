import { devNull } from "node:os";
import { MessageChannel } from "node:worker_threads";
import type { SegmentedKeyRing } from "../../src/crypto/segmented-key-ring.ts";
import { Threads } from "../../src/pool/threads.ts";
import { BlockThreads, type FromBlockThread } from "../../src/run/object/block-threads.ts";

const SCRIPT = new URL("../../src/run/worker/worker-main.ts", import.meta.url);

/** Block threads as a worker has them, whose helpers have loaded: what is given to them they really do. */
export interface HelpedThreads {
  readonly threads: BlockThreads;
  /** Ends the helpers in the midst of what they do. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

export async function helpedThreads(
  ring: SegmentedKeyRing,
  allowUnencrypted: boolean,
): Promise<HelpedThreads> {
  const helpers = new Threads(SCRIPT);
  const loaded: Promise<void>[] = [];
  const threads = new BlockThreads(ring, allowUnencrypted, () => {
    const { port1, port2 } = new MessageChannel();
    helpers.lend(port2);
    loaded.push(
      new Promise((resolve) =>
        port1.on("message", ({ type }: FromBlockThread) => {
          if (type === "ready") resolve();
        }),
      ),
    );
    return port1;
  });
  await threads.write(devNull, [], 0, false); // nothing to write, but a reason to call them
  await Promise.all(loaded);
  await threads.letGo(devNull);
  const close = async () => {
    threads.close();
    await helpers.close();
  };
  return { threads, kill: () => helpers.close(), close };
}
