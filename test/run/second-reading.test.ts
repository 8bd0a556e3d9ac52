/** Objects of a bucket that look damaged once. */
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Config, S3StorageConfig } from "../../src/config/config.ts";
import { S3Storage } from "../../src/storage/s3/s3-storage.ts";
import { FaultProxy } from "../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../s3-server/s3-server.ts";
import { backup, clean, configOf, restore, treeOf, verify, World } from "./world.ts";

const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`an object that looks damaged${skip ? ` (${skip})` : ""}`, () => {
  let proxy: FaultProxy;
  let bucket: S3StorageConfig;
  let world: World;
  beforeAll(async () => {
    proxy = await FaultProxy.start((await s3Server()).endpoint);
  }, 120_000);
  afterAll(() => proxy?.stop());
  beforeEach(async () => {
    bucket = await freshBucket();
    world = new World();
    world.write("a", "the settings are checked with this one");
    world.write("small", randomBytes(1000));
    world.write("large", randomBytes(11 * 2 ** 20));
  });
  afterEach(async () => {
    proxy.reset();
    world.dispose();
    await dropBucket(bucket);
  });

  const configFor = (container: Config["container"]) =>
    configOf(
      { src: world.src, restore: world.restored, dest: { ...bucket, endpointUrl: proxy.url } },
      { container, metadata: container === "segmented" },
    );
  /** From now on one bit of each of these is another when it is read for the first time. */
  const flip = (...names: readonly string[]) => {
    for (const name of names) {
      const when = ({ key }: { key?: string | undefined }) => `/${key}`.includes(`/${name}.`);
      proxy.fail({ operation: "GetObject", when, effect: { kind: "flip" } });
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
      expect(proxy.unmet()).toEqual([]);
      flip(...names);
      await clean(restore(config));
      expect(proxy.unmet()).toEqual([]);
      expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    },
  );

  it("is damaged if it is so again", async () => {
    const config = configFor("segmented");
    await clean(backup(config));
    const storage = new S3Storage(bucket, "destination");
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
    expect(fs.readdirSync(world.restored)).toEqual(["a"]);
  });
});
