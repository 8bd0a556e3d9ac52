/**
 * What it takes to seal and to open one small file, in one thread, without any storage: microseconds of processor time,
 * the median of several rounds over files of words that are not the same.
 *
 *     node bench/seal.ts [BYTES]
 */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { DEFAULT_COMPRESSION } from "../src/compression/codecs.ts";
import { openSmall, sealSmall } from "../src/container/segmented.ts";
import { SegmentedKeyRing } from "../src/crypto/segmented-key-ring.ts";

const FILES = 2000;
const ROUNDS = 9;

const [bytes = 1000] = parseArgs({ allowPositionals: true }).positionals.map(Number);
const ring = new SegmentedKeyRing("bench bench bench");
const salt = Buffer.alloc(16, 7);
const keys = ring.keysFor(
  { kind: "password", kdf: "pbkdf2", iterations: 1, memoryKib: 0, lanes: 0, salt },
  "aes",
);
const files = Array.from({ length: FILES }, (_, i) => ({
  plain: Buffer.from(randomBytes(bytes).toString("base64").slice(0, bytes)),
  meta: { type: "file", path: `folder/file-${i}`, mtime: 1_600_000_000 + i } as const,
}));

let sealed: Buffer[] = [];
const seal = () => {
  sealed = files.map(
    ({ plain, meta }) => sealSmall(plain, meta, { keys, compression: DEFAULT_COMPRESSION }).bytes,
  );
};
const open = () => {
  for (const stored of sealed) openSmall(stored, undefined, { ring, allowUnencrypted: false });
};

const taken: Record<string, number[]> = { sealed: [], opened: [] };
for (let round = 0; round < ROUNDS; round++) {
  taken.sealed?.push(microseconds(seal));
  taken.opened?.push(microseconds(open));
}
for (const [what, all] of Object.entries(taken)) {
  all.sort((a, b) => a - b);
  console.log(`one file of ${bytes} bytes ${what}: ${all[ROUNDS >> 1]?.toFixed(1)} us`);
}

function microseconds(work: () => void): number {
  const began = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(began);
  return (user + system) / FILES;
}
