/** Deterministic contents for benchmark works: the same seed gives the same bytes on every machine. */

import { createCipheriv, createHash } from "node:crypto";
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";

export const MIB = 1024 * 1024;

const WORDS = (
  "the of and to in is that it was for on are as with his they be at one have this from or had by not but what all " +
  "were when we there can an your which their said if do will each about how up out them then she many some so these " +
  "would other into has more her two like him see time could no make than first been its who now people my made over"
).split(" ");

/** A stream of pseudo-random bytes: AES-256-CTR over zeros, as fast as the cipher. */
export class Noise {
  readonly #cipher: ReturnType<typeof createCipheriv>;

  constructor(seed: string) {
    this.#cipher = createCipheriv(
      "aes-256-ctr",
      createHash("sha256").update(seed).digest(),
      Buffer.alloc(16),
    );
  }

  bytes(length: number): Buffer {
    return this.#cipher.update(Buffer.alloc(length));
  }

  /** A whole number in `[0, below)`; `below` at most 2^32. */
  number(below: number): number {
    return Math.floor((this.bytes(4).readUInt32LE() / 2 ** 32) * below);
  }
}

/** Words with line breaks: compresses about threefold. */
export function text(noise: Noise, length: number): Buffer {
  const picks = noise.bytes(Math.ceil(length / 2));
  let line = "";
  for (let i = 0; line.length < length; i++) {
    line += WORDS[(picks[i] ?? 0) % WORDS.length] + (i % 12 === 11 ? "\n" : " ");
  }
  return Buffer.from(line.slice(0, length));
}

/** One MiB of noise, words, hexadecimal digits or zeros, a quarter of the time each. */
function mixedPiece(noise: Noise): Buffer {
  switch (noise.number(4)) {
    case 0:
      return noise.bytes(MIB);
    case 1:
      return text(noise, MIB);
    case 2:
      return Buffer.from(noise.bytes(MIB / 2).toString("hex"));
    default:
      return Buffer.alloc(MIB);
  }
}

/** `count` files of up to `maxBytes` each, half words and half noise, 500 to a folder. */
export function makeTinyFiles(folder: string, seed: string, count: number, maxBytes: number): void {
  const noise = new Noise(seed);
  for (let i = 0; i < count; i++) {
    const directory = join(folder, `folder-${String(Math.floor(i / 500)).padStart(4, "0")}`);
    if (i % 500 === 0) mkdirSync(directory, { recursive: true });
    const size = noise.number(maxBytes + 1);
    writeFileSync(join(directory, `file-${i}`), i % 2 === 0 ? text(noise, size) : noise.bytes(size));
  }
}

/** `count` files of words, `bytes` long each, 500 to a folder. */
export function makeTextFiles(folder: string, seed: string, count: number, bytes: number): void {
  const noise = new Noise(seed);
  for (let i = 0; i < count; i++) {
    const directory = join(folder, `text-${Math.floor(i / 500)}`);
    if (i % 500 === 0) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `file-${i}.txt`), text(noise, bytes));
  }
}

/** `count` files of `mebibytes` MiB that do not compress. */
export function makeMedia(folder: string, seed: string, count: number, mebibytes: number): void {
  const noise = new Noise(seed);
  for (let i = 0; i < count; i++) {
    writePieces(join(folder, `media-${i}.bin`), mebibytes, () => noise.bytes(MIB));
  }
}

/** One file of mixed content. */
export function makeImage(folder: string, seed: string, mebibytes: number): void {
  const noise = new Noise(seed);
  writePieces(join(folder, "image.raw"), mebibytes, () => mixedPiece(noise));
}

function writePieces(path: string, pieces: number, piece: () => Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  const descriptor = openSync(path, "w");
  try {
    for (let i = 0; i < pieces; i++) {
      const bytes = piece();
      for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at);
    }
  } finally {
    closeSync(descriptor);
  }
}
