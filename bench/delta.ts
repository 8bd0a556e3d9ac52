/**
 * What a change of a large file costs on the wire: bytes sent and requests made by this tool, restic and rclone (crypt),
 * counted by a proxy before an S3 server; see docs/performance.md.
 *
 * Usage: node bench/delta.ts [MIB] [--tools ours,restic,rclone] [--scratch FOLDER] [--calls]
 *
 * --calls prints the requests of each step by operation, too.
 *
 * The server is the tests' one: `eval "$(test/s3-server/rgw-up)"` with `export` names another (S3_TEST_ENDPOINT).
 */

import { execFile, execFileSync } from "node:child_process";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import { messageOf } from "../src/errors.ts";
import { FaultProxy } from "../test/s3-server/fault-proxy.ts";
import {
  dropBucket,
  freshBucket,
  releaseServer,
  type S3Server,
  s3Server,
} from "../test/s3-server/s3-server.ts";
import { MIB, makeImage, Noise } from "./generate.ts";

const run = promisify(execFile);
const PASSWORD = "correct horse battery staple";
const COMMAND = resolve(import.meta.dirname, "..", "bin", "backup.ts");
const PAGE = 4096;

interface Place {
  readonly source: string;
  /** New, for this tool alone. */
  readonly home: string;
  readonly endpoint: string;
  readonly bucket: string;
  readonly server: S3Server;
}

interface Contestant {
  readonly name: string;
  prepare(place: Place): Promise<void>;
  backup(place: Place): Promise<void>;
  /** Makes sure that all that was stored is right. */
  verify(place: Place): Promise<void>;
}

/** Each changes what the one before left. */
const STEPS: readonly (readonly [string, (folder: string, noise: Noise) => void])[] = [
  ["first backup", () => {}],
  [
    "append 1 MiB",
    (folder, noise) => edit(folder, (fd, size) => writeSync(fd, noise.bytes(MIB), 0, MIB, size)),
  ],
  ["1 % in 4 KiB writes", (folder, noise) => edit(folder, (fd, size) => writePages(fd, size, noise))],
  ["insert 10 bytes at the start", (folder, noise) => insert(folder, noise.bytes(10))],
  ["rename", (folder) => renameSync(join(folder, "image.raw"), join(folder, "renamed.raw"))],
];

function edit(folder: string, change: (fd: number, size: number) => void): void {
  const path = join(folder, "image.raw");
  const fd = openSync(path, "r+");
  try {
    change(fd, statSync(path).size);
  } finally {
    closeSync(fd);
  }
}

function writePages(fd: number, size: number, noise: Noise): void {
  const pages = Math.floor(size / PAGE);
  for (let i = 0; i < pages / 100; i++) {
    writeSync(fd, noise.bytes(PAGE), 0, PAGE, noise.number(pages) * PAGE);
  }
}

function insert(folder: string, bytes: Buffer): void {
  edit(folder, (fd) => {
    const rest = readFileSync(fd);
    let position = 0;
    for (const piece of [bytes, rest]) {
      for (let at = 0; at < piece.length; ) {
        const written = writeSync(fd, piece, at, piece.length - at, position);
        at += written;
        position += written;
      }
    }
  });
}

function ours(name: string, settings: Readonly<Record<string, unknown>>): Contestant {
  const config = ({ home }: Place) => join(home, "config.json");
  const command = async (place: Place, ...flags: string[]) => {
    await run(process.execPath, [COMMAND, "--config", config(place), ...flags], { cwd: place.home });
  };
  return {
    name,
    prepare: async (place) => {
      const { accessKeyId, secretAccessKey } = place.server.credentials;
      const content = {
        src: { local_path: place.source },
        dest: {
          s3_bucket: place.bucket,
          endpoint_url: place.endpoint,
          region_name: place.server.region,
          aws_access_key_id: accessKeyId,
          aws_secret_access_key: secretAccessKey,
        },
        encryption_password: PASSWORD,
        container: "segmented",
        ...settings,
      };
      writeFileSync(config(place), JSON.stringify(content), { mode: 0o600 });
    },
    backup: (place) => command(place, "--allow-mass-delete"), // its one file moves
    verify: (place) => command(place, "--verify"),
  };
}

const restic: Contestant = {
  name: "restic",
  prepare: (place) => runRestic(place, "init"),
  backup: (place) => runRestic(place, "backup", "."),
  verify: (place) => runRestic(place, "check"),
};

async function runRestic(place: Place, ...args: string[]): Promise<void> {
  const env = {
    ...environment(place),
    RESTIC_REPOSITORY: `s3:${place.endpoint}/${place.bucket}`,
    RESTIC_PASSWORD: PASSWORD,
    RESTIC_CACHE_DIR: join(place.home, "cache"),
  };
  await run("restic", args, { cwd: place.source, env });
}

const rclone: Contestant = {
  name: "rclone crypt",
  prepare: async ({ home }) => writeFileSync(join(home, "rclone.conf"), ""),
  backup: (place) => runRclone(place, "sync", "--track-renames", place.source, "bench:"),
  verify: (place) => runRclone(place, "cryptcheck", place.source, "bench:"),
};

async function runRclone(place: Place, ...args: string[]): Promise<void> {
  const password = execFileSync("rclone", ["obscure", "-"], { input: PASSWORD, encoding: "utf8" }).trim();
  const env = {
    ...environment(place),
    RCLONE_CONFIG: join(place.home, "rclone.conf"),
    RCLONE_CONFIG_STORE_TYPE: "s3",
    RCLONE_CONFIG_STORE_PROVIDER: "Ceph",
    RCLONE_CONFIG_STORE_ENV_AUTH: "true",
    RCLONE_CONFIG_STORE_ENDPOINT: place.endpoint,
    RCLONE_CONFIG_BENCH_TYPE: "crypt",
    RCLONE_CONFIG_BENCH_REMOTE: `store:${place.bucket}`,
    RCLONE_CONFIG_BENCH_PASSWORD: password,
  };
  await run("rclone", args, { env });
}

function environment({ server }: Place): NodeJS.ProcessEnv {
  const { accessKeyId, secretAccessKey } = server.credentials;
  const { AWS_CA_BUNDLE: _, ...env } = process.env; // rclone refuses to start with it
  return { ...env, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
}

interface Row {
  readonly sent: number;
  readonly received: number;
  readonly requests: number;
  /** By operation. */
  readonly calls: string;
}

async function measure(tool: Contestant, mebibytes: number, scratch: string): Promise<Row[]> {
  const server = await s3Server();
  const proxy = await FaultProxy.start(server.endpoint);
  const folder = mkdtempSync(join(scratch, "backup-delta-"));
  const config = await freshBucket();
  const source = join(folder, "source");
  const home = join(folder, "home");
  for (const made of [source, home]) mkdirSync(made);
  const place: Place = { source, home, endpoint: proxy.url, bucket: config.bucket, server };
  const rows: Row[] = [];
  try {
    makeImage(source, "delta", mebibytes);
    await makeBucket(config);
    await tool.prepare(place);
    const noise = new Noise("edits"); // the same for every tool
    for (const [, change] of STEPS) {
      change(source, noise);
      proxy.reset();
      const before = proxy.wire();
      await tool.backup(place);
      const after = proxy.wire();
      rows.push({
        sent: after.sent - before.sent,
        received: after.received - before.received,
        requests: proxy.calls.length,
        calls: Object.entries(proxy.table())
          .map(([operation, { requests }]) => `${operation} ${requests}`)
          .join(", "),
      });
    }
    await tool.verify(place);
    return rows;
  } finally {
    await proxy.stop();
    await dropBucket(config);
    rmSync(folder, { recursive: true });
  }
}

async function makeBucket(config: Awaited<ReturnType<typeof freshBucket>>): Promise<void> {
  const { openStorage } = await import("../src/storage/open.ts");
  const storage = await openStorage(config, "destination");
  await storage.create();
  await storage.close();
}

/** Markdown: a row for each step, for each tool the MiB sent, received, and the requests. */
function tableOf(results: readonly (readonly [string, readonly Row[]])[]): string {
  const lines = [
    ["", ...results.map(([name]) => `${name}: MiB sent, received, requests`)],
    ["---", ...results.map(() => "--:")],
    ...STEPS.map(([step], i) => [
      step,
      ...results.map(([, rows]) => {
        const row = rows[i];
        return row === undefined ? "" : `${inMib(row.sent)}, ${inMib(row.received)}, ${row.requests}`;
      }),
    ]),
  ];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function inMib(bytes: number): string {
  return (bytes / MIB).toFixed(2);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      tools: { type: "string", default: "ours,restic,rclone" },
      scratch: { type: "string", default: tmpdir() },
      calls: { type: "boolean", default: false },
    },
  });
  const mebibytes = Number(positionals[0] ?? 1024);
  if (!Number.isInteger(mebibytes) || mebibytes < 1) throw new Error("give the size of the image in MiB");
  const known: Record<string, readonly Contestant[]> = {
    ours: [ours("backup", {}), ours("backup, delta_dead_share 0.5", { delta_dead_share: 0.5 })],
    restic: [restic],
    rclone: [rclone],
  };
  const tools = values.tools.split(",").flatMap((name) => {
    const found = known[name];
    if (found === undefined) throw new Error(`--tools: there is no ${name}`);
    return found;
  });
  const results: [string, Row[]][] = [];
  try {
    for (const tool of tools) {
      try {
        const rows = await measure(tool, mebibytes, values.scratch);
        results.push([tool.name, rows]);
        console.error(`${tool.name}: done`);
        if (values.calls)
          for (const [i, row] of rows.entries()) console.error(`  ${STEPS[i]?.[0]}: ${row.calls}`);
      } catch (error) {
        console.error(`${tool.name}: ${messageOf(error)}`);
        process.exitCode = 1;
      }
    }
  } finally {
    await releaseServer();
  }
  console.log(`An image of ${mebibytes} MiB, changed step by step:\n\n${tableOf(results)}`);
}

try {
  await main();
} catch (error) {
  console.error(`bench/delta.ts: ${messageOf(error)}`);
  process.exitCode = 1;
}
