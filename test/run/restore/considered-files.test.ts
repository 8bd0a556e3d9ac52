/** What a restore in place knows of the source before it writes: all of it, or that it does not. */
import * as fs from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConsideredFiles } from "../../../src/run/restore/considered-files.ts";
import { withUnlistable } from "../defects/unreadable.ts";
import { Recorder, World } from "../world.ts";

let world: World;
let considered: ConsideredFiles;
beforeEach(() => {
  world = new World();
  considered = new ConsideredFiles();
});
afterEach(() => {
  considered.close();
  world.dispose();
});

const list = (signal = new AbortController().signal) =>
  considered.list(world.config(), {
    reporter: new Recorder(),
    signal,
    selects: () => true,
  });
const those = (...paths: string[]) => [...considered.of(paths.map((path) => ({ path })))];

describe("files that a run would consider", () => {
  it("are told from others where the whole source can be listed", async () => {
    world.write("a", "a");
    world.write("in/b", "b");
    await list();
    expect(considered.isPartial).toBe(false);
    expect(those("a", "in/b", "in/other", "other")).toEqual([{ path: "a" }, { path: "in/b" }]);
  });

  it("are known in part where a folder cannot be listed", async () => {
    world.write("a", "a");
    world.write("in/b", "b");
    await withUnlistable(world.at("src/in"), () => list());
    expect(considered.isPartial).toBe(true);
    expect(those("a", "in/b")).toEqual([{ path: "a" }]);
  });

  it("are none where there is no source yet, and not known where the look at it is cut off", async () => {
    await expect(list(AbortSignal.abort(new Error("to stop")))).rejects.toThrow("to stop");
    fs.rmdirSync(world.src);
    await list();
    expect(considered.isPartial).toBe(false);
    expect(those("a")).toEqual([]);
  });
});
