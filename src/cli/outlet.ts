/**
 * Standard output or standard error. One that cannot be written (the disk under a log is full, nobody reads the pipe any
 * more) ends nothing by itself: what comes later is dropped, and the failure is kept for whoever wants to know.
 *
 * Files are written here and not by Node's stream, which drops the rest when the system takes only a part.
 */
import { once } from "node:events";
import * as fs from "node:fs";
import type { TextSink } from "./output.ts";

export class Outlet implements TextSink {
  private readonly stream: NodeJS.WriteStream & { fd: number };
  private readonly isStream: boolean;
  private readonly failed: Promise<void>;
  private fail: (error: Error) => void = () => {};
  private firstFailure: Error | undefined;
  private written = Promise.resolve();

  constructor(stream: NodeJS.WriteStream & { fd: number }) {
    this.stream = stream;
    this.isStream = stream.isTTY || isPassedOn(stream.fd);
    this.failed = new Promise((resolve) => {
      this.fail = (error) => {
        this.firstFailure ??= error;
        resolve();
      };
    });
    // Without a listener Node ends the process. It may come more than once.
    stream.on("error", this.fail);
  }

  get isTTY(): boolean {
    return this.stream.isTTY === true;
  }

  get columns(): number {
    return this.stream.columns;
  }

  /** The first failure to write. */
  get failure(): Error | undefined {
    return this.firstFailure;
  }

  write(data: string | Uint8Array): void {
    if (this.firstFailure !== undefined) return;
    if (this.isStream) this.pass(data);
    else this.writeNow(typeof data === "string" ? Buffer.from(data) : data);
  }

  /** Resolves when there is room for more; rejects when the signal comes first, or a failure. */
  async room(signal: AbortSignal): Promise<void> {
    if (this.firstFailure !== undefined) throw this.firstFailure;
    if (this.isStream && this.stream.writableNeedDrain) await once(this.stream, "drain", { signal });
  }

  /** Resolves when all that was written has left, or cannot leave. */
  async flushed(): Promise<void> {
    await Promise.race([this.written, this.failed]);
  }

  /** `then` is called once, when writing fails. */
  onFailure(then: () => void): void {
    void this.failed.then(then);
  }

  private pass(data: string | Uint8Array): void {
    // Callbacks come in the order of the writes: the last one stands for all.
    this.written = new Promise((resolve) => {
      this.stream.write(data, (error) => {
        if (error) this.fail(error);
        resolve();
      });
    });
  }

  private writeNow(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; ) done += fs.writeSync(this.stream.fd, bytes, done);
    } catch (error) {
      this.fail(error as Error);
    }
  }
}

/** Pipes and sockets, which may make a writer wait. */
function isPassedOn(fd: number): boolean {
  const stat = fs.fstatSync(fd);
  return stat.isFIFO() || stat.isSocket();
}
