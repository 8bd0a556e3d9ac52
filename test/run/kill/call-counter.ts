/**
 * Counts calls across all threads of a process, and ends the process at the one that it was told.
 */
import { getEnvironmentData, setEnvironmentData } from "node:worker_threads";

const KEY = "backup-test-call-counter";

/** `amid`: after a write has done half of its bytes; before calls that are not cut in two. */
export type Moment = "before" | "amid" | "after";

interface Shared {
  readonly count: SharedArrayBuffer;
  /** The call to die at, from 1; 0: never. */
  readonly at: number;
  readonly moment: Moment;
}

export class CallCounter {
  private readonly count: Int32Array;
  private readonly at: number;
  private readonly moment: Moment;

  private constructor({ count, at, moment }: Shared) {
    this.count = new Int32Array(count);
    this.at = at;
    this.moment = moment;
  }

  /** In the main thread, before any worker starts. */
  static start(at: number, moment: Moment): CallCounter {
    const shared: Shared = { count: new SharedArrayBuffer(4), at, moment };
    setEnvironmentData(KEY, shared as never);
    return new CallCounter(shared);
  }

  /** In a worker thread of the same process. */
  static ofProcess(): CallCounter {
    return new CallCounter(getEnvironmentData(KEY) as never);
  }

  get calls(): number {
    return Atomics.load(this.count, 0);
  }

  /** Counts a synchronous call; `half` does half of it. */
  sync<T>(call: () => T, half?: () => void): T {
    const dies = this.next();
    if (dies === "amid") half?.();
    if (dies === "amid" || dies === "before") die();
    try {
      return call();
    } finally {
      if (dies === "after") die();
    }
  }

  async async<T>(call: () => Promise<T>): Promise<T> {
    const dies = this.next();
    if (dies === "amid" || dies === "before") die();
    try {
      return await call();
    } finally {
      if (dies === "after") die();
    }
  }

  /** Counts the whole of an iteration as one call, from its first step to its end. */
  async *iteration<T>(iterate: () => AsyncIterable<T>): AsyncGenerator<T> {
    const dies = this.next();
    if (dies === "amid" || dies === "before") die();
    try {
      yield* iterate();
    } finally {
      if (dies === "after") die();
    }
  }

  private next(): Moment | undefined {
    return Atomics.add(this.count, 0, 1) + 1 === this.at ? this.moment : undefined;
  }
}

/** The kernel ends all threads before the call returns. */
function die(): never {
  process.kill(process.pid, "SIGKILL");
  throw new Error("still alive");
}
