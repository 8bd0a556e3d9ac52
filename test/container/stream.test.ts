import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { xzCompress } from "../../src/compression/xz.ts";
import {
  maxStoredSize,
  openStream,
  openWhole,
  StreamSealer,
  WHOLE_LIMIT,
} from "../../src/container/classic.ts";
import { MESSAGE_LIMIT, prepareCrypto } from "../../src/crypto/aead.ts";
import { noPython, python } from "../compression/python.ts";
import { collect, noise, reusingStream, streamOf, text } from "../compression/samples.ts";
import { SALT, TYPES, VECTORS } from "../crypto/vectors.ts";
import {
  COMBINATIONS,
  type Encryption,
  expectedOf,
  fixedSealing,
  flipped,
  keyRing,
  NOW,
  sealing,
  settingsOf,
} from "./settings.ts";

vi.setConfig({ testTimeout: 60_000 }); // real work, on machines that may be busy

const MEBIBYTE = 1024 * 1024;

beforeAll(() => prepareCrypto("cha"));

const damaged = (code: string) =>
  expect.objectContaining({ name: "DamagedError", kind: "damaged", path: "dir/file", code });

const optionsOf = (settings: (typeof COMBINATIONS)[number], fixed = false) => ({
  settings,
  sealing: fixed ? fixedSealing(settings.encryption) : sealing,
  now: NOW,
  path: "dir/file",
});

async function seal(plain: Buffer, settings: (typeof COMBINATIONS)[number], fixed = false): Promise<Buffer> {
  const sealer = new StreamSealer(optionsOf(settings, fixed));
  const body = await collect(sealer.seal(reusingStream(plain, 100_003), plain.length));
  expect(sealer.head()).toHaveLength(sealer.reserve);
  expect(sealer.md5).toBe(expectedOf(plain).md5);
  return Buffer.concat([sealer.head(), body]);
}

function open(stored: Buffer, plain: Buffer, settings: (typeof COMBINATIONS)[number], step = 70_001) {
  return collect(openStream(streamOf(stored, step), expectedOf(plain), settings, keyRing));
}

describe("golden vectors of streamed objects", () => {
  it.each(TYPES)("uncompressed, they are those of the layout (%s)", async (type) => {
    const { nonce, hello, helloTag, emptyTag } = VECTORS[type];
    const head = SALT.toString("hex") + nonce.toString("hex");
    const settings = settingsOf(type, false);
    expect((await seal(Buffer.from("hello"), settings, true)).toString("hex")).toBe(head + helloTag + hello);
    expect((await seal(Buffer.alloc(0), settings, true)).toString("hex")).toBe(head + emptyTag);
  });

  it("compressed and encrypted, they stay as they are", async () => {
    const plain = noise(MEBIBYTE + 10); // stored: deflate's own bytes differ between versions of zlib
    const sums: string[] = [];
    for (const settings of COMBINATIONS) {
      const stored = await seal(plain, settings, true);
      const sum = createHash("sha256").update(stored).digest("hex").slice(0, 16);
      sums.push(`${settings.encryption} ${settings.compress} ${stored.length} ${sum}`);
    }
    expect(sums).toMatchInlineSnapshot(`
      [
        "none true 1048696 5eef42d2ad544e04",
        "none false 1048586 cd640302695b55fe",
        "aes true 1048744 5c514f3c705fde28",
        "aes false 1048634 cdf6ee5e3355322f",
        "cha true 1048752 a7bc25fef06c7106",
        "cha false 1048642 26b011b4db76286b",
      ]
    `);
  });
});

describe.each(COMBINATIONS)("a streamed object (encryption $encryption, compress $compress)", (settings) => {
  it("opens to what was sealed, at the edges of chunks", async () => {
    for (const length of [0, 1, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1]) {
      const plain = Buffer.concat([text(Math.ceil(length / 2)), noise(Math.floor(length / 2))]);
      const stored = await seal(plain, settings);
      expect(stored.length).toBeLessThanOrEqual(maxStoredSize(length, settings));
      expect((await open(stored, plain, settings)).equals(plain), `${length}`).toBe(true);
    }
  });

  it("opens whatever the pieces it comes in", async () => {
    const plain = text(3000);
    const stored = await seal(plain, settings);
    for (const step of [1, 2, 47, 48, 49, 55, 56, 57, 10_000]) {
      expect((await open(stored, plain, settings, step)).equals(plain), `${step}`).toBe(true);
    }
    expect(openWhole(stored, expectedOf(plain), settings, keyRing).equals(plain)).toBe(true);
  });

  it("cut off anywhere, is damaged", async () => {
    const plain = text(200);
    const stored = await seal(plain, settings);
    for (let length = 0; length < stored.length; length += 3) {
      await expect(open(stored.subarray(0, length), plain, settings), `${length}`).rejects.toMatchObject({
        kind: "damaged",
        path: "dir/file",
      });
    }
  });

  it("with a bit changed anywhere, never opens to anything else than it should", async () => {
    const plain = text(200);
    const stored = await seal(plain, settings);
    const from = settings.encryption === "none" ? 0 : SALT.length * 8;
    for (let bit = from; bit < stored.length * 8; bit += 5) {
      const opened = open(flipped(stored, bit), plain, settings);
      if (settings.encryption !== "none") await expect(opened, `${bit}`).rejects.toEqual(damaged("EAUTH"));
      else {
        const result = await opened.catch((error: unknown) => error);
        if (Buffer.isBuffer(result)) expect(result.equals(plain), `${bit}`).toBe(true);
        else expect(result, `${bit}`).toMatchObject({ kind: "damaged", path: "dir/file" });
      }
    }
  });

  it("never gives more bytes than its name says", async () => {
    const plain = text(2 * MEBIBYTE);
    const stored = await seal(plain, settings);
    for (const size of [0, 1, MEBIBYTE, plain.length - 1]) {
      let given = 0;
      const reading = (async () => {
        for await (const piece of openStream(
          streamOf(stored),
          { ...expectedOf(plain), size },
          settings,
          keyRing,
        )) {
          given += piece.length;
        }
      })();
      await expect(reading).rejects.toEqual(damaged("ESIZE"));
      expect(given).toBeLessThanOrEqual(size);
    }
  });

  it("with fewer bytes or another md5 than its name says, is damaged at the end", async () => {
    const plain = text(100);
    const stored = await seal(plain, settings);
    const read = (change: object) =>
      collect(openStream(streamOf(stored), { ...expectedOf(plain), ...change }, settings, keyRing));
    await expect(read({ size: 101 })).rejects.toEqual(damaged("ESIZE"));
    await expect(read({ md5: "1" })).rejects.toEqual(damaged("EMD5"));
  });

  it("is given up when its source fails, with the source's own error", async () => {
    const error = new Error("the line is dead");
    const stored = await seal(noise(MEBIBYTE), settings);
    const failing = (async function* () {
      yield stored.subarray(0, 500_000);
      throw error;
    })();
    await expect(collect(openStream(failing, expectedOf(noise(MEBIBYTE)), settings, keyRing))).rejects.toBe(
      error,
    );
  });

  it("lets go of its source when nobody reads on", async () => {
    const stored = await seal(noise(MEBIBYTE), settings);
    let closed = false;
    const source = (async function* () {
      try {
        yield* streamOf(stored, 10_000);
      } finally {
        closed = true;
      }
    })();
    for await (const _ of openStream(source, expectedOf(noise(MEBIBYTE)), settings, keyRing)) break;
    expect(closed).toBe(true);
  });
});

describe("sealing a stream", () => {
  it("of 10 MiB and one byte gives one gzip member that Python reads", async (test) => {
    if (noPython !== undefined) test.skip(noPython);
    const plain = Buffer.concat([noise(WHOLE_LIMIT / 2), text(WHOLE_LIMIT / 2 + 1)]);
    const stored = await seal(plain, settingsOf("none", true));
    expect(python("gzip", "gzip.decompress(data)", stored).equals(plain)).toBe(true);
    const sealed = await seal(plain, settingsOf("cha", true));
    expect((await open(sealed, plain, settingsOf("cha", true))).equals(plain)).toBe(true);
  });

  it("notices a file that gives more or fewer bytes than it had", async () => {
    for (const settings of COMBINATIONS) {
      for (const size of [0, 99, 101]) {
        const sealer = new StreamSealer(optionsOf(settings));
        await expect(collect(sealer.seal(streamOf(text(100)), size))).rejects.toMatchObject({
          name: "FileChangedError",
          path: "dir/file",
        });
        expect(() => sealer.head()).toThrow("before its end");
        expect(() => sealer.md5).toThrow("before its end");
      }
    }
  });

  it("refuses at once a file that is longer than its cipher can protect", async () => {
    for (const type of TYPES) {
      const untouched: AsyncIterable<Buffer> = {
        [Symbol.asyncIterator]: () => expect.unreachable("it was read"),
      };
      const sealer = new StreamSealer(optionsOf(settingsOf(type, false)));
      await expect(collect(sealer.seal(untouched, MESSAGE_LIMIT[type] + 1))).rejects.toMatchObject({
        code: "EFBIG",
        path: "dir/file",
      });
    }
  });

  it("seals once", async () => {
    const sealer = new StreamSealer(optionsOf(settingsOf("aes", false)));
    await collect(sealer.seal(streamOf(text(10)), 10));
    await expect(collect(sealer.seal(streamOf(text(10)), 10))).rejects.toThrow("twice");
  });
});

describe("opening a stream", () => {
  it("reads xz of any size, several streams or members, as the older reader does", async () => {
    const plain = Buffer.concat([text(WHOLE_LIMIT), text(1000)]);
    const settings = settingsOf("none", true);
    const xz = Buffer.concat([xzCompress(text(WHOLE_LIMIT), 0), xzCompress(text(1000), 0)]);
    expect((await open(xz, plain, settings)).equals(plain)).toBe(true);
    const gz = Buffer.concat([gzipSync(text(WHOLE_LIMIT), { level: 1 }), gzipSync(text(1000))]);
    expect((await open(gz, plain, settings)).equals(plain)).toBe(true);
  });

  it("tells authentic content that is not compressed, and does not confuse it with a wrong password", async () => {
    const plain = text(300_000);
    const stored = await seal(plain, settingsOf("aes", false));
    await expect(open(stored, plain, settingsOf("aes", true))).rejects.toEqual(damaged("EDECOMPRESS"));
    await expect(open(flipped(stored, 2_000_000), plain, settingsOf("aes", true))).rejects.toEqual(
      damaged("EAUTH"),
    );
  });

  it("keeps what stands behind the compressed data under the tag", async () => {
    const plain = text(1000);
    const body = Buffer.concat([gzipSync(plain), Buffer.alloc(1000)]);
    const sealer = new StreamSealer(optionsOf(settingsOf("aes", false)));
    const sealed = await collect(sealer.seal(streamOf(body), body.length));
    const stored = Buffer.concat([sealer.head(), sealed]);
    expect((await open(stored, plain, settingsOf("aes", true))).equals(plain)).toBe(true);
    const last = stored.length * 8 - 1;
    await expect(open(flipped(stored, last), plain, settingsOf("aes", true))).rejects.toEqual(
      damaged("EAUTH"),
    );
  });

  it("holds a bomb's output to the size of its name", async () => {
    const zeros = Buffer.alloc(50 * MEBIBYTE);
    for (const bomb of [xzCompress(zeros.subarray(0, 16 * MEBIBYTE), 0), gzipSync(zeros)]) {
      let given = 0;
      const reading = (async () => {
        const named = { size: 5000, md5: "0", path: "dir/file" };
        for await (const piece of openStream(streamOf(bomb), named, settingsOf("none", true), undefined)) {
          given += piece.length;
        }
      })();
      await expect(reading).rejects.toEqual(damaged("ESIZE"));
      expect(given).toBeLessThanOrEqual(5000);
    }
  });
});

it("the bytes kept free in front are those of salt, nonce and tag", () => {
  const reserve = (encryption: Encryption) =>
    new StreamSealer(optionsOf(settingsOf(encryption, true))).reserve;
  expect([reserve("none"), reserve("aes"), reserve("cha")]).toEqual([0, 48, 56]);
});
