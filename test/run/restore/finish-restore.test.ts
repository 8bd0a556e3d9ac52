/** The end of a restore by itself: what it counts, and when. */
import * as fs from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Selection } from "../../../src/plan/selection.ts";
import { type Restored, RestoreFinish } from "../../../src/run/restore/finish-restore.ts";
import { RestoredMetadata } from "../../../src/run/restore/restored-metadata.ts";
import { Tally } from "../../../src/run/tally.ts";
import type { RestoreTarget } from "../../../src/run/target/restore-target.ts";
import { failing, withFs } from "../../with-fs.ts";
import { Recorder, World } from "../world.ts";

let world: World;
let metadata: RestoredMetadata;
beforeEach(() => {
  world = new World();
  metadata = new RestoredMetadata(new Selection([]));
  fs.mkdirSync(world.restored, { mode: 0o755 });
});
afterEach(() => {
  metadata.close();
  world.dispose();
});

/** Ends the restore of these files; `happened` is what did, in order. */
async function finish(made: readonly string[], more: Partial<Restored> = {}, flush = async () => {}) {
  const reporter = new Recorder();
  const tally = new Tally(reporter);
  const happened: string[] = [];
  const target = {
    flush: () => {
      happened.push("flush");
      return flush();
    },
  } as RestoreTarget;
  const options = {
    reporter,
    signal: new AbortController().signal,
    beforeFolders: async () => {
      happened.push(tally.failed ? "a failure is known" : "all is well");
    },
  };
  const config = world.config({ container: "segmented", metadata: true });
  const restored: Restored = {
    metadata,
    files: made.length,
    present: made.length,
    made,
    current: [],
    hasOld: false,
    unapplied: false,
    ...more,
  };
  await new RestoreFinish(config, target, options, tally).run(restored, () => happened.push("reopen"));
  return { happened, errors: reporter.errors };
}

it("what is too much is looked for when all else is durable, and the target opened behind that", async () => {
  fs.writeFileSync(`${world.restored}/made`, "", { mode: 0o600 });
  expect(await finish(["made"])).toEqual({ happened: ["flush", "all is well", "reopen"], errors: [] });
  expect(fs.statSync(`${world.restored}/made`).mode & 0o777).toBe(0o666 & ~process.umask());
});

it("a file that does not get its mode is a failure before anything is removed for being too much", async () => {
  const { happened, errors } = await finish(["gone"]);
  expect(errors).toEqual([expect.objectContaining({ side: "restore", path: "gone", code: "ENOENT" })]);
  expect(happened).toEqual(["flush", "a failure is known", "reopen"]);
});

it("so it is where none can get theirs", async () => {
  const { happened, errors } = await withFs({ openSync: failing("EROFS") }, () => finish(["made"]));
  expect(errors).toEqual([expect.objectContaining({ path: world.restored, code: "EROFS" })]);
  expect(happened).toEqual(["flush", "a failure is known", "reopen"]);
});

it("so is a disk that did not take what was restored, and a manifest that is lost", async () => {
  const unflushed = await finish([], {}, failing("EIO"));
  expect(unflushed).toMatchObject({
    errors: [{ code: "EIO" }],
    happened: ["flush", "a failure is known", "reopen"],
  });
  const lost = ["", "in"];
  const { happened, errors } = await finish([], { metadata: Object.assign(metadata, { lost: () => lost }) });
  expect(errors.map(({ path, code }) => [path, code])).toEqual([
    [world.restored, "ENOMANIFEST"],
    ["in", "ENOMANIFEST"],
  ]);
  expect(happened[1]).toBe("a failure is known");
});
