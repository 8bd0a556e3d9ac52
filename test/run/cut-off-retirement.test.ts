/** A bucket renames by copying and removing: what a run leaves that was cut off in between, or was not allowed to remove. */
import { describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { whyNoServer } from "../s3-server/s3-server.ts";
import { useProxiedBucket } from "./proxied-bucket.ts";
import { backup, clean, configOf, restore, treeOf } from "./world.ts";

const skip = whyNoServer();
const START = Date.now();
const on = (day: number) => ({ now: () => new Date(START + day * 86_400_000) });

describe.skipIf(skip !== undefined)(`a retirement that was cut off${skip ? ` (${skip})` : ""}`, () => {
  const s3 = useProxiedBucket({ strict: true });
  const configFor = (settings: Partial<Config>) =>
    configOf({ src: s3.world.src, restore: s3.world.restored, dest: s3.dest }, settings);
  const refuseOneRemoval = () =>
    s3.proxy.fail({ operation: "DeleteObject", effect: { kind: "status", status: 403 } });

  /** Backs up two files and removes one. Returns what there was. */
  async function lose(config: Config) {
    s3.world.write("stays", "here");
    s3.world.write("deleted", "the only copy");
    await clean(backup(config));
    const before = treeOf(s3.world.src);
    s3.world.remove("deleted");
    return before;
  }

  async function everything(config: Config) {
    await clean(restore(config, { choice: { deleted: true } }));
    return treeOf(s3.world.restored);
  }

  // The copy went as an old version of a file that is there, and the object as one that has its copy.
  it("costs no deleted file: its copy stays, and the object goes", async () => {
    const config = configFor({ versionsKeepDays: 3 });
    const before = await lose(config);
    refuseOneRemoval();
    expect((await backup(config, on(1))).told.errors).toMatchObject([
      { path: "deleted", code: "AccessDenied" },
    ]);
    expect((await backup(config, on(9))).told.files).toEqual(["deleted deleted"]);
    expect(await clean(backup(config, on(20)))).toEqual({ unchanged: 1 });
    expect(await everything(config)).toEqual(before);
  });

  // One object got the name of the other, which was removed then as what the rules do not keep.
  it("is no reprieve that ends with nothing", async () => {
    const config = configFor({ versionsKeepDays: 1 });
    const before = await lose(config);
    await clean(backup(config, on(1)));
    refuseOneRemoval();
    const wrongRule = { ...config, deletedKeepDays: 1, purgeDelayDays: 30 };
    expect((await backup(wrongRule, on(9))).told.errors).toMatchObject([{ path: "deleted" }]);
    for (const day of [10, 11]) await clean(backup(config, on(day)));
    expect(await everything(config)).toEqual(before);
  });
});
