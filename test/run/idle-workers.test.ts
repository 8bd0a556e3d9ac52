import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Threads } from "../../src/pool/threads.ts";
import { runPrune } from "../../src/run/history/prune.ts";
import { runList } from "../../src/run/look/list.ts";
import { backup, clean, Recorder, restore, verify, World } from "./world.ts";

let world: World;
/** Threads that began early, and that were given work. */
const early = vi.spyOn(Threads.prototype, "start");
const taken = vi.spyOn(Threads.prototype, "take");
beforeEach(async () => {
  world = new World();
  world.write("a", "content");
});
afterEach(() => world.dispose());

const given = () => ({ reporter: new Recorder(), signal: new AbortController().signal });

describe("worker threads", () => {
  it("begin early in a first backup, a verification and a restore", async () => {
    for (const run of [backup, verify, restore]) {
      early.mockClear();
      taken.mockClear();
      await clean(run(world.config()));
      expect([early.mock.calls.length, taken.mock.calls.length > 0]).toEqual([1, true]);
    }
  });

  // Listing and pruning began two, which loaded their modules for nothing.
  it("are not started by runs that have nothing for them", async () => {
    const config = world.config();
    await clean(backup(config));
    early.mockClear();
    taken.mockClear();
    await clean(backup(config));
    await runList(config, { ...given(), choice: {}, allVersions: false, selects: () => true }, () => {});
    await runPrune(config, { ...given(), dryRun: false });
    expect([early.mock.calls, taken.mock.calls]).toEqual([[], []]);
  });
});
