/**
 * What the steps of a backup cost at least on this machine, in this language: only the system calls, hashes, ciphers and
 * codecs that no way around leaves out, in as many threads as there are cores, with nothing of this tool in between: no
 * names, no tables, no keys of their own, no metadata, no durability, no order. Of an unchanged run: listing both sides and
 * looking at each file, in one thread; with metadata also what tells whether they changed: exact times, a line for each file
 * and an md5 for each folder, while getfattr looks for attributes; with names also the destination as the tool leaves it, and
 * for each file the beginning of its name, which is looked for there.
 *
 *     node bench/floor.ts FOLDER [SCRATCH]
 *
 * Prints seconds for each step, beside those of the tool for the same folder (build it first).
 */
import { execFileSync } from "node:child_process";
import { createCipheriv, createDecipheriv, createSecretKey, hash, randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { availableParallelism } from "node:os";
import * as path from "node:path";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { compressData, DEFAULT_COMPRESSION, decompressData } from "../src/compression/codecs.ts";
import { EVERYTHING, surveyXattrs } from "../src/metadata/xattrs.ts";

const KEY = createSecretKey(Buffer.alloc(32, 7));
const NONCE = Buffer.alloc(12);
const TAG_BYTES = 16;
const BILLION = 1_000_000_000n;
/** The plain length, and the codec. */
const LENGTH_BYTES = 6;
const WINDOW_LOG = 27;
const WITH_METADATA = "unchanged, with metadata";
const WITH_NAMES = "unchanged, with metadata and names";

type Step = "first" | "verify" | "restore";
interface Part {
  readonly step: Step;
  readonly files: readonly string[];
  readonly folder: string;
  readonly store: string;
  readonly target: string;
}

if (isMainThread) await main(process.argv[2], process.argv[3] ?? "/tmp");
else parentPort?.postMessage(work(workerData as Part));

async function main(folder: string | undefined, parent: string): Promise<void> {
  if (folder === undefined) throw new Error("usage: node bench/floor.ts FOLDER [SCRATCH]");
  const scratch = fs.mkdtempSync(path.join(parent, "floor-"));
  try {
    const store = path.join(scratch, "store");
    const target = path.join(scratch, "target");
    const files = list(folder);
    for (const place of [store, target]) {
      fs.mkdirSync(place);
      for (const name of new Set(files.map((file) => path.dirname(file))))
        fs.mkdirSync(path.join(place, name), { recursive: true });
    }
    const least: Record<string, number> = {};
    for (const step of ["first", "verify", "restore"] as const) {
      execFileSync("sync");
      least[step] = await timed(() => inThreads({ step, files, folder, store, target }));
    }
    least.unchanged = await timed(async () => {
      for (const file of list(folder)) fs.lstatSync(`${folder}/${file}`);
      list(store);
    });
    least[WITH_METADATA] = await timed(async () => {
      const surveyed = surveyXattrs(folder, EVERYTHING);
      describeAll(folder);
      list(store);
      await surveyed;
    });
    const tool = await ours(folder, scratch);
    least[WITH_NAMES] = await timed(async () => {
      const surveyed = surveyXattrs(folder, EVERYTHING);
      describeAll(folder, beginningsOf(list(path.join(scratch, "dest"))));
      await surveyed;
    });
    tool[WITH_NAMES] = tool[WITH_METADATA] as number;
    console.log(`${files.length} files, ${availableParallelism()} cores\n`);
    console.log("| step | least, s | this tool, s | ratio |\n| --- | --: | --: | --: |");
    for (const step of ["first", "unchanged", WITH_METADATA, WITH_NAMES, "verify", "restore"]) {
      const [a = 0, b = 0] = [least[step], tool[step]];
      console.log(`| ${step} | ${a.toFixed(2)} | ${b.toFixed(2)} | ${(b / a).toFixed(2)} |`);
    }
  } finally {
    fs.rmSync(scratch, { recursive: true });
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

/** The paths of all files, relative to the folder. */
function list(folder: string, below = "", files: string[] = []): string[] {
  for (const entry of fs.readdirSync(`${folder}/${below}`, { withFileTypes: true })) {
    if (entry.isDirectory()) list(folder, `${below}${entry.name}/`, files);
    else if (entry.isFile()) files.push(below + entry.name);
  }
  return files;
}

/** Stored names without md5, date and suffix. */
function beginningsOf(stored: readonly string[]): Set<string> {
  const beginnings = new Set<string>();
  for (const name of stored)
    beginnings.add(name.slice(0, name.lastIndexOf(".", name.length - "0.enc".length - 2)));
  return beginnings;
}

/** @param stored what has to be there of each file. */
function describeAll(folder: string, stored?: ReadonlySet<string>, below = ""): void {
  const lines: string[] = [];
  for (const entry of fs.readdirSync(`${folder}/${below}`, { withFileTypes: true })) {
    const path = below + entry.name;
    if (entry.isDirectory()) describeAll(folder, stored, `${path}/`);
    if (!entry.isFile()) continue;
    const { size, mode, uid, gid, mtimeNs } = fs.lstatSync(`${folder}/${path}`, { bigint: true });
    lines.push(
      `{"n":${JSON.stringify(entry.name)},"s":${size},"m":${mode},"u":${uid},"g":${gid},"t":${mtimeNs}}`,
    );
    if (stored === undefined) continue;
    const name = `${path}.${Number(mtimeNs / BILLION).toString(36)}.${Number(size).toString(36)}`;
    if (!stored.has(name)) throw new Error(`${name} is not stored`);
  }
  hash("md5", lines.join("\n"), "buffer");
}

async function inThreads(part: Part): Promise<void> {
  const threads = availableParallelism();
  await Promise.all(
    Array.from({ length: threads }, (_, thread) => {
      const files = part.files.filter((_, i) => i % threads === thread);
      return new Promise<void>((resolve, reject) => {
        const worker = new Worker(new URL(import.meta.url), { workerData: { ...part, files } });
        worker.once("message", () => resolve());
        worker.once("error", reject);
      });
    }),
  );
}

function work({ step, files, folder, store, target }: Part): number {
  let bytes = 0;
  for (const file of files) {
    if (step === "first") {
      const plain = read(`${folder}/${file}`);
      write(`${store}/${file}`, seal(plain, hash("md5", plain, "buffer")));
      bytes += plain.length;
      continue;
    }
    const plain = open(read(`${store}/${file}`));
    hash("md5", plain, "buffer");
    bytes += plain.length;
    if (step === "restore") write(`${target}/${file}`, plain);
  }
  return bytes;
}

function read(file: string): Buffer {
  const fd = fs.openSync(file, "r");
  const bytes = Buffer.allocUnsafe(fs.fstatSync(fd).size);
  fs.readSync(fd, bytes, 0, bytes.length, 0);
  fs.closeSync(fd);
  return bytes;
}

function write(file: string, bytes: Buffer): void {
  const fd = fs.openSync(`${file}~`, "wx");
  fs.writeSync(fd, bytes, 0, bytes.length, 0);
  fs.closeSync(fd);
  fs.renameSync(`${file}~`, file);
}

function seal(plain: Buffer, md5: Buffer): Buffer {
  const { codec, data } = compressData(plain, DEFAULT_COMPRESSION);
  const cipher = createCipheriv("aes-256-gcm", KEY, NONCE);
  cipher.setAAD(md5);
  const sealed = cipher.update(data);
  cipher.final();
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUIntBE(plain.length, 0, LENGTH_BYTES - 1);
  length[LENGTH_BYTES - 1] = codec;
  return Buffer.concat([md5, cipher.getAuthTag(), length, sealed]);
}

function open(stored: Buffer): Buffer {
  const cipher = createDecipheriv("aes-256-gcm", KEY, NONCE);
  cipher.setAAD(stored.subarray(0, TAG_BYTES));
  cipher.setAuthTag(stored.subarray(TAG_BYTES, 2 * TAG_BYTES));
  const length = stored.subarray(2 * TAG_BYTES, 2 * TAG_BYTES + LENGTH_BYTES);
  const data = cipher.update(stored.subarray(2 * TAG_BYTES + LENGTH_BYTES));
  cipher.final();
  const codec = length[LENGTH_BYTES - 1] as number;
  const plain = decompressData(codec, data, length.readUIntBE(0, LENGTH_BYTES - 1), WINDOW_LOG);
  if (plain === undefined) throw new Error("does not decompress");
  return plain;
}

/** The same steps by the tool as it is built, whole processes, without metadata but where they are named. */
async function ours(folder: string, scratch: string): Promise<Record<string, number>> {
  const config = path.join(scratch, "config.json");
  const settings = {
    src: { local_path: folder },
    dest: { local_path: path.join(scratch, "dest") },
    restore: { local_path: path.join(scratch, "restored") },
    encryption_password: randomBytes(16).toString("hex"),
    encryption_salt: "00112233445566778899aabbccddeeff",
    container: "segmented",
    metadata: false,
  };
  const write = (changed: object) =>
    fs.writeFileSync(config, JSON.stringify({ ...settings, ...changed }), { mode: 0o600 });
  const command = path.join(import.meta.dirname, "../dist/bin/backup.js");
  const run = (...args: string[]) => {
    execFileSync("sync");
    return timed(async () =>
      execFileSync(process.execPath, [command, "--config", config, ...args], { stdio: "ignore" }),
    );
  };
  write({});
  const taken: Record<string, number> = {
    first: await run(),
    unchanged: await run(),
    verify: await run("--verify"),
    restore: await run("--restore"),
  };
  write({ metadata: true });
  await run();
  return { ...taken, [WITH_METADATA]: await run() };
}
