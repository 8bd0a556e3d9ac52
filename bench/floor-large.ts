/**
 * What large files cost at least on this machine, in this language: each step over all bytes in one thread, with nothing
 * in between, and what that comes to when all cores share it. The md5 of one file is a chain that no two threads can share.
 *
 *     node bench/floor-large.ts FOLDER [SCRATCH]
 *
 * Blocks of 256 KiB as the segmented container has them: of each the content's MAC and weak sum, an id over what is stored
 * (two SHA-256 and a CRC-32, which make deltas possible), zstd where a quick look says so (that is part of its time), AES-256-GCM.
 * Of blocks of one repeated byte sums and zstd count nothing: once is enough for all.
 */
import { createCipheriv, createDecipheriv, createHash, createSecretKey, hash } from "node:crypto";
import * as fs from "node:fs";
import { availableParallelism } from "node:os";
import * as path from "node:path";
import { crc32, zstdDecompressSync } from "node:zlib";
import { CODEC, compressData, DEFAULT_COMPRESSION } from "../src/compression/codecs.ts";

const BLOCK_BYTES = 256 * 1024;
const KEY = createSecretKey(Buffer.alloc(32, 7));
const NONCE = Buffer.alloc(12);

const PARTS = {
  first: [
    "read",
    "md5",
    "mac of the content",
    "weak sum",
    "zstd",
    "id of what is stored",
    "encrypt",
    "write",
  ],
  verify: ["read what is stored", "decrypt", "unzstd", "md5"],
  restore: ["read what is stored", "decrypt", "unzstd", "md5", "write the content"],
} as const;

type Part = (typeof PARTS)[keyof typeof PARTS][number];

const [folder, parent = "/tmp"] = process.argv.slice(2);
if (folder === undefined) throw new Error("usage: node bench/floor-large.ts FOLDER [SCRATCH]");
const scratch = fs.mkdtempSync(path.join(parent, "floor-"));
try {
  main(folder, scratch);
} finally {
  fs.rmSync(scratch, { recursive: true });
}

function main(source: string, target: string): void {
  const spent = {} as Record<Part, number>;
  const timed = <T>(part: Part, work: () => T): T => {
    const began = performance.now();
    const result = work();
    spent[part] = (spent[part] ?? 0) + (performance.now() - began) / 1000;
    return result;
  };
  const names = fs.readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isFile());
  let longestMd5 = 0;
  let bytes = 0;
  for (const { name } of names) {
    const before = spent.md5 ?? 0;
    bytes += file(path.join(source, name), path.join(target, name), timed);
    longestMd5 = Math.max(longestMd5, (spent.md5 ?? 0) - before);
  }
  const cores = availableParallelism();
  console.log(`${names.length} files, ${(bytes / 2 ** 20).toFixed(0)} MiB, ${cores} cores\n`);
  console.log("| part | s in one thread | MB/s |\n| --- | --: | --: |");
  for (const [part, seconds] of Object.entries(spent)) {
    console.log(`| ${part} | ${seconds.toFixed(2)} | ${(bytes / 1e6 / seconds).toFixed(0)} |`);
  }
  console.log(
    `\n| step | all parts, s | shared by ${cores} | longest md5 | least |\n| --- | --: | --: | --: | --: |`,
  );
  for (const [step, parts] of Object.entries(PARTS)) {
    const all = parts.reduce((sum, part) => sum + (spent[part] ?? 0), 0);
    const least = Math.max(all / cores, longestMd5);
    const figures = [all, all / cores, longestMd5, least].map((seconds) => seconds.toFixed(2));
    console.log(`| ${step} | ${figures.join(" | ")} |`);
  }
}

function file(from: string, to: string, timed: <T>(part: Part, work: () => T) => T): number {
  const source = fs.openSync(from, "r");
  const stored = fs.openSync(to, "wx+");
  const restored = fs.openSync(`${to}.restored`, "wx");
  const plain = Buffer.alloc(BLOCK_BYTES);
  const digest = createHash("md5");
  let position = 0;
  for (let offset = 0; ; ) {
    const length = timed("read", () => fs.readSync(source, plain, 0, BLOCK_BYTES, position));
    if (length === 0) break;
    const block = plain.subarray(0, length);
    timed("md5", () => digest.update(block));
    const isUniform = block.subarray(1).equals(block.subarray(0, -1));
    if (!isUniform) {
      timed("mac of the content", () => hash("sha256", block, "binary"));
      timed("weak sum", () => crc32(block));
    }
    const compress = () => compressData(block, DEFAULT_COMPRESSION);
    const { codec, data } = isUniform ? compress() : timed("zstd", compress);
    timed("id of what is stored", () => hash("sha256", data, "binary"));
    const [body, tag] = timed("encrypt", () => {
      const cipher = createCipheriv("aes-256-gcm", KEY, NONCE);
      const sealed = cipher.update(data);
      cipher.final();
      return [sealed, cipher.getAuthTag()] as const;
    });
    timed("write", () => fs.writeSync(stored, body, 0, body.length, offset));
    timed("read what is stored", () => fs.readSync(stored, body, 0, body.length, offset));
    const opened = timed("decrypt", () => {
      const cipher = createDecipheriv("aes-256-gcm", KEY, NONCE).setAuthTag(tag);
      const out = cipher.update(body);
      cipher.final();
      return out;
    });
    const content = codec === CODEC.raw ? opened : timed("unzstd", () => zstdDecompressSync(opened));
    timed("write the content", () => fs.writeSync(restored, content, 0, content.length, position));
    position += length;
    offset += body.length;
  }
  for (const fd of [source, stored, restored]) fs.closeSync(fd);
  fs.rmSync(`${to}.restored`);
  fs.rmSync(to);
  return position;
}
