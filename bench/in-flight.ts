/**
 * Many small files into a bucket that answers after a while, and back, with fixed numbers of files in flight and without
 * the setting: seconds and peak memory; see docs/performance.md, "Requests in flight".
 *
 * Usage: node build.ts; node bench/in-flight.ts [--files 500] [--kib 4] [--delay 50] [--numbers 5,16,64,unset] [--rounds 1]
 *
 * The server is the tests' one (docs/s3.md), on the same cores, behind a proxy that adds the delay, in milliseconds.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { FaultProxy } from "../test/s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, releaseServer, s3Server } from "../test/s3-server/s3-server.ts";
import { Noise } from "./generate.ts";
import { type Measurement, measure } from "./measure.ts";
import { median } from "./report.ts";

const COMMAND = resolve(import.meta.dirname, "..", "dist", "bin", "backup.js");

const { values } = parseArgs({
  options: {
    files: { type: "string", default: "500" },
    kib: { type: "string", default: "4" },
    delay: { type: "string", default: "50" },
    numbers: { type: "string", default: "5,16,64,unset" },
    rounds: { type: "string", default: "1" },
  },
});

interface Step extends Measurement {
  /** Requests at once, as the proxy saw them. */
  readonly most: number;
}

const server = await s3Server();
const proxy = await FaultProxy.start(server.endpoint);
const home = mkdtempSync(join(tmpdir(), "backup-in-flight-"));
try {
  makeFiles(join(home, "source"));
  console.log(
    "| setting | backup, s | restore, s | peak, MiB: backup | restore | PutObject, GetObject at once: backup | restore |",
  );
  console.log("| --- | --: | --: | --: | --: | --: | --: |");
  for (const number of values.numbers.split(",")) {
    const rounds: (readonly [Step, Step])[] = [];
    for (let i = 0; i < Number(values.rounds); i++) rounds.push(await thereAndBack(number));
    const of = (pick: (steps: readonly [Step, Step]) => number, digits: number) =>
      median(rounds.map(pick)).toFixed(digits);
    const cells = [
      number,
      of(([backup]) => backup.seconds, 2),
      of(([, restore]) => restore.seconds, 2),
      of(([backup]) => backup.peakMib, 0),
      of(([, restore]) => restore.peakMib, 0),
      of(([backup]) => backup.most, 0),
      of(([, restore]) => restore.most, 0),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
} finally {
  await proxy.stop();
  await releaseServer();
  rmSync(home, { recursive: true });
}

function makeFiles(folder: string): void {
  mkdirSync(folder);
  const noise = new Noise("in flight");
  for (let i = 0; i < Number(values.files); i++)
    writeFileSync(join(folder, `file ${i}`), noise.bytes(1024 * Number(values.kib)));
}

/** A first backup into a bucket of its own, and a restore into a folder that is empty. */
async function thereAndBack(number: string): Promise<readonly [Step, Step]> {
  const bucket = await freshBucket();
  const restored = join(home, "restored");
  const config = join(home, "config.json");
  const { accessKeyId, secretAccessKey } = server.credentials;
  const chosen = number === "unset" ? null : Number(number);
  writeFileSync(
    config,
    JSON.stringify({
      src: { local_path: join(home, "source") },
      dest: {
        s3_bucket: bucket.bucket,
        endpoint_url: proxy.url,
        region_name: server.region,
        aws_access_key_id: accessKeyId,
        aws_secret_access_key: secretAccessKey,
      },
      restore: { local_path: restored },
      encryption_password: "correct horse battery staple",
      container: "segmented",
      backup_processes: chosen,
      restore_processes: chosen,
    }),
    { mode: 0o600 },
  );
  try {
    const backup = await step(config, "PutObject");
    const restore = await step(config, "GetObject", "--restore");
    return [backup, restore];
  } finally {
    await dropBucket(bucket);
    rmSync(restored, { recursive: true, force: true });
  }
}

async function step(config: string, operation: string, ...flags: string[]): Promise<Step> {
  proxy.reset();
  proxy.fail({ effect: { kind: "delay", ms: Number(values.delay) }, times: Number.POSITIVE_INFINITY });
  const args = [COMMAND, "--config", config, ...flags];
  const measured = await measure({ program: process.execPath, args }, home);
  return { ...measured, most: proxy.atOnce(operation).most };
}
