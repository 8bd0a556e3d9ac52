/**
 * Looking at whole folders: is a restored one the same, how large is a store, and reading one into the page cache.
 *
 * Paths are Latin-1 strings here, one character for each byte, so that names in any encoding are themselves.
 */

import { closeSync, lstatSync, openSync, readdirSync, readSync } from "node:fs";

const PIECE_BYTES = 1024 * 1024;
const left = Buffer.allocUnsafe(PIECE_BYTES);
const right = Buffer.allocUnsafe(PIECE_BYTES);

/** Regular files below a folder, by their paths relative to it; links are not followed. */
function* filesBelow(folder: string, below = ""): Generator<string> {
  const entries = readdirSync(bytesOf(folder, below), { withFileTypes: true, encoding: "latin1" });
  for (const entry of entries) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(folder, path);
    else if (entry.isFile()) yield path;
  }
}

/** What to open: `folder` is ordinary text, `path` one character for each byte. */
function bytesOf(folder: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(`${folder}/`), Buffer.from(path, "latin1")]);
}

/** @throws naming the first file of `source` that is missing in `restored` or has other bytes there. */
export function assertSameContent(source: string, restored: string): void {
  for (const path of filesBelow(source)) {
    if (!sameBytes(bytesOf(source, path), bytesOf(restored, path))) {
      throw new Error(`restored differently: ${JSON.stringify(path)}`);
    }
  }
}

/** The sum of the sizes of all files below, in bytes, and their number. */
export function measureTree(folder: string): { files: number; bytes: number } {
  let files = 0;
  let bytes = 0;
  for (const path of filesBelow(folder)) {
    files++;
    bytes += lstatSync(bytesOf(folder, path)).size;
  }
  return { files, bytes };
}

/** Reads every file once, so that no tool is the one to find the page cache cold. */
export function warm(folder: string): void {
  for (const path of filesBelow(folder)) {
    const descriptor = openSync(bytesOf(folder, path), "r");
    try {
      while (readSync(descriptor, left) > 0);
    } finally {
      closeSync(descriptor);
    }
  }
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  const first = openSync(a, "r");
  try {
    const second = openIfThere(b);
    if (second === undefined) return false;
    try {
      for (;;) {
        const length = readSync(first, left);
        if (readSync(second, right) !== length) return false;
        if (length === 0) return true;
        if (left.compare(right, 0, length, 0, length) !== 0) return false;
      }
    } finally {
      closeSync(second);
    }
  } finally {
    closeSync(first);
  }
}

function openIfThere(path: Buffer): number | undefined {
  try {
    return openSync(path, "r");
  } catch {
    return undefined;
  }
}
