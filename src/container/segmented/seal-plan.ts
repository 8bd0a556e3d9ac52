/** From a plan and the file that it was made for to what is appended to the old body. */

import { FileChangedError } from "../../errors.ts";
import type { SealedBlock } from "./block.ts";
import type { ExtentTable } from "./extents.ts";
import type { MatchPlan } from "./match-plan.ts";
import type { DeltaWriter } from "./next-version.ts";

/** What a new version goes on with: a run of old blocks, or a block of new data being sealed. */
type Part =
  | { readonly first: number; readonly count: number }
  | { readonly plain: Buffer; readonly sealed: Promise<SealedBlock> };

export interface SealPlanOptions {
  readonly extents: ExtentTable;
  readonly blockSize: number;
  /** Of the file, for errors. */
  readonly path: string;
  /** Blocks in work at once. */
  readonly parallel: number;
}

/**
 * The new blocks, sealed, in order; `delta` is ready for its `finish` afterwards. A piece of `file` may be used again
 * when the next is asked for.
 *
 * @throws FileChangedError when the file is shorter than the plan. Errors of `file` pass unchanged.
 */
export async function* sealPlan(
  plan: MatchPlan,
  delta: DeltaWriter,
  file: AsyncIterable<Buffer>,
  options: SealPlanOptions,
): AsyncGenerator<Buffer> {
  const waiting: Part[] = [];
  let sealing = 0;
  const ready = () => sealing >= Math.max(1, options.parallel) || (waiting[0] && "count" in waiting[0]);
  async function* next(): AsyncGenerator<Buffer> {
    const part = waiting.shift() as Part;
    if ("count" in part) {
      for (let i = 0; i < part.count; i++) delta.keep(part.first + i);
      return;
    }
    sealing--;
    yield await delta.add(part.plain, await part.sealed);
  }
  for await (const part of partsOf(plan, delta, file, options)) {
    waiting.push(part);
    if (!("count" in part)) sealing++;
    while (ready()) yield* next();
  }
  while (waiting.length > 0) yield* next();
}

async function* partsOf(
  plan: MatchPlan,
  delta: DeltaWriter,
  file: AsyncIterable<Buffer>,
  { extents, blockSize, path }: SealPlanOptions,
): AsyncGenerator<Part> {
  const reader = new PieceReader(file, path);
  try {
    for (const step of plan) {
      if (step.kind === "keep") {
        const { plainStarts } = extents;
        const end = plainStarts[step.first + step.count] as number;
        await reader.take(end - (plainStarts[step.first] as number));
        yield step;
        continue;
      }
      for (let left = step.bytes; left > 0; ) {
        const plain = Buffer.allocUnsafeSlow(Math.min(left, blockSize));
        await reader.take(plain.length, plain);
        left -= plain.length;
        const sealed = Promise.resolve(delta.start(plain));
        sealed.catch(() => {}); // it is awaited in its turn, unless something else fails first
        yield { plain, sealed };
      }
    }
    await reader.drain();
  } finally {
    await reader.close();
  }
}

/** Takes exact numbers of bytes from a stream of pieces. */
class PieceReader {
  readonly #pieces: AsyncIterator<Buffer>;
  readonly #path: string;
  #piece: Buffer = Buffer.alloc(0);

  constructor(pieces: AsyncIterable<Buffer>, path: string) {
    this.#pieces = pieces[Symbol.asyncIterator]();
    this.#path = path;
  }

  /** Passes over `length` bytes, into `out` if there is one. */
  async take(length: number, out?: Buffer): Promise<void> {
    for (let done = 0; done < length; ) {
      if (this.#piece.length === 0 && !(await this.#more())) throw new FileChangedError(this.#path);
      const part = this.#piece.subarray(0, length - done);
      out?.set(part, done);
      done += part.length;
      this.#piece = this.#piece.subarray(part.length);
    }
  }

  /** Reads to the end, so that whoever counts or hashes the pieces has seen them all. */
  async drain(): Promise<void> {
    do this.#piece = Buffer.alloc(0);
    while (await this.#more());
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#pieces.next();
    if (done !== true) this.#piece = value;
    return done !== true;
  }
}
