import { expect, test } from "vitest";
import {
  layerOf,
  openObject,
  openRange,
  openSmall,
  openStream,
  sealSmall,
} from "../../../src/container/segmented.ts";
import { DamagedError } from "../../../src/errors.ts";
import { rangesOf, readStreamed, readWhole } from "./reading.ts";
import { AUTO, BLOCK_LOG, CIPHERS, gather, keysOf, META, noise, prose, RAW, reading } from "./samples.ts";

const PLAIN = Buffer.concat([prose(5000), noise(5000)]);

test.each(CIPHERS)(
  "one flipped bit anywhere is noticed, and nothing false is released (%s)",
  async (cipher) => {
    for (const compression of [RAW, AUTO]) {
      const { bytes, md5 } = sealSmall(PLAIN.subarray(0, 9000), META, {
        keys: keysOf(cipher),
        compression,
        blockLog: BLOCK_LOG,
      });
      const expected = { ...META, size: 9000, md5 };
      const streamed = readStreamed(100_000, 1);
      for (let at = 0; at < bytes.length; at += at < 120 || at > bytes.length - 180 ? 1 : 97) {
        const damaged = Buffer.from(bytes);
        damaged[at] = (damaged[at] as number) ^ (1 << (at % 8));
        const whole = await readWhole(damaged, expected, reading);
        expect(whole.error, `byte ${at}`).toBeInstanceOf(DamagedError);
        const { error, content } = await streamed(damaged, expected, reading);
        expect(layerOf(error), `byte ${at}`).toBe(layerOf(whole.error));
        expect(content.equals(PLAIN.subarray(0, content.length))).toBe(true);
        expect(content.length).toBeLessThan(9000);
      }
    }
  },
);

test("every shorter object is refused, and every longer one", async () => {
  const { bytes } = sealSmall(PLAIN.subarray(0, 600), META, { keys: keysOf("aes"), compression: RAW });
  for (let length = 0; length < bytes.length; length++) {
    expect(() => openSmall(bytes.subarray(0, length), undefined, reading), `${length}`).toThrow(DamagedError);
  }
  for (const more of [1, 24, 1000]) {
    const longer = Buffer.concat([bytes, Buffer.alloc(more)]);
    expect(() => openSmall(longer, undefined, reading)).toThrow(DamagedError);
  }
});

test("a storage that gives fewer bytes than it was asked for is noticed in every layer", async () => {
  const { bytes, md5 } = sealSmall(noise(300_000), META, { keys: keysOf("aes"), compression: RAW });
  const expected = { ...META, size: 300_000, md5 };
  const honest = rangesOf(bytes, 1000);
  const short = (start: number, end: number) => honest(start, end - 1);
  const opening = openObject(bytes.length, short, expected, reading);
  await expect(opening).rejects.toMatchObject({ code: "EHEADER", path: META.path });
  const object = await openObject(bytes.length, honest, expected, reading);
  const content = gather(openStream(object, short, { parallel: 2 }));
  await expect(content).rejects.toMatchObject({ code: "EBLOCK", path: META.path });
});

test("damage ends every way of reading, once a block that is wanted is damaged", async () => {
  const { bytes, md5 } = sealSmall(PLAIN, META, {
    keys: keysOf("aes"),
    compression: RAW,
    blockLog: BLOCK_LOG,
  });
  bytes[88 + 4112 + 50] = (bytes[88 + 4112 + 50] as number) ^ 1;
  const read = rangesOf(bytes, 100_000);
  const object = await openObject(bytes.length, read, { ...META, size: PLAIN.length, md5 }, reading);
  const damaged = { code: "EBLOCK", path: META.path };
  const range = (offset: number, length: number) => openRange(object, read, offset, length, { parallel: 1 });
  await expect(gather(range(4095, 2))).rejects.toMatchObject(damaged);
  await expect(gather(range(8191, 2))).rejects.toMatchObject(damaged);
  expect(await gather(range(0, 4096))).toEqual(PLAIN.subarray(0, 4096));
  expect(await gather(range(8192, 9000))).toEqual(PLAIN.subarray(8192));
});

test("errors name the file", () => {
  const { bytes, md5 } = sealSmall(PLAIN, META, { keys: keysOf("aes"), compression: RAW });
  const expected = { ...META, size: PLAIN.length, md5 };
  bytes[100] = (bytes[100] as number) ^ 1;
  expect(() => openSmall(bytes, expected, reading)).toThrow(expect.objectContaining({ path: META.path }));
});
