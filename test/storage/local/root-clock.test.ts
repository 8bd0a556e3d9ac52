import * as fs from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RootClock } from "../../../src/storage/local/root-clock.ts";

const HOUR = 3_600_000;
const LAST_RUN = Date.UTC(2026, 10, 1);
const LOST = Date.UTC(1970, 0, 2);

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(tmpdir(), "root-clock-"));
  fs.utimesSync(root, LAST_RUN / 1000, LAST_RUN / 1000);
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
  fs.rmSync(root, { recursive: true });
});

/** A run of an hour that writes something, which leaves the time that the machine shows. Returns the offset in it. */
function run(time: number): number {
  vi.setSystemTime(time);
  const clock = new RootClock(root);
  clock.meet();
  vi.setSystemTime(time + HOUR);
  fs.utimesSync(root, Date.now() / 1000, Date.now() / 1000);
  clock.meet();
  clock.keep();
  return clock.offset();
}

describe("the clock of a folder", () => {
  it("goes on from when the folder was last written to where the machine has lost the time, run after run", () => {
    expect(run(LOST)).toBe(LAST_RUN - LOST);
    expect(run(LOST)).toBe(LAST_RUN + HOUR - LOST);
    expect(fs.statSync(root).mtimeMs).toBe(LAST_RUN + 2 * HOUR);
  });

  it("is that of the machine where it may be right, whatever the folder shows", () => {
    expect(run(LAST_RUN - 24 * HOUR)).toBe(0);
    expect(fs.statSync(root).mtimeMs).toBe(LAST_RUN - 23 * HOUR);
  });

  it("knows a time that is too early for any run", () => {
    fs.utimesSync(root, 0, 0);
    vi.setSystemTime(LOST);
    const clock = new RootClock(root);
    clock.meet();
    clock.keep();
    expect(new Date(LOST + clock.offset()).getUTCFullYear()).toBe(2025);
    expect(fs.statSync(root).mtimeMs, "nothing was written").toBe(0);
  });
});
