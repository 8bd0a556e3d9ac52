import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Publisher } from "../../../src/run/backup/publisher.ts";
import type { PublishResult, StagedObject, Storage } from "../../../src/storage/storage.ts";

/** A storage of which only `publish` is used; each call waits until it is let go. */
class Publishing {
  readonly groups: StagedObject[][] = [];
  private readonly waiting: ((results: PublishResult[] | Error) => void)[] = [];

  publish(staged: readonly StagedObject[]): Promise<PublishResult[]> {
    this.groups.push([...staged]);
    return new Promise((resolve, reject) => {
      this.waiting.push((results) => (results instanceof Error ? reject(results) : resolve(results)));
    });
  }

  async end(results?: PublishResult[] | Error): Promise<void> {
    const group = this.groups[this.groups.length - this.waiting.length] ?? [];
    this.waiting.shift()?.(results ?? group.map((staged) => ({ staged })));
    await settled();
  }
}

const settled = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};
const staged = (key: string, size = 1): StagedObject => ({ key, size, temporary: `/tmp/${key}` });

let storage: Publishing;
let publisher: Publisher;
let outcomes: [string, string | undefined][];
const add = (object: StagedObject) =>
  publisher.add(object, (error) => outcomes.push([object.key, error?.message]));

beforeEach(() => {
  vi.useFakeTimers();
  storage = new Publishing();
  publisher = new Publisher(storage as unknown as Storage);
  outcomes = [];
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("the publisher", () => {
  it("has nothing to flush when nothing came, or only what is in place already", async () => {
    await publisher.flush();
    add({ key: "s3", size: 5 });
    expect(outcomes).toEqual([["s3", undefined]]);
    await publisher.flush();
    expect(storage.groups).toEqual([]);
  });

  it("says of nothing that it is durable before the storage does", async () => {
    add(staged("a"));
    const flushed = vi.fn();
    const flushing = publisher.flush().then(flushed);
    await settled();
    expect(storage.groups.length).toBe(1);
    expect(outcomes).toEqual([]);
    expect(flushed).not.toHaveBeenCalled();
    await storage.end();
    await flushing;
    expect(outcomes).toEqual([["a", undefined]]);
  });

  it("publishes a group when it is old enough", async () => {
    add(staged("a"));
    await vi.advanceTimersByTimeAsync(1500);
    add(staged("b"));
    expect(storage.groups).toEqual([]);
    await vi.advanceTimersByTimeAsync(1600);
    expect(storage.groups.map((group) => group.map(({ key }) => key))).toEqual([["a", "b"]]);
    await storage.end();
    expect(outcomes).toEqual([
      ["a", undefined],
      ["b", undefined],
    ]);
    add(staged("c"));
    await vi.advanceTimersByTimeAsync(2900);
    expect(storage.groups.length).toBe(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(storage.groups[1]?.map(({ key }) => key)).toEqual(["c"]);
    await storage.end();
  });

  it("publishes a group when it has many objects, or many bytes", async () => {
    for (let i = 0; i < 6000; i++) add(staged(String(i)));
    await settled();
    expect(storage.groups.map(({ length }) => length)).toEqual([6000]);
    await storage.end();
    add(staged("large", 2 ** 30));
    await settled();
    expect(storage.groups.length).toBe(2);
    await storage.end();
    expect(outcomes.length).toBe(6001);
    add(staged("small"));
    await settled();
    expect(storage.groups.length).toBe(2);
    const flushing = publisher.flush();
    await settled();
    await storage.end();
    await flushing;
  });

  it("publishes one group after the other, and a group that grew full meanwhile at once", async () => {
    add(staged("first", 2 ** 30));
    await settled();
    add(staged("second", 2 ** 30));
    await settled();
    expect(storage.groups.length).toBe(1);
    await storage.end();
    // No flush, no further object and no timer is needed.
    expect(storage.groups.map((group) => group[0]?.key)).toEqual(["first", "second"]);
    await storage.end();
    expect(outcomes.map(([key]) => key)).toEqual(["first", "second"]);
  });

  it("hands each object its own error", async () => {
    for (const key of ["a", "b", "c"]) add(staged(key));
    const flushing = publisher.flush();
    await settled();
    const group = storage.groups[0] as StagedObject[];
    await storage.end(
      group.map((object) => ({ staged: object, ...(object.key === "b" && { error: new Error("no room") }) })),
    );
    await flushing;
    expect(outcomes).toEqual([
      ["a", undefined],
      ["b", "no room"],
      ["c", undefined],
    ]);
  });

  it("counts as not published what the storage says nothing about", async () => {
    add(staged("a"));
    add(staged("b"));
    const flushing = publisher.flush();
    await settled();
    await storage.end([{ staged: staged("a") }]);
    await flushing;
    expect(outcomes).toEqual([
      ["a", undefined],
      ["b", expect.any(String)],
    ]);
  });

  it("fails the objects of a call that fails as a whole, and goes on", async () => {
    add(staged("a"));
    const flushing = publisher.flush();
    await settled();
    await storage.end(new Error("the disk is gone"));
    await flushing;
    add(staged("b"));
    const again = publisher.flush();
    await settled();
    await storage.end();
    await again;
    expect(outcomes).toEqual([
      ["a", "the disk is gone"],
      ["b", undefined],
    ]);
  });

  it("waits at a flush for what is on its way, though nothing waits", async () => {
    add(staged("a", 2 ** 30));
    await settled();
    const flushed = vi.fn();
    const flushing = publisher.flush().then(flushed);
    await settled();
    expect(flushed).not.toHaveBeenCalled();
    await storage.end();
    await flushing;
    expect(outcomes).toEqual([["a", undefined]]);
  });

  it("waits at a flush for what is on its way, for what waits, and for what comes meanwhile", async () => {
    add(staged("a", 2 ** 30));
    await settled();
    add(staged("b"));
    const flushing = publisher.flush();
    add(staged("c"));
    await storage.end();
    await storage.end();
    await storage.end();
    await flushing;
    expect(outcomes.map(([key]) => key)).toEqual(["a", "b", "c"]);
  });

  it("tells at the flush what went wrong in taking an outcome, after all others have theirs", async () => {
    publisher.add(staged("a"), () => {
      throw new Error("no space for the table");
    });
    add(staged("b"));
    const flushing = expect(publisher.flush()).rejects.toThrow("no space for the table");
    await settled();
    await storage.end();
    await flushing;
    expect(outcomes).toEqual([["b", undefined]]);
  });
});
