import { gunzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { GZIP_CHUNK_BYTES, gzipBound, gzipStream } from "../../src/compression/gzip.ts";
import { gzipStored } from "../../src/compression/gzip-format.ts";
import { noPython, python } from "./python.ts";
import { collect, noise, reusingStream, streamOf, text } from "./samples.ts";

vi.setConfig({ testTimeout: 60_000 }); // real work, on machines that may be busy

const NOW = new Date("2026-11-20T12:00:00.900Z");
const options = { level: 6, parallel: 3, now: NOW };
const CHUNK = GZIP_CHUNK_BYTES;

/** Text with chunks of noise in it. */
const mixed = Buffer.concat([text(CHUNK + 7), noise(2 * CHUNK), text(CHUNK, 2), noise(10)]);

describe("a gzip stream", () => {
  it("of nothing is a whole member", async () => {
    const gz = await collect(gzipStream(streamOf(Buffer.alloc(0)), options));
    expect(gz.toString("hex")).toBe("1f8b08004036006b00ff03000000000000000000");
    expect(gunzipSync(gz)).toHaveLength(0);
  });

  it("has the older tool's header: no flags, the time in whole seconds, unknown system", async () => {
    for (const [level, extra] of [
      [1, 4],
      [6, 0],
      [9, 2],
    ] as const) {
      const gz = await collect(gzipStream(streamOf(text(10)), { ...options, level }));
      expect(gz.readUInt32LE(4)).toBe(Math.floor(NOW.getTime() / 1000));
      expect([...gz.subarray(0, 4), gz[8], gz[9]]).toEqual([0x1f, 0x8b, 8, 0, extra, 0xff]);
    }
  });

  it("reads back as what went in, at the edges of chunks", async () => {
    for (const length of [1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1]) {
      for (const data of [text(length), noise(length)]) {
        const gz = await collect(gzipStream(streamOf(data), options));
        expect(gunzipSync(gz).equals(data), `${length}`).toBe(true);
        expect(gz.length).toBeLessThanOrEqual(gzipBound(length));
      }
    }
  });

  it("is the same whatever the pieces and however many cores, and keeps no hold of the source's buffers", async () => {
    const once = await collect(gzipStream(streamOf(mixed, mixed.length), { ...options, parallel: 1 }));
    expect(gunzipSync(once).equals(mixed)).toBe(true);
    for (const [step, parallel] of [
      [1000, 1],
      [70_001, 4],
      [CHUNK, 2],
      [3 * CHUNK + 5, 8],
    ] as const) {
      const again = await collect(gzipStream(reusingStream(mixed, step), { ...options, parallel }));
      expect(again.equals(once), `${step} bytes, ${parallel} at once`).toBe(true);
    }
  });

  it("works at every level, and level 0 stores", async () => {
    const data = text(CHUNK + 100);
    for (let level = 0; level <= 9; level++) {
      const gz = await collect(gzipStream(streamOf(data), { ...options, level }));
      expect(gunzipSync(gz).equals(data)).toBe(true);
      if (level === 0) expect(gz.length).toBeGreaterThan(data.length);
      else expect(gz.length).toBeLessThan(data.length / 2);
    }
  });

  it("compresses across chunks: what came before serves as dictionary", async () => {
    const tail = text(20_000, 99);
    const repeated = Buffer.concat([text(CHUNK - tail.length), tail, tail]);
    const apart = Buffer.concat([text(CHUNK), tail]);
    const [near, far] = await Promise.all(
      [repeated, apart].map(async (data) => (await collect(gzipStream(streamOf(data), options))).length),
    );
    expect(near).toBeLessThan((far ?? 0) - 3000);
  });

  it("stores noise with next to no growth", async () => {
    const data = noise(2 * CHUNK + 3);
    const gz = await collect(gzipStream(streamOf(data), options));
    expect(gz.length - data.length).toBe(18 + 2 + 5 * (17 + 17 + 1));
  });

  it("passes an error of its source on", async () => {
    const failing = (async function* () {
      yield text(3 * CHUNK);
      throw new Error("the disk is gone");
    })();
    await expect(collect(gzipStream(failing, options))).rejects.toThrow("the disk is gone");
  });

  it("lets go of its source when nobody reads on", async () => {
    let closed = false;
    const source = (async function* () {
      try {
        for (;;) yield text(CHUNK);
      } finally {
        closed = true;
      }
    })();
    let pieces = 0;
    for await (const _ of gzipStream(source, options)) if (++pieces === 3) break;
    expect(closed).toBe(true);
  });

  it("is one member to Python, too", async (test) => {
    if (noPython !== undefined) test.skip(noPython);
    const gz = await collect(gzipStream(streamOf(mixed), options));
    expect(python("gzip", "gzip.decompress(data)", gz).equals(mixed)).toBe(true);
    const program = `(lambda d: (d.decompress(data), b"one" if d.eof and not d.unused_data else b"more")[1])(zlib.decompressobj(31))`;
    expect(python("zlib", program, gz).toString()).toBe("one");
  });
});

describe("a stored gzip member", () => {
  it("is read by any reader, at the edges of its blocks", () => {
    for (const length of [0, 1, 65_534, 65_535, 65_536, 131_070, 131_071]) {
      const data = noise(length);
      expect(gunzipSync(gzipStored(data, NOW)).equals(data)).toBe(true);
    }
  });

  it("is these bytes", () => {
    expect(gzipStored(Buffer.from("hi"), NOW).toString("hex")).toBe(
      "1f8b08004036006b00ff000200fdff68690300ac2a93d802000000",
    );
  });
});
