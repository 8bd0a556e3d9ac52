/** A bucket of the real server for each test of a suite, behind a proxy that can break what passes, and a world beside it. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import type { S3StorageConfig } from "../../src/config/config.ts";
import { FaultProxy } from "../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server } from "../s3-server/s3-server.ts";
import { World } from "./world.ts";

export interface ProxiedBucket {
  readonly proxy: FaultProxy;
  /** Past the proxy. */
  readonly bucket: S3StorageConfig;
  /** Through it. */
  readonly dest: S3StorageConfig;
  readonly world: World;
}

/**
 * To be called where a suite is described; what it gives holds what the test that runs has.
 *
 * @param strict a test fails where a fault that it planned did not strike.
 */
export function useProxiedBucket({ strict = false } = {}): ProxiedBucket {
  const used = {} as { -readonly [Name in keyof ProxiedBucket]: ProxiedBucket[Name] };
  beforeAll(async () => {
    used.proxy = await FaultProxy.start((await s3Server()).endpoint);
  }, 120_000);
  afterAll(() => used.proxy?.stop());
  beforeEach(async () => {
    used.bucket = await freshBucket();
    used.dest = { ...used.bucket, endpointUrl: used.proxy.url };
    used.world = new World();
  });
  afterEach(async () => {
    const unmet = used.proxy.unmet();
    used.proxy.reset();
    used.world.dispose();
    await dropBucket(used.bucket);
    if (strict) expect(unmet, "a planned fault did not strike").toEqual([]);
  });
  return used;
}
