/**
 * No key and nonce ever meet two different inputs (docs/format.md, section 7.1): every call of a cipher is recorded,
 * over versions, renames, revivals, repeated and concurrent runs, other levels and codecs, and compared.
 */

import { hash } from "node:crypto";
import { beforeAll, expect, test, vi } from "vitest";
import {
  DeltaWriter,
  FileSealer,
  openStored,
  rewriteTrailer,
  SOLID_MOST,
  sealSmall,
} from "../../../src/container/segmented.ts";
import { sealSegmentedName } from "../../../src/names/segmented-name.ts";
import { LIVE } from "../../../src/names/stamp.ts";
import { AUTO, BLOCK_LOG, gather, keysOf, noise, piecesOf, prose, reading } from "./samples.ts";

interface Use {
  readonly place: string;
  readonly input: string;
}

const uses = vi.hoisted((): Use[] => []);

vi.mock(import("node:crypto"), async (original) => {
  const real = await original();
  const createCipheriv = (algorithm: string, key: { export(): Buffer }, nonce: Buffer, options: unknown) => {
    // biome-ignore lint/suspicious/noExplicitAny: all overloads at once
    const cipher = (real.createCipheriv as any)(algorithm, key, nonce, options);
    const place = `${algorithm} ${key.export().toString("hex")} ${nonce.toString("hex")}`;
    let associated = "";
    const { setAAD, update } = cipher;
    cipher.setAAD = (data: Buffer, more: unknown) => {
      associated += data.toString("hex");
      return setAAD?.call(cipher, data, more);
    };
    cipher.update = (data: Buffer) => {
      const digest = real.createHash("sha256").update(data).digest("hex");
      uses.push({ place, input: `${associated}|${data.length}|${digest}` });
      return update.call(cipher, data);
    };
    return cipher;
  };
  return { ...real, createCipheriv: createCipheriv as unknown as typeof real.createCipheriv };
});

const FILE = { type: "file", path: "logs/app.log", mtime: 1 } as const;

beforeAll(async () => {
  for (const cipher of ["aes", "cha"] as const) await history(cipher);
});

/** What happens to a few files in a long life, each step done twice, and some at once. */
async function history(cipher: "aes" | "cha"): Promise<void> {
  const keys = keysOf(cipher);
  for (const codec of ["auto", "zstd", "gzip", "xz", "none"] as const) {
    for (const zstdLevel of codec === "zstd" ? [1, 3, 9] : [3]) {
      const settings = { keys, compression: { ...AUTO, codec, zstdLevel }, blockLog: BLOCK_LOG };
      for (const plain of [Buffer.alloc(0), prose(50), prose(20_000), Buffer.alloc(20_000), noise(9000)]) {
        for (const path of ["logs/app.log", "logs/app.log.1"]) {
          for (const mtime of [1, 2, 1]) sealSmall(plain, { ...FILE, path, mtime }, settings);
        }
      }
    }
  }
  const size = SOLID_MOST + 3000;
  const plain = Buffer.concat([Buffer.alloc(5_000_000), noise(size - 5_000_000)]);
  const sealOnce = (parallel: number, zstdLevel: number) =>
    gather(
      new FileSealer({ ...FILE, size }, { keys, compression: { ...AUTO, zstdLevel }, parallel }).seal(
        piecesOf(plain, 700_000),
      ),
    );
  const [first] = (await Promise.all([sealOnce(1, 3), sealOnce(4, 3), sealOnce(2, 1)])) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  await versionsOf(first);
  for (let size = 0; size < 50; size++) {
    for (let twice = 0; twice < 2; twice++) {
      sealSegmentedName({ path: `file ${size}`, mtime: 1, size, md5: "1", stamp: LIVE }, keys);
    }
  }
}

async function versionsOf(first: Buffer): Promise<void> {
  let stored = first;
  for (let version = 0; version < 6; version++) {
    const old = openStored(stored, undefined, reading);
    // Two machines make the next version at once, from the same old one: one equal, one different change.
    const made = await Promise.all([
      delta(stored, old, version),
      delta(stored, old, version),
      delta(stored, old, -1),
    ]);
    expect(made[0]?.equals(made[1] as Buffer)).toBe(true);
    for (const path of ["logs/app.log.1", "logs/app.log", "revived"])
      rewriteTrailer(old, { path, mtime: version });
    stored = made[0] as Buffer;
  }
}

async function delta(stored: Buffer, old: ReturnType<typeof openStored>, version: number): Promise<Buffer> {
  const writer = new DeltaWriter(old, { ...AUTO, zstdLevel: 1 + (Math.abs(version) % 3) });
  const parts = [stored.subarray(0, old.trailer.bodyEnd)];
  for (let i = 0; i < old.trailer.extents.count; i++) {
    if (i % 7 === version) parts.push(await writer.add(Buffer.alloc(256 * 1024, i % 2)));
    else if (i % 5 === 0 && version === -1) parts.push(await writer.add(prose(1000 + i)));
    else writer.keep(i);
  }
  parts.push(
    writer.finish({ ...FILE, mtime: version + 10, md5: hash("md5", String(version), "buffer"), fields: [] }),
  );
  return Buffer.concat(parts);
}

test("every key and nonce met one input only", () => {
  const inputs = new Map<string, string>();
  for (const { place, input } of uses) {
    const known = inputs.get(place);
    if (known !== undefined && known !== input) throw new Error("a key and nonce met two inputs");
    inputs.set(place, input);
  }
  // The record is of something: many uses, many of them repeated.
  expect(inputs.size).toBeGreaterThan(500);
  expect(uses.length).toBeGreaterThan(inputs.size * 2);
});
