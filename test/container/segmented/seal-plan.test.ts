import { createHash, randomBytes } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEFAULT_COMPRESSION } from "../../../src/compression/codecs.ts";
import { sealBlock } from "../../../src/container/segmented/block.ts";
import { MatchPlan } from "../../../src/container/segmented/match-plan.ts";
import {
  DeltaWriter,
  FileSealer,
  Matcher,
  openSmall,
  openStored,
  sealPlan,
} from "../../../src/container/segmented.ts";
import { SegmentedKeyRing } from "../../../src/crypto/segmented-key-ring.ts";
import { md5ToBase36 } from "../../../src/names/stored-name.ts";
import { assertProperty } from "../../property.ts";

const ring = new SegmentedKeyRing(undefined, []);
const keys = ring.keysFor({ kind: "none" }, "none");
const reading = { ring, allowUnencrypted: true };
const SIZE = 10 * 2 ** 20 + 12_345;
const LOG = 16;

async function* pieces(content: Buffer, length: number): AsyncGenerator<Buffer> {
  const again = Buffer.alloc(length); // handed out again and again, as sources do
  for (let at = 0; at < content.length; at += length) {
    const part = content.subarray(at, at + length);
    again.set(part);
    yield again.subarray(0, part.length);
  }
}

async function stored(content: Buffer): Promise<Buffer> {
  const meta = { type: "file", path: "a", mtime: 1, size: content.length } as const;
  const settings = { keys, compression: DEFAULT_COMPRESSION, parallel: 3, blockLog: LOG };
  const parts: Buffer[] = [];
  for await (const part of new FileSealer(meta, settings).seal(pieces(content, 100_000))) parts.push(part);
  return Buffer.concat(parts);
}

async function next(old: Buffer, content: Buffer, given = content, parallel = 3): Promise<Buffer> {
  const object = openStored(old, undefined, reading);
  const { extents, bodyEnd } = object.trailer;
  const options = { size: content.length, blockSize: 2 ** LOG };
  const matcher = new Matcher(extents, object.keys, options);
  matcher.push(content);
  const delta = new DeltaWriter(object, DEFAULT_COMPRESSION);
  const parts = [old.subarray(0, bodyEnd)];
  const how = { extents, blockSize: 2 ** LOG, path: "a", parallel };
  for await (const part of sealPlan(matcher.end(), delta, pieces(given, 77_777), how)) parts.push(part);
  const md5 = createHash("md5").update(content).digest();
  parts.push(delta.finish({ type: "file", path: "a", mtime: 2, md5, fields: [] }));
  return Buffer.concat(parts);
}

describe("sealing by a plan", () => {
  const original = randomBytes(SIZE);

  it("gives objects that open to the new file, edit after edit, however many blocks are in work", async () => {
    const edits = fc.array(
      fc.record({ at: fc.nat(SIZE), remove: fc.nat(200_000), insert: fc.nat(200_000), zeros: fc.boolean() }),
      { minLength: 1, maxLength: 4 },
    );
    const first = await stored(original);
    await assertProperty(
      fc.asyncProperty(edits, fc.integer({ min: 1, max: 5 }), async (list, parallel) => {
        let object = first;
        let content = original;
        for (const { at, remove, insert, zeros } of list) {
          const fresh = zeros ? Buffer.alloc(insert) : randomBytes(insert);
          content = Buffer.concat([content.subarray(0, at), fresh, content.subarray(at + remove)]);
          object = await next(object, content, content, parallel);
          const { plain } = openSmall(object, undefined, reading);
          expect(plain.equals(content)).toBe(true);
        }
        const { md5 } = openStored(object, undefined, reading).trailer;
        expect(md5ToBase36(md5)).toBe(md5ToBase36(createHash("md5").update(content).digest()));
      }),
      { numRuns: 6 },
    );
  });

  it("keeps so many blocks in work and no more, and the order in which they come, whichever is done first", async () => {
    const block = 2 ** LOG;
    const old = await stored(original);
    const object = openStored(old, undefined, reading);
    // The last block of a stretch may be a single byte.
    const [first, last] = [randomBytes(7 * block + 1), randomBytes(1)];
    const plan = new MatchPlan(block);
    plan.keep(0);
    plan.data(first.length);
    plan.keep(3);
    plan.keep(4);
    plan.data(last.length);
    const kept = [original.subarray(0, block), original.subarray(3 * block, 5 * block)] as const;
    const content = Buffer.concat([kept[0], first, kept[1], last]);
    for (const parallel of [1, 4]) {
      let begun = 0;
      let most = 0;
      const delta = new DeltaWriter(object, DEFAULT_COMPRESSION, async (plain) => {
        for (let turns = begun++ % 2 === 0 ? 20 : 1; turns > 0; turns--) await turn();
        return sealBlock(object.keys, plain, DEFAULT_COMPRESSION);
      });
      const { extents, bodyEnd } = object.trailer;
      const how = { extents, blockSize: block, path: "a", parallel };
      const parts = [old.subarray(0, bodyEnd)];
      for await (const part of sealPlan(plan, delta, pieces(content, 77_777), how)) {
        most = Math.max(most, begun - (parts.length - 1));
        parts.push(part);
      }
      expect(most).toBe(parallel);
      expect(delta.size).toBe(content.length);
      const md5 = createHash("md5").update(content).digest();
      parts.push(delta.finish({ type: "file", path: "a", mtime: 2, md5, fields: [] }));
      expect(openSmall(Buffer.concat(parts), undefined, reading).plain.equals(content)).toBe(true);
    }
  });

  it("refuses a file that has become shorter than its plan", async () => {
    const old = await stored(original);
    const changed = Buffer.concat([original, randomBytes(300_000)]);
    await expect(next(old, changed, original)).rejects.toMatchObject({ code: "ECHANGED" });
  });
});
