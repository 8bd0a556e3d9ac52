import { Worker } from "node:worker_threads";
import { afterAll, describe, expect, test } from "vitest";
import {
  FileSealer,
  openObject,
  openStream,
  type SealedBlock,
  type SealedRun,
  SOLID_MOST,
} from "../../../src/container/segmented.ts";
import { rangesOf } from "./reading.ts";
import { AUTO, gather, keysOf, META, noise, piecesOf, prose, reading, ring } from "./samples.ts";

const size = SOLID_MOST + 500_000;
const plain = Buffer.concat([prose(6_000_000), Buffer.alloc(1_000_000), noise(size - 7_000_000)]);
const keys = keysOf("aes");

/** A thread that knows no password, only what the ring derived. */
const worker = new Worker(new URL("./block-thread.ts", import.meta.url), { workerData: ring.exportKeys() });
const waiting: ((answer: { result?: unknown; code?: string }) => void)[] = [];
worker.on("message", (answer) => waiting.shift()?.(answer));
afterAll(() => worker.terminate());

function ask<T>(job: unknown): Promise<T> {
  worker.postMessage(job);
  return new Promise((resolve, reject) => {
    waiting.push(({ result, code }) => (code === undefined ? resolve(result as T) : reject(new Error(code))));
  });
}

describe("blocks of a large file in another thread", () => {
  test("are sealed to the same bytes, and opened to the same content", async () => {
    const settings = { keys, compression: AUTO, parallel: 4 };
    const alone = await gather(new FileSealer({ ...META, size }, settings).seal(piecesOf(plain, 1_000_000)));
    const helped = new FileSealer(
      { ...META, size },
      {
        ...settings,
        sealer: (header) => (block) =>
          ask<SealedBlock>({
            kind: "seal",
            header: header.bytes,
            plain: block,
            compression: AUTO,
          }),
      },
    );
    expect((await gather(helped.seal(piecesOf(plain, 1_000_000)))).equals(alone)).toBe(true);
    const ranges = rangesOf(alone, 1_000_000);
    const object = await openObject(alone.length, ranges, undefined, reading);
    const opener = (runs: readonly SealedRun[]) =>
      ask<Uint8Array[]>({ kind: "open", header: object.header.bytes, runs });
    const content = await gather(openStream(object, ranges, { parallel: 3, opener }));
    expect(content.equals(plain)).toBe(true);
    const damaged = Buffer.from(alone);
    damaged[5_000] = (damaged[5_000] as number) ^ 1;
    const reads = gather(openStream(object, rangesOf(damaged, 1_000_000), { parallel: 3, opener }));
    await expect(reads).rejects.toThrow("EBLOCK");

    // Of several that fail at once each is minded: a rejection that nobody handles ends the thread.
    const fail = async () => {
      throw new Error("failed");
    };
    const failing = new FileSealer({ ...META, size }, { ...settings, sealer: () => fail });
    const noRange = async function* () {
      yield await fail();
    };
    for (const work of [
      failing.seal(piecesOf(plain, 1_000_000)),
      openStream(object, ranges, { parallel: 3, opener: fail }),
      openStream(object, noRange, { parallel: 3 }),
    ])
      await expect(gather(work)).rejects.toThrow("failed");
  });
});
