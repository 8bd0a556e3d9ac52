import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StorageError } from "../../../src/errors.ts";
import { isPassing } from "../../../src/storage/passing.ts";
import { partBytesFor, partsInFlight } from "../../../src/storage/s3/parts.ts";
import { KeptParts } from "../../../src/storage/s3/resume.ts";
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
