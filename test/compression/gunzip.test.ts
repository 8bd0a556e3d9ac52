import { gzipSync } from "node:zlib";
import { describe, expect, it, vi } from "vitest";
import { gunzipStream, gunzipWhole, isGzip } from "../../src/compression/gunzip.ts";
import { collect, noise, streamOf, text } from "./samples.ts";

const DATA = text(100_000);
const GZ = gzipSync(DATA);
const broken = expect.objectContaining({ kind: "damaged", code: "EDECOMPRESS" });
const tooLong = expect.objectContaining({ kind: "damaged", code: "ESIZE" });

const READERS = {
  whole: async (gz: Buffer, limit: number) => gunzipWhole(gz, limit),
  stream: (gz: Buffer, limit: number) => collect(gunzipStream(streamOf(gz, 1000), limit)),
};

it("gzip is known by its first two bytes", () => {
  expect(isGzip(GZ)).toBe(true);
  for (const start of ["", "1f", "1f8a", "8b1f", "fd377a"])
    expect(isGzip(Buffer.from(start, "hex"))).toBe(false);
});

describe.each(Object.entries(READERS))("reading gzip (%s)", (_name, read) => {
  it("gives what went in, and nothing for nothing", async () => {
    expect((await read(GZ, DATA.length)).equals(DATA)).toBe(true);
    expect(await read(gzipSync(Buffer.alloc(0)), 0)).toHaveLength(0);
  });

  it("takes several members, and zero padding behind them", async () => {
    const gz = Buffer.concat([GZ, gzipSync(noise(5000)), GZ, Buffer.alloc(100_000)]);
    const all = Buffer.concat([DATA, noise(5000), DATA]);
    expect((await read(gz, all.length)).equals(all)).toBe(true);
  });

  it("refuses what is cut off, changed, followed by something, or nothing at all", async () => {
    for (const length of [0, 1, 2, 9, 10, 1000, GZ.length - 8, GZ.length - 1]) {
      if (length === 0 && _name === "stream") continue; // an empty stream ends without a word; see below
      await expect(read(GZ.subarray(0, length), DATA.length), `${length}`).rejects.toThrow(broken);
    }
    for (const at of [0, 2, 500, GZ.length - 6, GZ.length - 2]) {
      const changed = Buffer.from(GZ);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      await expect(read(changed, 2 * DATA.length), `${at}`).rejects.toThrow(broken);
    }
    await expect(read(Buffer.concat([GZ, Buffer.from("behind")]), DATA.length)).rejects.toThrow(broken);
  });

  it("stops at the first byte too many", async () => {
    await expect(read(GZ, DATA.length - 1)).rejects.toThrow(tooLong);
    await expect(read(gzipSync(Buffer.alloc(50_000_000)), 1000)).rejects.toThrow(tooLong);
  });
});

describe("a stream of gzip", () => {
  it("comes in pieces of bounded size", async () => {
    let largest = 0;
    for await (const piece of gunzipStream(streamOf(gzipSync(Buffer.alloc(20_000_000))), 20_000_000)) {
      largest = Math.max(largest, piece.length);
    }
    expect(largest).toBeLessThanOrEqual(256 * 1024);
  });

  it("passes an error of its source on unchanged", async () => {
    const error = new Error("the line is dead");
    const failing = (async function* () {
      yield GZ.subarray(0, 500);
      throw error;
    })();
    await expect(collect(gunzipStream(failing, DATA.length))).rejects.toBe(error);
  });

  it("lets go of its source when nobody reads on", async () => {
    let closed = false;
    const gz = gzipSync(noise(2_000_000));
    const source = (async function* () {
      try {
        yield* streamOf(gz, 1000);
      } finally {
        closed = true;
      }
    })();
    for await (const _ of gunzipStream(source, 2_000_000)) break;
    await vi.waitFor(() => expect(closed).toBe(true), 4000); // the pipe closes it in its own time
  });
});
