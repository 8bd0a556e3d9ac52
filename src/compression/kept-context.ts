/**
 * A context of Node's zlib that serves one message after another.
 *
 * Node's one-shot calls make one for each message: an object with a stream around it, its tables, and a look at what the
 * processor can do (`cpuid`, for which a virtual machine is left). That is 25 to 45 µs, more than it takes to compress a file of
 * 1 kB. The stream classes keep theirs, but for what they do at the end of a message: so this asks the binding below them, as
 * minizlib does for npm. Where Node's insides do not look as they are known (22 to 26), there is no context, and who wants one
 * goes the public way.
 */

import type { ZstdCompress, ZstdDecompress } from "node:zlib";

type Stream = ZstdCompress | ZstdDecompress;

interface Binding {
  /** At once, as far as there is input and room; what is left of both comes into the stream's `_writeState`. */
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputBytes: number,
    output: Uint8Array,
    outputAt: number,
    outputBytes: number,
  ): void;
}

/** What a stream of Node's has behind its public face. */
interface Insides {
  readonly _handle?: Partial<Binding> | null;
  readonly _writeState?: unknown;
}

/** What one call has done. */
export interface Progress {
  readonly read: number;
  readonly written: number;
}

export class KeptContext {
  private readonly stream: Stream;
  private readonly binding: Binding;
  /** Room left in the output, input not read. */
  private readonly left: Uint32Array;
  private readonly flush: number;

  /**
   * @param stream a new one, that nobody else uses.
   * @param flush what ends a message.
   * @returns undefined where Node is not as known.
   */
  static of(stream: Stream, flush: number): KeptContext | undefined {
    const { _handle: binding, _writeState: left } = stream as Insides;
    const known =
      typeof binding?.writeSync === "function" && left instanceof Uint32Array && left.length === 2;
    if (known) return new KeptContext(stream, binding as Binding, left, flush);
    stream.destroy();
    return undefined;
  }

  private constructor(stream: Stream, binding: Binding, left: Uint32Array, flush: number) {
    this.stream = stream;
    this.binding = binding;
    this.left = left;
    this.flush = flush;
    stream.on("error", () => {}); // told a tick later, of what `run` has seen
  }

  /**
   * One message, from a buffer into another.
   *
   * @returns undefined where the codec refuses it. Then, and when the message has not been read to its end or may have more to
   *   say than there was room for, the context is of no more use: the next message would be taken for the rest of this one.
   */
  run(input: Uint8Array, output: Uint8Array): Progress | undefined {
    this.binding.writeSync(this.flush, input, 0, input.length, output, 0, output.length);
    if (this.stream.errored !== null) return undefined;
    const [room, unread] = this.left as unknown as [number, number];
    return { read: input.length - unread, written: output.length - room };
  }

  /** Gives its memory back. */
  close(): void {
    this.stream.destroy();
  }
}
