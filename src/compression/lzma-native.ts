/**
 * The part of lzma-native (liblzma 5.2) that we use, and its types: the native coder underneath its streams, which
 * codes synchronously. That is right in a worker thread, where it spares a stream and a hop to the thread pool.
 */

import { createRequire } from "node:module";

/** `lzma_ret` as an error of the addon. */
export interface LzmaError extends Error {
  readonly code: number;
}

/** Options of the LZMA2 filter, all of them: the addon lets `preset` override every other, `dictSize` too. */
export interface Lzma2Options {
  readonly dictSize: number;
  readonly lc: number;
  readonly lp: number;
  readonly pb: number;
  readonly mode: number;
  readonly mf: number;
  readonly niceLen: number;
  readonly depth: number;
}

interface NativeCoder {
  /**
   * Called once for each buffer of output; with `null` when the coder has ended, in good order or with an error; and
   * with `undefined` to count consumed input.
   */
  bufferHandler: (
    output: Buffer | null | undefined,
    consumed: unknown,
    error: LzmaError | null | undefined,
  ) => void;
  streamEncoder_(filters: { id: string; options: Lzma2Options }[], check: number): void;
  autoDecoder_(memoryLimit: number, flags: number): void;
  setBufsize(bytes: number): void;
  /** Codes all of `input`; `null` ends it. Copies the input; all output goes to `bufferHandler` before it returns. */
  code(input: Uint8Array | null, async: boolean): void;
  /** Frees liblzma's memory, of which the garbage collector knows nothing. */
  resetUnderlying(): void;
}

interface NativeModule {
  readonly Stream: new () => NativeCoder;
  readonly FILTER_LZMA2: string;
  readonly CHECK_CRC64: number;
  readonly CONCATENATED: number;
  readonly MEMLIMIT_ERROR: number;
  readonly MODE_FAST: number;
  readonly MODE_NORMAL: number;
  readonly MF_HC3: number;
  readonly MF_HC4: number;
  readonly MF_BT4: number;
}

let loaded: NativeModule | undefined;

/** The module itself, loaded when it is needed first: it costs a tenth of the start of a thread. */
export function lzma(): NativeModule {
  loaded ??= createRequire(import.meta.url)("lzma-native") as NativeModule;
  return loaded;
}

/** One coder, from start to end, that gives its output as it comes. */
export class Coder {
  readonly #native: NativeCoder;
  #output: Buffer[] = [];
  #error: LzmaError | undefined;
  #ended = false;

  constructor(start: (native: NativeCoder) => void, bufferBytes: number) {
    this.#native = new (lzma().Stream)();
    this.#native.bufferHandler = (output, _consumed, error) => {
      if (error) this.#error = error;
      else if (output === null) this.#ended = true;
      else if (output !== undefined) this.#output.push(output);
    };
    start(this.#native);
    this.#native.setBufsize(bufferBytes);
  }

  /** Whether the end of the data was met in good order. */
  get ended(): boolean {
    return this.#ended && this.#error === undefined;
  }

  /** Codes a piece (`null`: there are no more) and gives what came out. Throws the addon's error. */
  code(piece: Uint8Array | null): Buffer[] {
    this.#native.code(piece, false);
    if (this.#error !== undefined) throw this.#error;
    const output = this.#output;
    this.#output = [];
    return output;
  }

  /** Frees the coder; may be called at any time, and more than once. */
  close(): void {
    this.#native.resetUnderlying();
  }
}
