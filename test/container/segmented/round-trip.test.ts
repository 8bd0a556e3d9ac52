import { hash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  blockLogFor,
  FileSealer,
  maxStoredSize,
  openSmall,
  SOLID_MOST,
  sealSmall,
  TAIL_BYTES,
} from "../../../src/container/segmented.ts";
import { FileChangedError } from "../../../src/errors.ts";
import { md5ToBase36 } from "../../../src/names/stored-name.ts";
import { assertProperty } from "../../property.ts";
import { readRange, readStreamed, readWhole } from "./reading.ts";
import {
  AUTO,
  BLOCK_LOG,
  CIPHERS,
  compressions,
  contents,
  gather,
  keysOf,
  META,
  noise,
  piecesOf,
  prose,
  RAW,
  reading,
} from "./samples.ts";

const ciphers = fc.constantFrom(...CIPHERS);

describe("small files", () => {
  test("come back by every reading path, whatever they hold, at every boundary", async () => {
    await assertProperty(
      fc.asyncProperty(contents, ciphers, compressions, async (plain, cipher, codec) => {
        const settings = { keys: keysOf(cipher), compression: { ...AUTO, codec }, blockLog: BLOCK_LOG };
        const { bytes, md5 } = sealSmall(plain, META, settings);
        expect(md5).toBe(md5ToBase36(hash("md5", plain, "buffer")));
        const expected = { ...META, size: plain.length, md5 };
        const whole = await readWhole(bytes, expected, reading);
        expect(whole.content.equals(plain)).toBe(true);
        const streamed = await readStreamed(777, 2)(bytes, expected, reading);
        expect(streamed.content.equals(plain)).toBe(true);
        expect(sealSmall(plain, META, settings).bytes.equals(bytes)).toBe(true);
      }),
      { numRuns: 150 },
    );
  });

  test("take exactly the bytes computed beforehand when nothing compresses, and never more", () => {
    assertProperty(
      fc.property(
        contents,
        ciphers,
        fc.constantFrom("a", "dir/日本.txt", "x".repeat(3000)),
        (plain, cipher, path) => {
          const keys = keysOf(cipher);
          const pathBytes = Buffer.byteLength(path);
          const most = maxStoredSize(plain.length, pathBytes, 88, [], BLOCK_LOG);
          const meta = { ...META, path: path };
          const raw = sealSmall(plain, meta, { keys, compression: RAW, blockLog: BLOCK_LOG });
          expect(raw.bytes.length).toBe(most);
          const compressed = sealSmall(plain, meta, { keys, compression: AUTO, blockLog: BLOCK_LOG });
          expect(compressed.bytes.length).toBeLessThanOrEqual(most);
        },
      ),
    );
  });

  test("what was opened is sealed again to the same bytes", () => {
    assertProperty(
      fc.property(contents, ciphers, (plain, cipher) => {
        const first = sealSmall(plain, META, { keys: keysOf(cipher), compression: AUTO });
        const { object, plain: again } = openSmall(first.bytes, undefined, reading);
        const { type, path, mtime, fields } = object.trailer;
        const settings = { keys: keysOf(cipher), compression: AUTO, fileSalt: object.header.fileSalt };
        expect(sealSmall(again, { type, path, mtime, fields }, settings).bytes.equals(first.bytes)).toBe(
          true,
        );
      }),
      { numRuns: 50 },
    );
  });

  test("cost 164 bytes when empty, 205 with one block, and the path", () => {
    const settings = { keys: keysOf("aes"), compression: AUTO };
    const sealed = (length: number) =>
      sealSmall(noise(length), { ...META, path: "a" }, settings).bytes.length;
    expect(sealed(0)).toBe(164 + 1);
    expect(sealed(1024)).toBe(1024 + 205 + 1);
  });

  test("open when they are just as long as the first read of their end, or a little longer", async () => {
    for (const more of [-1, 0, 1, 60, 87, 88, 89, 300]) {
      const plain = noise(TAIL_BYTES + more);
      for (let cut = 240; cut < 280; cut += 13) {
        const content = plain.subarray(cut);
        const { bytes } = sealSmall(content, META, { keys: keysOf("aes"), compression: RAW });
        const { content: read } = await readStreamed(50_000, 1)(bytes, undefined, reading);
        expect(read.equals(content)).toBe(true);
      }
    }
  });

  test("any range of them can be read", async () => {
    const plain = prose(30_000);
    for (const compression of [AUTO, RAW]) {
      const { bytes } = sealSmall(plain, META, { keys: keysOf("cha"), compression, blockLog: BLOCK_LOG });
      const { object } = openSmall(bytes, undefined, reading);
      await assertProperty(
        fc.asyncProperty(fc.nat(31_000), fc.nat(31_000), async (offset, length) => {
          const wanted = plain.subarray(offset, offset + length);
          expect((await readRange(object, bytes, offset, length)).equals(wanted)).toBe(true);
        }),
        { numRuns: 40 },
      );
    }
  });
});

describe("large files", () => {
  const size = SOLID_MOST + 5000;
  const plain = Buffer.concat([prose(4_000_000), Buffer.alloc(3_000_000), noise(size - 7_000_000)]);
  const meta = { ...META, size };

  async function seal(
    parallel: number,
    pieceBytes: number,
    compression = AUTO,
  ): Promise<[Buffer, FileSealer]> {
    const sealer = new FileSealer(meta, { keys: keysOf("aes"), compression, parallel });
    return [await gather(sealer.seal(piecesOf(plain, pieceBytes))), sealer];
  }

  test("come back in order and in ranges, and are the same however they were fed", async () => {
    const [stored, sealer] = await seal(4, 1_000_003);
    expect(stored.length).toBe(sealer.storedSize);
    expect(sealer.md5).toBe(md5ToBase36(hash("md5", plain, "buffer")));
    const [again] = await seal(1, 64 * 1024);
    expect(again.equals(stored)).toBe(true);
    const expected = { ...meta, md5: sealer.md5 };
    const { content, object } = await readStreamed(300_000, 3)(stored, expected, reading);
    expect(content.equals(plain)).toBe(true);
    if (object === undefined) throw new Error("did not open");
    const range = await readRange(object, stored, 3_999_990, 20);
    expect(range.equals(plain.subarray(3_999_990, 4_000_010))).toBe(true);
  });

  test("take exactly the bytes computed beforehand when nothing compresses", async () => {
    const [stored] = await seal(2, 1_000_000, RAW);
    expect(stored.length).toBe(maxStoredSize(size, META.path.length, 88));
  });

  test.each([size - 1, size + 1, 0])("that turn out to have %i bytes are noticed", async (bytes) => {
    const sealer = new FileSealer(meta, { keys: keysOf("aes"), compression: RAW, parallel: 2 });
    const content = Buffer.concat([plain, Buffer.alloc(1)]).subarray(0, bytes);
    await expect(gather(sealer.seal(piecesOf(content, 1_000_000)))).rejects.toThrow(FileChangedError);
    expect(() => sealer.md5).toThrow("before its end");
  });

  test("small ones have another form, and are not streamed", async () => {
    const settings = { keys: keysOf("aes"), compression: RAW, parallel: 2 };
    const sealer = new FileSealer({ ...META, size: SOLID_MOST }, settings);
    await expect(gather(sealer.seal(piecesOf(plain, 1_000_000)))).rejects.toThrow("too small");
  });
});

test("blocks grow with the file, so that its table stays small", () => {
  expect(blockLogFor(0)).toBe(18);
  expect(blockLogFor(16 * 2 ** 30)).toBe(18);
  expect(blockLogFor(16 * 2 ** 30 + 1)).toBe(19);
  expect(blockLogFor(2 ** 40)).toBe(24);
  expect(blockLogFor(2 ** 47)).toBe(26);
});
