import { describe, expect, it } from "vitest";
import { parseStoredName } from "../../../src/names/stored-name.ts";
import { type Task, weightBesideServer, weightOf } from "../../../src/run/worker/tasks.ts";

const file = { path: "a", size: 1000, mtime: 1 };
const version = parseStoredName("a.1.rs.1.0.enc"); // 1,000 bytes
if (version === undefined) throw new Error("no stored name");
const store: Task = { do: "store", file, sameSize: [], unfinished: [] };

describe("the weight of a task", () => {
  it("is what is read for it", () => {
    const tasks: Task[] = [store, { do: "verify", version }, { do: "copy", version, to: version, file }];
    expect(tasks.map(weightOf)).toEqual([1000, 1000, 1000]);
  });

  it("is nothing where a server copies: many large files that moved may be in flight", () => {
    const copied: Task[] = [
      { do: "copy", version, to: version, file },
      { ...store, byEtag: true },
      { do: "hash", file, byEtag: true },
    ];
    expect(copied.map(weightBesideServer)).toEqual([0, 0, 0]);
    const others: Task[] = [store, { do: "hash", file }, { do: "restore", version }];
    expect(others.map(weightBesideServer)).toEqual([1000, 1000, 1000]);
  });
});
