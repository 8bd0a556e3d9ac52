import { afterEach, expect, it, vi } from "vitest";
import { keepHeapsSmall } from "../../src/memory/heaps.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("what the process takes is asked for again where too many files are open to tell", () => {
  vi.useFakeTimers();
  const asked = vi.spyOn(process.memoryUsage, "rss").mockImplementation(() => {
    throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
  });
  keepHeapsSmall();
  vi.advanceTimersByTime(100);
  expect(asked.mock.calls.length).toBeGreaterThan(1);
});
