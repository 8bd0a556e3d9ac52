import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { whyNoServer } from "../../s3-server/s3-server.ts";
import { useProxiedBucket } from "../proxied-bucket.ts";
import { backup, clean, verify } from "../world.ts";

const skip = whyNoServer();
const MIB = 2 ** 20;

describe.skipIf(skip !== undefined)(`a copy that could not be looked at${skip ? ` (${skip})` : ""}`, () => {
  const s3 = useProxiedBucket();

  /** A touched file is copied by a run that is interrupted before it has looked at the copy; `meanwhile` another one may come. */
  async function interrupt(meanwhile: () => Promise<void>): Promise<void> {
    const { world, bucket, dest, proxy } = s3;
    const config = world.config({ container: "segmented", compress: false });
    const content = randomBytes(6 * MIB);
    world.write("file", content);
    await clean(backup({ ...config, dest: bucket }));
    world.write("file", content, 10);
    const isCopied = () => proxy.count("CompleteMultipartUpload").requests > 0;
    proxy.fail({ operation: "GetObject", when: isCopied, effect: { kind: "stall" } });
    const stop = new AbortController();
    const running = backup({ ...config, dest }, { signal: stop.signal }).catch(() => {});
    const ended = running.then(() => Promise.reject(new Error("nothing was copied")));
    while (proxy.unmet().length > 0) await Promise.race([sleep(5), ended]);
    ended.catch(() => {});
    await meanwhile();
    stop.abort();
    await running;
  }

  const run = () =>
    backup({ ...s3.world.config({ container: "segmented", compress: false }), dest: s3.bucket });

  it("goes: the next run makes it anew", async () => {
    await interrupt(async () => {});
    expect(await clean(run())).toEqual({ touched: 1 });
  });

  // It was removed: of the file nothing was left, though that other run had found it unchanged, and ended well.
  it("stays where another run has removed what it was copied from", async () => {
    await interrupt(async () => expect(await clean(run())).toEqual({ unchanged: 1 }));
    expect(await clean(run())).toEqual({ unchanged: 1 });
    const config = s3.world.config({ container: "segmented" });
    expect(await clean(verify({ ...config, dest: s3.bucket }))).toEqual({ intact: 1 });
  });
});
