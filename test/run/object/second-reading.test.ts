/** Objects of a bucket that look damaged once. */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { DamagedError, StorageError } from "../../../src/errors.ts";
import { type ReadingContext, withSecondReading } from "../../../src/run/object/second-reading.ts";
import { S3Storage } from "../../../src/storage/s3/s3-storage.ts";
import { whyNoServer } from "../../s3-server/s3-server.ts";
import { useProxiedBucket } from "../proxied-bucket.ts";
import { backup, clean, configOf, restore, treeOf, verify } from "../world.ts";

describe("what is read once more", () => {
  const DAMAGED = new DamagedError("is damaged", { path: "file" });
  /** Reads twice if need be, each time what is told: bytes that went before, and how it ended. */
  const readings = async (kind: "local" | "s3", ends: readonly (Error | string)[], stopped = false) => {
    let told = 0;
    let count = 0;
    const dest = { kind } as Config["dest"];
    const progress = (bytes: number) => {
      told += bytes;
    };
    const context = { config: { dest }, stopped: () => stopped, progress } as unknown as ReadingContext;
    const read = async (reading: ReadingContext) => {
      reading.progress(10);
      const end = ends[count++] as Error | string;
      if (typeof end !== "string") throw end;
      return end;
    };
    const outcome = await withSecondReading(context, read).catch((error) => error);
    return { outcome, count, told };
  };

  it("is of a bucket, and damaged; progress counts it once", async () => {
    expect(await readings("s3", ["whole"])).toEqual({ outcome: "whole", count: 1, told: 10 });
    expect(await readings("s3", [DAMAGED, "whole"])).toEqual({ outcome: "whole", count: 2, told: 10 });
    expect(await readings("s3", [DAMAGED, DAMAGED])).toEqual({ outcome: DAMAGED, count: 2, told: 10 });
  });

  it("is nothing of a folder, nothing that could not be read, and nothing once the run is to stop", async () => {
    const failed = new StorageError("destination", "failed", { path: "file" });
    expect(await readings("local", [DAMAGED, "whole"])).toMatchObject({ outcome: DAMAGED, count: 1 });
    expect(await readings("s3", [failed, "whole"])).toMatchObject({ outcome: failed, count: 1 });
    expect(await readings("s3", [DAMAGED, "whole"], true)).toMatchObject({ outcome: DAMAGED, count: 1 });
  });
});

const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`an object that looks damaged${skip ? ` (${skip})` : ""}`, () => {
  const s3 = useProxiedBucket();
  beforeEach(() => {
    s3.world.write("a", "the settings are checked with this one");
    s3.world.write("small", randomBytes(1000));
    s3.world.write("large", randomBytes(11 * 2 ** 20));
  });

  const configFor = (container: Config["container"]) =>
    configOf(
      { src: s3.world.src, restore: s3.world.restored, dest: s3.dest },
      { container, metadata: container === "segmented" },
    );
  /** From now on one bit of each of these is another when it is read for the first time. */
  const flip = (...names: readonly string[]) => {
    for (const name of names) {
      const when = ({ key }: { key?: string | undefined }) => `/${key}`.includes(`/${name}.`);
      s3.proxy.fail({ operation: "GetObject", when, effect: { kind: "flip" } });
    }
  };

  // Each was told to be damaged, with the advice to remove it.
  it.each(["classic", "segmented"] as const)(
    "is read again: it may have been damaged on the way (%s)",
    async (container) => {
      const config = configFor(container);
      const names = container === "segmented" ? ["small", "large", ".backup-meta"] : ["small", "large"];
      await clean(backup(config));
      flip(...names);
      await clean(verify(config));
      expect(s3.proxy.unmet()).toEqual([]);
      flip(...names);
      await clean(restore(config));
      expect(s3.proxy.unmet()).toEqual([]);
      expect(treeOf(s3.world.restored)).toEqual(treeOf(s3.world.src));
    },
  );

  it("is damaged if it is so again", async () => {
    const config = configFor("segmented");
    await clean(backup(config));
    const storage = new S3Storage(s3.bucket, "destination");
    for await (const objects of storage.list()) {
      for (const { key } of objects.filter((object) => /^(?:small|large)/.test(object.key))) {
        const bytes = await storage.readWhole(key);
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
        await storage.write(key, bytes);
      }
    }
    await storage.close();
    expect((await verify(config)).errors).toEqual({ damaged: 2 });
    expect((await restore(config)).errors).toEqual({ damaged: 2 });
    expect(fs.readdirSync(s3.world.restored)).toEqual(["a"]);
  });
});
