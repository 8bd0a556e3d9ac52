import { setTimeout } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { InFlight } from "../../src/pool/in-flight.ts";
import { Pool, type PoolOptions } from "../../src/pool/pool.ts";
import { Threads } from "../../src/pool/threads.ts";

vi.setConfig({ testTimeout: 30_000 });

const SCRIPT = new URL("./fixtures/odd-worker.ts", import.meta.url);
const BROKEN = new URL("./fixtures/broken-worker.ts", import.meta.url);
let pool: Pool<string, unknown>;
let counters: Int32Array;

function open(settings: { failToOpen?: boolean } = {}, options: Partial<PoolOptions<string, unknown>> = {}) {
  const shared = new SharedArrayBuffer(16);
  counters = new Int32Array(shared);
  pool = new Pool<string, unknown>({
    threads: new Threads(SCRIPT),
    settings: { ...settings, counters: shared },
    workers: 2,
    batchesPerWorker: 2,
    batchTasks: 10,
    weigh: () => 1,
    lost: (task, { message, code }) => `lost ${task}: ${code} ${message}`,
    stopped: "stopped",
    ...options,
  });
  return pool;
}

afterEach(async () => {
  await pool.close();
});

describe("a pool", () => {
  it("gives every task its outcome exactly once, as many as there are", async () => {
    open();
    const outcomes = new Map<number, unknown[]>();
    for (let i = 0; i < 5000; i++) {
      await pool.submit(String(i), (outcome) => outcomes.set(i, [...(outcomes.get(i) ?? []), outcome]));
    }
    await pool.drain();
    expect(outcomes.size).toBe(5000);
    for (const [i, got] of outcomes) expect(got).toEqual([`did ${i}`]);
    expect(counters[0]).toBe(5000);
  });

  it("with one worker does tasks in the order in which they came", async () => {
    open({}, { workers: 1 });
    const order: unknown[] = [];
    for (let i = 0; i < 300; i++) await pool.submit(String(i), (outcome) => order.push(outcome));
    await pool.drain();
    expect(order).toEqual(Array.from({ length: 300 }, (_, i) => `did ${i}`));
  });

  it("lets nobody run far ahead of its workers", async () => {
    open({}, { workers: 1, batchesPerWorker: 1, batchTasks: 1 });
    let submitted = 0;
    let done = 0;
    let ahead = 0;
    for (; submitted < 6000; submitted++) {
      await pool.submit("x", () => done++);
      ahead = Math.max(ahead, submitted - done);
    }
    await pool.drain();
    expect(done).toBe(6000);
    expect(ahead).toBeLessThan(2100);
  });

  it("cuts batches by weight: a heavy task travels alone", async () => {
    const weigh = (task: string) => (task === "exit" ? 1e9 : 1);
    open({}, { workers: 1, batchesPerWorker: 1, batchTasks: 100, weigh });
    const outcomes = await Promise.all(
      ["exit", ...Array<string>(40).fill("x")].map((task) => pool.ask(task)),
    );
    expect(outcomes.filter((outcome) => String(outcome).startsWith("lost")).length).toBe(1);
  });

  it("drains at once when there is nothing to do, and starts no worker for it", async () => {
    open({}, { threads: new Threads(BROKEN) });
    await pool.drain();
    await pool.close();
  });

  it("passes progress on", async () => {
    const bytes: number[] = [];
    open({}, { onProgress: (count) => bytes.push(count) });
    expect(await pool.ask("progress")).toBe("progressed");
    expect(bytes).toEqual([7, 5]);
  });

  it("sums up progress that comes often, and loses none of it", async () => {
    const bytes: number[] = [];
    open({}, { onProgress: (count) => bytes.push(count) });
    await pool.ask("much progress");
    expect(bytes.reduce((sum, count) => sum + count, 0)).toBe(10_000);
    expect(bytes.length).toBeLessThan(100);
  });
});

describe("a worker that dies", () => {
  it.each([
    ["exit", /ended without a word/],
    ["uncaught", /nobody caught this/],
    ["throw null", /null/],
    ["throw", /a handler that throws/],
    ["no clone", /clone/i],
  ])("of %s fails what it held, and is replaced", async (task, cause) => {
    open({}, { batchesPerWorker: 1 });
    const outcome = await pool.ask(task);
    expect(outcome).toMatch(/^lost .*EWORKER/);
    expect(outcome).toMatch(cause);
    expect(await Promise.all(["a", "b", "c"].map((each) => pool.ask(each)))).toEqual([
      "did a",
      "did b",
      "did c",
    ]);
  });

  it("again and again holds nobody up, and fails no task of another worker", async () => {
    open({}, { batchesPerWorker: 1, batchTasks: 1 });
    const outcomes: unknown[] = [];
    for (let i = 0; i < 20; i++)
      await pool.submit(i % 10 === 0 ? "exit" : `t${i}`, (outcome) => outcomes.push(outcome));
    await pool.drain();
    expect(outcomes.length).toBe(20);
    expect(outcomes.filter((outcome) => String(outcome).startsWith("lost exit")).length).toBe(2);
    expect(outcomes.filter((outcome) => String(outcome).startsWith("did")).length).toBe(18);
  });

  it("takes only the tasks of its own batches with it", async () => {
    open({}, { workers: 1, batchesPerWorker: 1, batchTasks: 3 });
    const outcomes = await Promise.all(
      ["first", "a", "exit", "b", "c", "d", "e", "f", "g"].map((task) => pool.ask(task)),
    );
    const lost = outcomes.filter((outcome) => String(outcome).startsWith("lost"));
    expect(lost.length).toBeGreaterThanOrEqual(1);
    expect(lost.length).toBeLessThanOrEqual(3);
    expect(outcomes.length - lost.length).toBe(
      outcomes.filter((outcome) => String(outcome).startsWith("did")).length,
    );
  });
});

describe("threads that begin early", () => {
  it("wait for their settings, and do what others do", async () => {
    const threads = new Threads(SCRIPT);
    threads.start(2);
    await setTimeout(300); // they are loaded by now, and it is no matter if not
    open({}, { threads });
    const tasks = Array.from({ length: 100 }, (_, i) => String(i));
    const outcomes = await Promise.all(tasks.map((task) => pool.ask(task)));
    expect(outcomes).toEqual(tasks.map((task) => `did ${task}`));
  });

  it("end with a pool that did not need them, without having begun any work", async () => {
    const threads = new Threads(SCRIPT);
    threads.start(2);
    open({}, { threads, workers: 1 });
    expect(await pool.ask("x")).toBe("did x");
    await pool.close();
    expect([...counters.slice(0, 2)]).toEqual([1, 1]);
  });

  it("are replaced when they died while they waited", async () => {
    const threads = new Threads(BROKEN);
    threads.start(2);
    await setTimeout(1000);
    open({}, { threads });
    await expect(pool.ask("x")).rejects.toThrow(/cannot even be loaded/);
  });
});

describe("the number of workers", () => {
  const HEAVY = 16 * 1024 * 1024;
  const weigh = (task: string) => (task === "heavy" ? HEAVY : 1000);

  it.each([
    ["one for a batch of small tasks, and for a heavy one behind it", ["a", "b", "heavy"], 1],
    ["two for two heavy ones", ["heavy", "heavy"], 2],
    ["two for two batches of small tasks", Array.from({ length: 20 }, String), 2],
    ["three at most", Array.from({ length: 200 }, String), 3],
  ])("is %s", async (_, tasks, expected) => {
    const threads = new Threads(SCRIPT);
    const taken = vi.spyOn(threads, "take");
    open({}, { threads, workers: 3, weigh });
    const outcomes = await Promise.all(tasks.map((task) => pool.ask(task)));
    expect(outcomes).toEqual(tasks.map((task) => `did ${task}`));
    expect(taken.mock.calls.length).toBe(expected);
  });

  // The one that was ready first got both, and did them one behind the other.
  it("shares heavy tasks with a worker that is still starting", async () => {
    open({}, { weigh: () => HEAVY });
    const ids = await Promise.all([pool.ask("thread"), pool.ask("thread")]);
    expect(new Set(ids).size).toBe(2);
  });
});

describe("a pool that is told how many tasks may be in flight", () => {
  const openWith = (inFlight: InFlight) =>
    open({}, { inFlight, batchesPerWorker: inFlight.bounds.most, batchTasks: 1 });
  const sideBySide = async (count: number) => {
    Atomics.store(counters, 3, 0);
    for (let i = 0; i < count; i++) await pool.submit("side by side", () => {});
    await pool.drain();
    return Atomics.load(counters, 3);
  };

  it("has that many in all its workers together, and no more", async () => {
    openWith(new InFlight({ first: 3, most: 3 }));
    expect(await sideBySide(100)).toBe(3);
  });

  it("follows when the number falls", async () => {
    const inFlight = new InFlight({ first: 6, most: 6 });
    openWith(inFlight);
    expect(await sideBySide(50)).toBe(6);
    inFlight.throttled(performance.now());
    expect(await sideBySide(50)).toBeLessThanOrEqual(3);
  });

  it("lets a task into the place of one whose worker died", async () => {
    openWith(new InFlight({ first: 1, most: 1 }));
    expect(await pool.ask("exit")).toMatch(/^lost exit/);
    expect(await pool.ask("x")).toBe("did x");
  });
});

describe("a helper", () => {
  it("is another thread, which answers the worker that called it", async () => {
    open({}, { workers: 1 });
    expect(await pool.ask("call helper")).toBe("answer to question");
    expect(await pool.ask("call helper")).toBe("answer to question");
  });

  it("is one of those that wait, where there is one", async () => {
    const threads = new Threads(SCRIPT);
    threads.start(2);
    open({}, { threads, workers: 1 });
    const started = vi.spyOn(threads as unknown as { begin(): unknown }, "begin");
    expect(await pool.ask("call helper")).toBe("answer to question");
    expect(started).not.toHaveBeenCalled();
  });

  it("closes the channel when it dies, or cannot even be loaded, and the run goes on", async () => {
    open({}, { workers: 1 });
    expect(await pool.ask("call helper that dies")).toBe("closed");
    expect(await pool.ask("x")).toBe("did x");
    const { port1, port2 } = new MessageChannel();
    const closed = new Promise((resolve) => port1.once("close", resolve));
    const broken = new Threads(BROKEN);
    broken.lend(port2);
    await closed;
    await broken.close();
  });

  it("ends with the pool, not before its workers", async () => {
    open({}, { workers: 1 });
    const answer = pool.ask("call helper, slowly");
    await vi.waitFor(() => expect(counters[0]).toBe(1));
    await pool.close();
    expect(await answer).toBe("answer to question");
    expect(counters[1]).toBe(1);
  });
});

describe("a pool that cannot work", () => {
  it.each([
    ["opens nothing", SCRIPT, 0, /no such bucket/],
    ["opens nothing, begun early", SCRIPT, 2, /no such bucket/],
    ["cannot be loaded", BROKEN, 0, /cannot even be loaded/],
    ["cannot be loaded, begun early", BROKEN, 2, /cannot even be loaded/],
  ])("says why to whoever asks, submits or drains: a worker that %s", async (_, script, early, why) => {
    const threads = new Threads(script);
    threads.start(early);
    open({ failToOpen: true }, { threads });
    await expect(pool.ask("x")).rejects.toThrow(why);
    await expect(pool.submit("x", () => {})).rejects.toThrow(why);
    await expect(pool.drain()).rejects.toThrow(why);
    expect(pool.hasRoom).toBe(false);
  });

  it("lets nobody wait for room for ever", async () => {
    open({ failToOpen: true });
    const filling = async () => {
      for (let i = 0; i < 100_000; i++) await pool.submit("x", () => {});
    };
    await expect(filling()).rejects.toThrow(/no such bucket/);
    await expect(Promise.all(Array.from({ length: 3000 }, () => pool.submit("x", () => {})))).rejects.toThrow(
      /no such bucket/,
    );
  });

  it("tells of an outcome that could not be taken, once, and crashes nothing", async () => {
    open();
    await pool.submit("x", () => {
      throw new Error("no space for the table");
    });
    await expect(pool.drain()).rejects.toThrow("no space for the table");
  });
});

describe("a pool that gives up", () => {
  it("answers what is queued, and says why to whoever submits, asks or waits", async () => {
    const judge = (outcome: unknown) => (outcome === "did 7" ? new Error("seven") : undefined);
    open({}, { workers: 1, judge });
    const outcomes: unknown[] = [];
    const submitted = Array.from({ length: 500 }, (_, i) =>
      pool.submit(String(i), (outcome) => outcomes.push(outcome)).catch((error: Error) => error.message),
    );
    await expect(pool.drain()).rejects.toThrow("seven");
    await Promise.all(submitted);
    await expect(pool.submit("x", () => {})).rejects.toThrow("seven");
    await expect(pool.ask("x")).rejects.toThrow("seven");
    await pool.close();
    expect(outcomes).toHaveLength(500);
    expect(outcomes).toContain("stopped");
  });
});

describe("a pool that is stopped", () => {
  it("answers what waits, tells its workers, and drains", async () => {
    open({}, { workers: 1, batchesPerWorker: 1, batchTasks: 1 });
    const running = pool.ask("wait for stop");
    await vi.waitFor(() => expect(counters[0]).toBe(1));
    const outcomes: unknown[] = [];
    for (let i = 0; i < 100; i++) await pool.submit("x", (outcome) => outcomes.push(outcome));
    pool.stop();
    expect(outcomes).toEqual(Array.from({ length: 100 }, () => "stopped"));
    await pool.drain();
    expect(await running).toBe("saw the stop");
    pool.stop();
    await pool.drain();
  });

  it("tells a worker that starts afterwards, too", async () => {
    open();
    pool.stop();
    expect(await pool.ask("is aborted")).toBe(true);
    await pool.ask("exit");
    expect(await pool.ask("is aborted")).toBe(true);
  });
});

describe("closing a pool", () => {
  it("waits for what workers were handed, and until each has closed what it holds", async () => {
    open({}, { workers: 1, batchesPerWorker: 2, batchTasks: 1 });
    const outcomes: unknown[] = [];
    for (let i = 0; i < 5; i++) void pool.submit("slow", (outcome) => outcomes.push(outcome));
    await vi.waitFor(() => expect(counters[0]).toBeGreaterThanOrEqual(1));
    await pool.close();
    expect(outcomes.filter((outcome) => outcome === "slow done").length).toBeGreaterThanOrEqual(1);
    expect(outcomes.every((outcome) => outcome === "slow done" || outcome === "stopped")).toBe(true);
    expect(outcomes.length).toBe(5);
    expect(counters[1]).toBe(1);
    await pool.close();
  });

  it("while workers are starting ends them, too, and answers who waits", async () => {
    open();
    const waiting = pool.ask("x");
    await pool.close();
    expect(await waiting).toBe("stopped");
    expect(counters[1]).toBe(1);
  });
});
