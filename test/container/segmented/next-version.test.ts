import { hash } from "node:crypto";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sealBlock } from "../../../src/container/segmented/block.ts";
import { BodyWriter } from "../../../src/container/segmented/body-writer.ts";
import { makeHeader } from "../../../src/container/segmented/header.ts";
import {
  DeltaWriter,
  FileSealer,
  type OpenedObject,
  openStored,
  rewriteTrailer,
  SOLID_MOST,
  sealSmall,
  tailBytes,
  userMetadata,
  userMetadataField,
  weakSum,
} from "../../../src/container/segmented.ts";
import { md5ToBase36 } from "../../../src/names/stored-name.ts";
import { assertProperty } from "../../property.ts";
import { readRange, readStreamed } from "./reading.ts";
import { AUTO, BLOCK_LOG, gather, keysOf, META, noise, piecesOf, RAW, reading } from "./samples.ts";

const BLOCK = 4096;
const md5Of = (content: Buffer) => hash("md5", content, "buffer");
const open = (stored: Buffer) => openStored(stored, undefined, reading);

/** A signed object with blocks of 4 KiB: what a file above 10 MiB looks like. */
function signed(blocks: readonly Buffer[], path = META.path): Buffer {
  const keys = keysOf("aes");
  const header = makeHeader(keys, BLOCK_LOG, keys.fileSalt(Buffer.from(path)));
  const fileKeys = keys.fileKeys(header.fileSalt);
  const writer = new BodyWriter(fileKeys, header, true);
  const parts: Uint8Array[] = [header.bytes];
  for (const [i, block] of blocks.entries()) {
    const occurrence = blocks.slice(0, i).filter((other) => other.equals(block)).length;
    const sealed = sealBlock(fileKeys, block, RAW, occurrence);
    writer.add(sealed);
    parts.push(sealed.body, sealed.tag);
  }
  const content = Buffer.concat(blocks);
  const meta = {
    type: "file",
    path,
    mtime: 1,
    size: content.length,
    md5: md5Of(content),
    fields: [],
  } as const;
  return Buffer.concat([...parts, writer.finish(meta)]);
}

/** A version made of kept extents (numbers) and new blocks. */
async function continued(stored: Buffer, old: OpenedObject, steps: readonly (number | Buffer)[]) {
  const delta = new DeltaWriter(old, RAW);
  const parts: Uint8Array[] = [stored.subarray(0, old.trailer.bodyEnd)];
  const plain: Buffer[] = [];
  for (const step of steps) {
    if (typeof step === "number") {
      delta.keep(step);
      const { extents } = old.trailer;
      plain.push(await readRange(old, stored, extents.plainStarts[step] as number, extents.at(step).plain));
    } else {
      parts.push(await delta.add(step));
      plain.push(step);
    }
  }
  const content = Buffer.concat(plain);
  const meta = { type: "file", path: META.path, mtime: 2, md5: md5Of(content), fields: [] } as const;
  expect(delta.size).toBe(content.length);
  expect(delta.count).toBe(steps.length);
  parts.push(delta.finish(meta));
  return { stored: Buffer.concat(parts), content, delta };
}

describe("a delta", () => {
  const blocks = ["a", "b", "c", "d", "e"].map((seed) => noise(BLOCK, seed));
  const old = signed(blocks);

  test("keeps, drops, repeats and adds blocks in any order, version after version", async () => {
    const step = fc.oneof(
      fc.nat(4),
      fc.constantFrom(...blocks),
      fc.uint8Array({ minLength: 1, maxLength: 50 }),
    );
    await assertProperty(
      fc.asyncProperty(
        fc.array(fc.array(step, { maxLength: 8 }), { minLength: 1, maxLength: 4 }),
        async (runs) => {
          let stored: Buffer = old;
          for (const steps of runs) {
            const before = open(stored);
            const fitting = steps
              .map((one) => (typeof one === "number" ? one : Buffer.from(one)))
              .filter((one) => typeof one !== "number" || one < before.trailer.extents.count);
            const next = await continued(stored, before, fitting);
            stored = next.stored;
            const { content } = await readStreamed(10_000, 2)(stored, undefined, reading);
            expect(content.equals(next.content)).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("does not touch header and body, and is found by name", async () => {
    const before = open(old);
    const { stored, delta } = await continued(old, before, [4, noise(100, "new"), 1]);
    expect(stored.subarray(0, before.trailer.bodyEnd).equals(old.subarray(0, before.trailer.bodyEnd))).toBe(
      true,
    );
    expect(delta.appended).toBe(116);
    expect(stored.length).toBe(before.trailer.bodyEnd + 116 + tailBytes(before.trailer, 3, true));
  });

  test("seals new blocks that equal old or new ones under other ids, so that equality does not show", async () => {
    const same = blocks[0] as Buffer;
    const { stored, content } = await continued(old, open(old), [same, 0, same, same]);
    const { extents } = open(stored).trailer;
    const ids = [0, 1, 2, 3].map((i) => extents.at(i).id.toString("hex"));
    expect(new Set(ids).size).toBe(4);
    const bodies = [0, 1, 2, 3].map((i) => {
      const { offset, stored: length } = extents.at(i);
      return stored.toString("hex", offset, offset + length);
    });
    expect(new Set(bodies).size).toBe(4);
    expect((await readStreamed(5000, 1)(stored, undefined, reading)).content.equals(content)).toBe(true);
  });

  test("thousands of equal blocks get ids of their own, and a table of more than the first read is read", async () => {
    const sealer = new FileSealer(
      { ...META, size: SOLID_MOST + 200_000 },
      { keys: keysOf("aes"), compression: AUTO, parallel: 4, blockLog: BLOCK_LOG },
    );
    const zeros = Buffer.alloc(SOLID_MOST + 200_000);
    const stored = await gather(sealer.seal(piecesOf(zeros, 1_000_000)));
    const { object, content } = await readStreamed(100_000, 1)(stored, undefined, reading);
    expect(content.equals(zeros)).toBe(true);
    const ids = Array.from({ length: 2609 }, (_, i) => object?.trailer.extents.at(i).id.toString("hex"));
    expect(new Set(ids).size).toBe(2609);
  });

  test("the table tells weak sum and MAC of each block", () => {
    const object = open(old);
    for (const [i, block] of blocks.entries()) {
      const extent = object.trailer.extents.at(i);
      expect(extent.weak).toBe(weakSum(block));
      expect(extent.weak).toBe(crc32(block));
      expect(extent.mac.equals(object.keys.plainMac(block))).toBe(true);
    }
    expect(object.keys.plainMac(blocks[0] as Buffer).equals(object.keys.plainMac(blocks[1] as Buffer))).toBe(
      false,
    );
  });
});

describe("a renamed object", () => {
  const plain = noise(10_000);

  test.each([
    ["small", sealSmall(plain, META, { keys: keysOf("cha"), compression: RAW, blockLog: BLOCK_LOG }).bytes],
    [
      "signed",
      signed([plain.subarray(0, BLOCK), plain.subarray(BLOCK, 2 * BLOCK), plain.subarray(2 * BLOCK)]),
    ],
  ])("has the same body and another tail (%s)", async (_, stored) => {
    const old = open(stored);
    const fields = [userMetadataField(new Map([["content-type", "image/png"]]))];
    const tail = rewriteTrailer(old, { path: "other/name", mtime: 9, fields });
    expect(tail.equals(rewriteTrailer(old, { path: "other/name", mtime: 9, fields }))).toBe(true);
    const renamed = Buffer.concat([stored.subarray(0, old.trailer.bodyEnd), tail]);
    const expected = { path: "other/name", mtime: 9, size: plain.length, md5: md5ToBase36(md5Of(plain)) };
    const { content, object } = await readStreamed(4000, 1)(renamed, expected, reading);
    expect(content.equals(plain)).toBe(true);
    expect(userMetadata(object?.trailer.fields ?? []).get("content-type")).toBe("image/png");
    const positioned = old.trailer.extents.positioned;
    expect(tail.length).toBe(
      tailBytes({ path: "other/name", fields }, old.trailer.extents.count, positioned),
    );
  });

  test("can be renamed back to the very same bytes", () => {
    const { bytes } = sealSmall(plain, META, { keys: keysOf("aes"), compression: AUTO });
    const old = open(bytes);
    const body = bytes.subarray(0, old.trailer.bodyEnd);
    const there = Buffer.concat([body, rewriteTrailer(old, { path: "elsewhere" })]);
    const back = Buffer.concat([body, rewriteTrailer(open(there), { path: META.path })]);
    expect(back.equals(bytes)).toBe(true);
  });
});
