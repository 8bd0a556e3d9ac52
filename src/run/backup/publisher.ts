/**
 * Publishing staged objects in groups, so that many files share one flush.
 *
 * A group is published when it is large enough or old enough, while the workers go on with the next one. Objects that
 * are already in place (S3) pass straight through.
 */
import { messageOf } from "../../errors.ts";
import type { StagedObject, Storage } from "../../storage/storage.ts";

/**
 * A group costs two processes and two flushes of the file system: some 100 ms, mostly waiting. What is known of an object
 * until it is published takes some 2 KB.
 */
const GROUP_OBJECTS = 6000;
const GROUP_BYTES = 64 * 1024 * 1024;
/** As much work as a kill can cost. */
const GROUP_AGE_MS = 3000;

interface Waiting {
  readonly staged: StagedObject;
  readonly done: (error: Error | undefined) => void;
}

export class Publisher {
  private readonly storage: Storage;
  private readonly clock: (() => number) | undefined;
  private group: Waiting[] = [];
  private groupBytes = 0;
  private timer: NodeJS.Timeout | undefined;
  private work: Promise<void> = Promise.resolve();
  private publishing = 0;
  private failure: unknown;

  /** @param clock says, in milliseconds since 1970, when objects were stored; without it the storage says so. */
  constructor(storage: Storage, clock?: () => number) {
    this.storage = storage;
    this.clock = clock;
  }

  /** Takes one staged object; `done` is called once it is durable under its key, or could not be made so. */
  add(staged: StagedObject, done: (error: Error | undefined) => void): void {
    if (staged.temporary === undefined) {
      done(undefined);
      return;
    }
    this.group.push({ staged, done });
    this.groupBytes += staged.size;
    if (this.isFull()) {
      // While a group is on its way the next one grows on: `publish` looks at it when it has ended.
      if (this.publishing === 0) this.publishGroup();
    } else {
      this.timer ??= setTimeout(() => this.publishGroup(), GROUP_AGE_MS);
    }
  }

  /** Publishes all that was taken so far. Throws what a `done` threw. */
  async flush(): Promise<void> {
    while (this.group.length > 0 || this.publishing > 0) {
      this.publishGroup();
      await this.work;
    }
    if (this.failure !== undefined) throw this.failure;
  }

  private isFull(): boolean {
    return this.group.length >= GROUP_OBJECTS || this.groupBytes >= GROUP_BYTES;
  }

  private publishGroup(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.group.length === 0) return;
    const group = this.group;
    this.group = [];
    this.groupBytes = 0;
    this.publishing++;
    this.work = this.work.then(() => this.publish(group));
  }

  private async publish(group: readonly Waiting[]): Promise<void> {
    const errors = await this.errorsOf(group);
    this.publishing--;
    group.forEach(({ done }, i) => {
      try {
        done(errors[i]);
      } catch (error) {
        this.failure ??= error;
      }
    });
    if (this.publishing === 0 && this.isFull()) this.publishGroup();
  }

  /** What went wrong with each object. A call that fails as a whole, or forgets an object, published nothing. */
  private async errorsOf(group: readonly Waiting[]): Promise<(Error | undefined)[]> {
    try {
      const results = await this.storage.publish(
        group.map(({ staged }) => staged),
        this.clock?.(),
      );
      return group.map((_, i) => {
        const result = results[i];
        return result === undefined ? new Error("was not published") : result.error;
      });
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(messageOf(thrown));
      return group.map(() => error);
    }
  }
}
