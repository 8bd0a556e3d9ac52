import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StorageError } from "../../../src/errors.ts";
import { isPassing } from "../../../src/storage/passing.ts";
import type { Connection } from "../../../src/storage/s3/connection.ts";
import { partBytesFor, partsInFlight } from "../../../src/storage/s3/parts.ts";
import { KeptParts, keptParts } from "../../../src/storage/s3/resume.ts";
import { assertProperty } from "../../property.ts";

const MIB = 2 ** 20;
const md5 = (text: string) => createHash("md5").update(text).digest("hex");
const part = (number: number, text: string, etag = `"${md5(text)}"`) => ({
  number,
  size: text.length,
  etag,
  modified: 0,
});
const kept = (...parts: ReturnType<typeof part>[]) =>
  new KeptParts("destination", { key: "k", uploadId: "u", initiated: 0 }, parts);

describe("parts that are there", () => {
  it("count where number, length and md5 are those of what would be sent", () => {
    const parts = kept(part(1, "one"), part(3, "three"));
    expect(parts.find(1, Buffer.from("one"))).toMatchObject({ PartNumber: 1, ETag: `"${md5("one")}"` });
    expect(parts.find(3, Buffer.from("three"))).toMatchObject({ PartNumber: 3, ETag: `"${md5("three")}"` });
    expect(parts.find(2, Buffer.from("one"))).toBeUndefined();
    expect(parts.find(1, Buffer.from("One"))).toBeUndefined();
    expect(parts.find(1, Buffer.from("one "))).toBeUndefined();
  });

  it("do not count where the ETag is no md5", () => {
    const parts = kept(part(1, "one", '"0123456789abcdef0123456789abcdef-1"'), part(2, "two", ""));
    expect(parts.find(1, Buffer.from("one"))).toBeUndefined();
    expect(parts.find(2, Buffer.from("two"))).toBeUndefined();
  });

  it("beyond the last are in the way", () => {
    expect(() => kept(part(4, "four")).checkCount(3)).toThrow(expect.objectContaining({ code: "ERESUME" }));
    expect(() => kept(part(3, "three")).checkCount(3)).not.toThrow();
    expect(() => kept().checkCount(0)).not.toThrow();
  });
});

describe("an upload that is not finished", () => {
  const HINT = 40 * MIB;
  const PART = partBytesFor(HINT);
  const COUNT = Math.ceil(HINT / PART);

  /** What is made of an upload with parts of such sizes, listed two at a time; or whose listing fails. */
  function keptOf(
    sizes: readonly number[],
    { failure, signal }: { failure?: Error; signal?: AbortSignal } = {},
  ) {
    const connection = {
      side: "destination",
      keys: { full: (key: string) => key },
      attempt: (_what: string, _key: string, _signal: unknown, run: () => unknown) => run(),
      sdk: {
        ListPartsCommand: function ListParts(this: object, input: object) {
          Object.assign(this, { input });
        },
      },
      client: {
        send: async ({ input }: { input: { PartNumberMarker?: string } }) => {
          if (failure !== undefined) throw failure;
          const from = Number(input.PartNumberMarker ?? 0);
          const Parts = sizes
            .map((Size, i) => ({ PartNumber: i + 1, Size, ETag: `"${md5("x")}"` }))
            .slice(from, from + 2);
          return { Parts, IsTruncated: from + 2 < sizes.length, NextPartNumberMarker: String(from + 2) };
        },
      },
    } as unknown as Connection;
    const upload = { key: "k", uploadId: "u", initiated: 0 };
    return keptParts(connection, upload, { sizeHint: HINT, ...(signal && { signal }) });
  }

  const whole = Array<number>(COUNT - 1).fill(PART);
  it.each<[string, number[], boolean]>([
    ["nothing in it", [], true],
    ["one short part", [1], true],
    ["all its parts", [...whole, 1], true],
    ["all its parts, the last as long as the others", [...whole, PART], true],
    ["a last part that is too long", [...whole, PART + 1], false],
    ["a short part between others", [PART, 1, PART], false],
    ["a long part between others", [PART, PART + 1, PART], false],
    ["more parts than there can be", [...whole, PART, 1], false],
  ])("with %s: goes on (%j): %s", async (_, sizes, goesOn) => {
    const found = await keptOf(sizes);
    expect(found !== undefined).toBe(goesOn);
    if (goesOn && sizes.length > 0) expect(() => found?.checkCount(sizes.length - 1)).toThrow();
  });

  it("whose parts cannot be listed is left alone, but for failures of ours and signals", async () => {
    const failure = new StorageError("destination", "cannot be listed", { code: "AccessDenied" });
    expect(await keptOf([], { failure })).toBeUndefined();
    await expect(keptOf([], { failure: new TypeError("ours") })).rejects.toThrow("ours");
    const signal = AbortSignal.abort(new Error("stop"));
    await expect(keptOf([], { failure, signal })).rejects.toThrow("stop");
  });
});

describe("what is on the wire when a run is killed", () => {
  it("is at most 64 MiB for any object up to 625 GiB", () => {
    assertProperty(
      fc.property(fc.integer({ min: 0, max: 625 * 1024 }), (mebibytes) => {
        const bytes = partBytesFor(mebibytes * MIB);
        expect(partsInFlight(bytes) * bytes).toBeLessThanOrEqual(64 * MIB);
      }),
    );
  });
});

describe("failures of the moment", () => {
  const coded = (code: string) => new StorageError("destination", "failed", { code });

  it("are told from those that stay", () => {
    for (const code of ["SlowDown", "InternalError", "TimeoutError", "ECONNRESET", "ENOSPC"]) {
      expect(isPassing(coded(code)), code).toBe(true);
    }
    for (const code of ["NotImplemented", "AccessDenied", "InvalidObjectState", "ENOENT", "ECHANGED"]) {
      expect(isPassing(coded(code)), code).toBe(false);
    }
    expect(isPassing(new Error("anything"))).toBe(false);
  });
});
