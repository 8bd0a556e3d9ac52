import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { InterruptedError } from "../../src/errors.ts";
import { CallStats, type FinishedCall } from "../../src/storage/call-stats.ts";
import { whyNoServer } from "../s3-server/s3-server.ts";
import { useProxiedBucket } from "./proxied-bucket.ts";
import { backup, clean, configOf, verify } from "./world.ts";

const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`the calls of a run${skip === undefined ? "" : ` (${skip})`}`, () => {
  const s3 = useProxiedBucket({ strict: true });
  let config: Config;
  beforeEach(() => {
    config = configOf({ src: s3.world.src, dest: s3.dest }, { container: "segmented", backupProcesses: 4 });
    for (let i = 0; i < 30; i++) s3.world.write(`folder/file ${i}`, `content ${i}`);
    s3.world.write("large", randomBytes(20_000_000));
  });

  const requests = () =>
    Object.fromEntries(Object.entries(s3.proxy.table()).map(([name, count]) => [name, count.requests]));
  const attempts = (stats: CallStats) =>
    Object.fromEntries(stats.list().map(({ operation, attempt }) => [operation, attempt.latencies.count]));

  it("are all counted, those of the workers too, as many as the server saw", async () => {
    const stats = new CallStats();
    await clean(backup(config, { calls: stats }));
    expect(attempts(stats)).toEqual(requests());
    const put = stats.list().find(({ operation }) => operation === "PutObject");
    expect(put?.storage).toBe(`destination s3://${s3.bucket.bucket}`);
    expect(put?.call.latencies.count).toBe(30);
    expect(put?.call.bytes).toBe(s3.proxy.count("PutObject").sentBody);

    s3.proxy.reset();
    const reading = new CallStats();
    await clean(verify(config, { calls: reading }));
    expect(attempts(reading)).toEqual(requests());
    const get = reading.list().find(({ operation }) => operation === "GetObject");
    expect(get?.call.bytes).toBe(s3.proxy.count("GetObject").receivedBody);
  });

  it("are counted once, however many attempts they take; slow ones are told of", async () => {
    s3.proxy.fail({ operation: "PutObject", effect: { kind: "status", status: 503 }, times: 3 });
    const slow: FinishedCall[] = [];
    const stats = new CallStats({ slowMs: 0, onSlow: (call) => slow.push(call) });
    await clean(backup(config, { calls: stats }));
    const put = stats.list().find(({ operation }) => operation === "PutObject");
    expect([put?.call.latencies.count, put?.call.failed]).toEqual([30, 0]);
    expect([put?.attempt.latencies.count, put?.attempt.failed]).toEqual([33, 3]);
    expect(slow.filter(({ operation, kind }) => operation === "PutObject" && kind === "call").length).toBe(
      30,
    );
    expect(slow.find(({ operation }) => operation === "PutObject")?.key).toMatch(/^folder\/file /);
  });

  it.each([
    ["may be given up", "ListMultipartUploads", { kind: "stall" }, 1],
    ["of the workers fail again and again", "CompleteMultipartUpload", { kind: "status", status: 500 }, 2],
  ] as const)("do not keep a run that is stopped: those that %s", async (_, operation, effect, until) => {
    await clean(backup(config));
    s3.world.write("another", randomBytes(20_000_000));
    s3.proxy.reset();
    s3.proxy.fail({ operation, effect, times: 999 });
    const stop = new AbortController();
    const run = backup(config, { signal: stop.signal });
    const ended = expect(run).rejects.toThrow(InterruptedError);
    while (s3.proxy.count(operation).requests < until) await sleep(5);
    const stoppedAt = performance.now();
    stop.abort();
    await ended;
    expect(performance.now() - stoppedAt).toBeLessThan(5000);
    // One may have been on its way.
    expect(s3.proxy.count(operation).requests).toBeLessThanOrEqual(until + 1);
    s3.proxy.reset();
  });

  it.each([
    ["", {}],
    ["of the classic container", { container: "classic" }],
    // It took a read for the key of the names, and another for the content.
    ["with encrypted names and a salt of its own", { encryptFilenames: true, salt: undefined }],
    ["with encrypted names alone", { encrypt: false, encryptFilenames: true, salt: undefined }],
    // Tombstones are of the segmented container, and say nothing about classic objects.
    [
      "with encrypted names and tombstones in the classic container",
      {
        container: "classic",
        encryptFilenames: true,
        salt: undefined,
        versionsKeepDays: 9,
        retire: "tombstone",
      },
    ],
    ["with tombstones", { versionsKeepDays: 9, retire: "tombstone" }],
  ] as const)("of one that finds nothing new %s are few", async (_, settings) => {
    const { salt, ...fixed } = config;
    const given = { ...fixed, ...("salt" in settings ? {} : { salt }), ...settings };
    s3.world.remove("folder");
    s3.world.remove("large");
    for (const content of ["", "another"]) {
      s3.world.write("empty", "");
      s3.world.write("changed", content, content.length);
      await clean(backup(given));
    }
    s3.world.remove("empty");
    await clean(backup(given));
    s3.proxy.reset();
    expect(await clean(backup(given))).toEqual({ unchanged: 1 });
    expect(requests()).toEqual({ GetObject: 1, ListMultipartUploads: 1, ListObjectsV2: 1 });
    expect(s3.proxy.count("GetObject").receivedBody).toBeLessThan(70_000);
  });

  it("are as few where all files are large", async () => {
    // Both ends of one were read, after its beginning.
    s3.world.remove("folder");
    await clean(backup(config));
    s3.proxy.reset();
    expect(await clean(backup(config))).toEqual({ unchanged: 1 });
    expect(requests()).toEqual({ GetObject: 1, ListMultipartUploads: 1, ListObjectsV2: 1 });
  });
});
