import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { healthOf, readState, runFolder, writeState } from "../../image/state.ts";

const NOW = Date.parse("2026-11-20T12:00:00Z");
const MINUTE = 60_000;
const good = { finished: NOW - 5 * MINUTE, status: 0 };
const bad = { finished: NOW - 9 * MINUTE, status: 3 };

describe("health", () => {
  test("a container without a schedule is healthy", () => {
    expect(healthOf(undefined, NOW)).toEqual({ healthy: true, message: "no schedule here" });
  });

  test("before the first run it is healthy and says when that comes", () => {
    expect(healthOf({ next: NOW + MINUTE, last: {} }, NOW)).toEqual({
      healthy: true,
      message: "no run has finished yet; next due 2026-11-20T12:01:00Z",
    });
  });

  test("a failed job makes it ill, though another job has succeeded since", () => {
    const health = healthOf({ next: NOW + MINUTE, last: { "5": good, "9": bad } }, NOW);
    expect(health.healthy).toBe(false);
    expect(health.message).toMatch(/^line 9 finished 2026-11-20T11:51:00Z with status 3/);
  });

  test("the verdict on the last run stands while the next one goes on", () => {
    const running = { line: 5, since: NOW - 300 * MINUTE };
    expect(healthOf({ next: NOW - 240 * MINUTE, running, last: { "5": bad } }, NOW).healthy).toBe(false);
    expect(healthOf({ next: NOW - 240 * MINUTE, running, last: { "5": good } }, NOW).healthy).toBe(true);
  });

  test("a run that should have begun a quarter of an hour ago makes it ill", () => {
    expect(healthOf({ next: NOW - 15 * MINUTE, last: { "5": good } }, NOW).healthy).toBe(true);
    const late = healthOf({ next: NOW - 15 * MINUTE - 1, last: { "5": good } }, NOW);
    expect(late.healthy).toBe(false);
    expect(late.message).toMatch(/overdue since 2026-11-20T11:44:59Z$/);
  });
});

describe("the state file", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "backup-state-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("is absent at first, then what was written last, its owner's alone, with nothing beside it", () => {
    expect(readState(folder)).toBeUndefined();
    writeState(folder, { next: 1, last: {} });
    const state = { next: 2, running: { line: 3, since: 4 }, last: { "3": { finished: 5, status: 6 } } };
    writeState(folder, state);
    expect(readState(folder)).toEqual(state);
    expect(readdirSync(folder)).toEqual(["state.json"]);
    expect(statSync(join(folder, "state.json")).mode & 0o777).toBe(0o600);
  });

  test("is an error, not an absent one, when it cannot be read", () => {
    writeFileSync(join(folder, "state.json"), "{");
    expect(() => readState(folder)).toThrow();
  });

  test("lies where RUN_DIR says", () => {
    expect([runFolder({}), runFolder({ RUN_DIR: "" }), runFolder({ RUN_DIR: "/x" })]).toEqual([
      "/run/backup",
      "/run/backup",
      "/x",
    ]);
  });
});
