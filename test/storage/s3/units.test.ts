import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toStorageError } from "../../../src/storage/s3/errors.ts";
import { bareEtag, copySource, decodeListed, fitsXml, KeySpace } from "../../../src/storage/s3/keys.ts";
import { multipartEtag } from "../../../src/storage/s3/multipart.ts";
import { copyRanges, MIN_PART_BYTES, partBytesFor, partsInFlight } from "../../../src/storage/s3/parts.ts";
import { backoffMs, PatientRetry } from "../../../src/storage/s3/retry.ts";
import { assertProperty } from "../../property.ts";
import { callOf } from "../../s3-server/s3-operation.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

describe("part sizes", () => {
  it.each([
    [0, 8],
    [1, 8],
    [8000 * MIB, 8],
    [8000 * MIB + 1, 9],
    [32_000 * MIB, 32],
    [32_000 * MIB + 1, 32],
    [320_000 * MIB, 32],
    [320_000 * MIB + 1, 33],
    [5 * 1024 * GIB, 525],
  ])("of %i bytes is %i MiB", (size, mib) => {
    expect(partBytesFor(size)).toBe(mib * MIB);
  });

  it("never make more than 10,000 parts, nor more than 1,000 up to 31 GiB", () => {
    assertProperty(
      fc.property(fc.integer({ min: 0, max: 5 * 1024 * GIB }), (size) => {
        const count = Math.ceil(size / partBytesFor(size));
        expect(count).toBeLessThanOrEqual(size <= 31 * GIB ? 1000 : 10_000);
      }),
    );
  });

  it("keep the buffers of one writer below 128 MiB while parts are of usual size", () => {
    for (let mib = 8; mib <= 32; mib++) expect((partsInFlight(mib * MIB) + 2) * mib).toBeLessThanOrEqual(128);
    expect(partsInFlight(525 * MIB)).toBe(1);
  });
});

describe("ranges of a copy", () => {
  it("are even, cover everything once, and keep S3's limits", () => {
    assertProperty(
      fc.property(
        fc.integer({ min: 0, max: GIB }),
        fc.integer({ min: MIN_PART_BYTES, max: 5 * 1024 * GIB }),
        (start, length) => {
          const ranges = copyRanges(start, start + length);
          expect(ranges.length).toBeLessThanOrEqual(1025);
          let at = start;
          for (const range of ranges) {
            expect(range.start).toBe(at);
            expect(range.end - range.start).toBeGreaterThanOrEqual(MIN_PART_BYTES);
            expect(range.end - range.start).toBeLessThanOrEqual(5 * GIB);
            at = range.end;
          }
          expect(at).toBe(start + length);
        },
      ),
    );
  });

  it("of nothing are none", () => {
    expect(copyRanges(7, 7)).toEqual([]);
  });
});

describe("keys", () => {
  it("count in bytes, together with the base path", () => {
    const keys = new KeySpace("b".repeat(23));
    expect(keys.problem("x".repeat(1000))).toBeUndefined();
    expect(keys.problem("x".repeat(1001))).toMatch(/1024 bytes/);
    expect(keys.problem("\u00e9".repeat(500))).toBeUndefined();
    expect(keys.problem("\u00e9".repeat(501))).toMatch(/1024 bytes/);
    expect(new KeySpace("").problem("\u{1f600}".repeat(256))).toBeUndefined();
  });

  it("that are not UTF-8 are refused", () => {
    expect(new KeySpace("").problem("a\udcffb")).toMatch(/UTF-8/);
  });

  it("survive the encoding of a listing, whichever way a space is written", () => {
    assertProperty(
      fc.property(fc.string({ unit: "binary" }), (key) => {
        const encoded = encodeURIComponent(key);
        expect(decodeListed(encoded)).toBe(key);
        expect(decodeListed(encoded.replaceAll("%20", "+"))).toBe(key);
      }),
    );
  });

  it("that are listed and not UTF-8 become what no key can be, and no other key", () => {
    expect(decodeListed("not%FFutf8+%c3%a4%C3é")).toBe("not\udcffutf8 ä\udcc3é");
    expect(decodeListed("no%zzcode")).toBe("no%zzcode");
    expect(new KeySpace("").problem(decodeListed("not%FFutf8"))).toMatch(/UTF-8/);
  });

  it("go into a copy source by segment", () => {
    expect(copySource("b", "a b/c+d/%\n")).toBe("b/a%20b/c%2Bd/%25%0A");
  });

  it("that XML cannot carry are told", () => {
    for (const key of ["a\nb", "\x01", "\x7f", "\ufffe", "\uffff", "\r"]) expect(fitsXml(key)).toBe(false);
    for (const key of ["a b", "<&>\"'", "\u{1f600}", "\ufffd", "\u00e9"]) expect(fitsXml(key)).toBe(true);
  });
});

describe("ETags", () => {
  it("lose their quotes and their weakness", () => {
    expect(bareEtag('"abc-2"')).toBe("abc-2");
    expect(bareEtag('W/"abc"')).toBe("abc");
    expect(bareEtag("abc")).toBe("abc");
    expect(bareEtag('""')).toBeUndefined();
    expect(bareEtag(undefined)).toBeUndefined();
  });

  it("of a multipart object are the md5 of the md5s of its parts", () => {
    // printf a | md5sum, printf b | md5sum; both as bytes through md5sum.
    const parts = [
      { PartNumber: 1, ETag: '"0cc175b9c0f1b6a831c399e269772661"' },
      { PartNumber: 2, ETag: '"92eb5ffee6ae2fec3ad71c777531578f"' },
    ];
    expect(multipartEtag(parts)).toBe("96e024ba2074fe77e8e965ba43a704be-2");
  });
});

describe("retries", () => {
  const retry = new PatientRetry(3, 100);

  it("end after the attempts", async () => {
    const info = { errorType: "TRANSIENT" } as const;
    const first = await retry.acquireInitialRetryToken();
    const second = await retry.refreshRetryTokenForRetry(first, info);
    const third = await retry.refreshRetryTokenForRetry(second, info);
    expect(third.getRetryCount()).toBe(2);
    await expect(retry.refreshRetryTokenForRetry(third, info)).rejects.toThrow();
  });

  it.each([
    [{ name: "AccessDenied", $metadata: { httpStatusCode: 403 } }, "CLIENT_ERROR", false],
    [{ name: "NotImplemented", $metadata: { httpStatusCode: 501 } }, "SERVER_ERROR", false],
    [{ name: "Odd", $metadata: { httpStatusCode: 507 } }, "SERVER_ERROR", true],
    [{ name: "BadDigest", $metadata: { httpStatusCode: 400 } }, "CLIENT_ERROR", true],
    [{ name: "Error", code: "EPROTO" }, "CLIENT_ERROR", true],
    [{ name: "Error", code: "ENETDOWN" }, "CLIENT_ERROR", true],
    [{ name: "Error", code: "ERR_SSL_SSL/TLS_ALERT_BAD_RECORD_MAC" }, "CLIENT_ERROR", true],
    [{ name: "Error", code: "HPE_INVALID_HEADER_TOKEN" }, "CLIENT_ERROR", true],
    [{ name: "Error", code: "CERT_HAS_EXPIRED" }, "CLIENT_ERROR", false],
    [{ name: "AbortError" }, "CLIENT_ERROR", false],
    ["not even an error", "CLIENT_ERROR", false],
    // XML that ends in the middle, and a call that was given up there.
    [{ name: "Error", $metadata: { httpStatusCode: 200 } }, "CLIENT_ERROR", true],
    [{ name: "AbortError", $metadata: { httpStatusCode: 200 } }, "CLIENT_ERROR", false],
    [{ name: "Error", $metadata: { httpStatusCode: 400 } }, "CLIENT_ERROR", false],
  ] as const)("of %o (%s): %s", async (error, errorType, expected) => {
    const token = await retry.acquireInitialRetryToken();
    const again = retry.refreshRetryTokenForRetry(token, { error, errorType });
    await expect(
      again.then(
        () => true,
        () => false,
      ),
    ).resolves.toBe(expected);
  });

  it("wait a random time below a doubling ceiling of at most 20 seconds", () => {
    assertProperty(
      fc.property(fc.integer({ min: 1, max: 60 }), (count) => {
        const delay = backoffMs(count, 100);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(Math.min(20_000, 100 * 2 ** (count - 1)));
      }),
    );
  });

  it.each([
    ["SlowDown", { name: "SlowDown" }, "THROTTLING", 1],
    ["429", { name: "Odd", $metadata: { httpStatusCode: 429 } }, "THROTTLING", 1],
    // To HEAD, which has no body to say more.
    ["a bare 503", { name: "Unknown", $metadata: { httpStatusCode: 503 } }, "TRANSIENT", 1],
    ["500", { name: "InternalError", $metadata: { httpStatusCode: 500 } }, "TRANSIENT", 0],
    ["a broken connection", { name: "Error", code: "ECONNRESET" }, "TRANSIENT", 0],
  ] as const)(
    "tell whether the server asked for fewer requests, of the last attempt too: %s",
    async (_, error, errorType, expected) => {
      let told = 0;
      const watched = new PatientRetry(2, 1, () => told++);
      const first = await watched.acquireInitialRetryToken();
      const second = await watched.refreshRetryTokenForRetry(first, { error, errorType });
      expect(told).toBe(expected);
      await expect(watched.refreshRetryTokenForRetry(second, { error, errorType })).rejects.toThrow();
      expect(told).toBe(2 * expected);
    },
  );

  it("end when the run is to stop, even while one waits", async () => {
    const stop = new AbortController();
    const patient = new PatientRetry(9, 1e9, undefined, stop.signal);
    const first = await patient.acquireInitialRetryToken();
    const again = patient.refreshRetryTokenForRetry(first, { errorType: "TRANSIENT" });
    setTimeout(() => stop.abort(), 5);
    await expect(again).rejects.toThrow();
    await expect(patient.refreshRetryTokenForRetry(first, { errorType: "TRANSIENT" })).rejects.toThrow();
  });

  it("wait as long as the server asks, within reason", async () => {
    const token = await retry.acquireInitialRetryToken();
    const hint = { errorType: "THROTTLING", retryAfterHint: new Date(Date.now() + 3_600_000) } as const;
    expect((await retry.refreshRetryTokenForRetry(token, hint)).getRetryDelay()).toBe(20_000);
  });
});

describe("errors", () => {
  const context = { side: "source", location: "s3://b", secrets: ["s3cr3t", ""] } as const;

  it.each([
    [{ name: "NoSuchKey", $metadata: { httpStatusCode: 404 } }, "ENOENT"],
    [{ name: "NotFound", $metadata: { httpStatusCode: 404 } }, "ENOENT"],
    [{ name: "UnknownError", $metadata: { httpStatusCode: 404 } }, "ENOENT"],
    [{ name: "NoSuchBucket", $metadata: { httpStatusCode: 404 } }, "NoSuchBucket"],
    [{ name: "403", $metadata: { httpStatusCode: 403 } }, "AccessDenied"],
    [{ name: "PreconditionFailed", $metadata: { httpStatusCode: 412 } }, "ECHANGED"],
    [{ name: "TokenRefreshRequired", $metadata: { httpStatusCode: 403 } }, "TokenRefreshRequired"],
    [{ name: "InvalidObjectState", $metadata: { httpStatusCode: 403 } }, "InvalidObjectState"],
    [{ name: "Error", code: "ECONNRESET", message: "socket hang up" }, "ECONNRESET"],
    [{ name: "NoSuchUpload", $metadata: { httpStatusCode: 404 } }, "NoSuchUpload"],
  ])("%o is %s", (error, code) => {
    expect(toStorageError(context, "cannot be read", "k", error)).toMatchObject({
      code,
      side: "source",
      path: "k",
    });
  });

  it("of a bucket that is missing say ENOENT of the bucket only, not of an object", () => {
    for (const name of ["NoSuchBucket", "NotFound", "Error"]) {
      const error = { name, $metadata: { httpStatusCode: 404 } };
      expect(toStorageError(context, "cannot be listed", undefined, error)).toMatchObject({
        code: "ENOENT",
        path: "s3://b",
        message: "cannot be listed (no such bucket)",
        remedy: expect.stringContaining("endpoint_url"),
      });
    }
  });

  it("are one line of bounded length without secrets, control characters or the SDK's own error", () => {
    const message = `a\n\x1b[31m s3cr3t ${"x".repeat(1000)}`;
    const error = toStorageError(context, "cannot be read", undefined, { name: "Odd", message });
    expect(error.message).toMatch(/^cannot be read \(Odd: a \[31m \[hidden\] x+\.\.\.\)$/);
    expect(error.message.length).toBeLessThan(340);
    expect(error.path).toBe("s3://b");
    expect(error.cause).toBeUndefined();
  });

  it("hold no signature that a server tells back", () => {
    const message = "authorization: AWS4-HMAC-SHA256 SignedHeaders=host, Signature=703c7a5ee99051b9";
    const error = toStorageError(context, "cannot be read", "k", { name: "Odd", message });
    expect(error.message).toMatch(/SignedHeaders=host, Signature=\[hidden\]\)$/);
  });

  it("do not pass on what the SDK's parser tells its users, whatever the status", () => {
    const message =
      "char 'a' is not expected.:1:1\n  Deserialization error: to see the raw response, inspect ...";
    const { message: said } = toStorageError(context, "cannot be read", "k", {
      name: "Error",
      message,
      $metadata: { httpStatusCode: 500 },
    });
    expect(said).toBe("cannot be read (InternalError: the answer cannot be understood, status 500)");
  });

  it("of timeouts do not pass on what the SDK tells programmers", () => {
    const message =
      "@smithy/node-http-handler - the request socket timed out after 120000 ms of inactivity (configured by client requestHandler).";
    expect(toStorageError(context, "cannot be read", "k", { name: "TimeoutError", message }).message).toBe(
      "cannot be read (TimeoutError: the request socket timed out after 120000 ms of inactivity.)",
    );
  });

  it("have a code that is as clean: it comes from outside, too", () => {
    const name = `Odd\n\x1b[31m s3cr3t ${"x".repeat(5000)}`;
    const error = toStorageError(context, "cannot be read", "k", { name, message: "m" });
    expect(error.message).toMatch(/^cannot be read \(Odd \[31m \[hidden\] x+\.\.\.: m\)$/);
    expect(error.message.length).toBeLessThan(100);
    expect(error.code).toMatch(/^Odd \[31m \[hidden\] x+\.\.\.$/);
  });
});

describe("the proxy", () => {
  it.each([
    ["GET", "/b?list-type=2&prefix=", {}, "ListObjectsV2"],
    ["GET", "/b/?uploads", {}, "ListMultipartUploads"],
    ["PUT", "/b/k", {}, "PutObject"],
    ["PUT", "/b/k?partNumber=1&uploadId=x", {}, "UploadPart"],
    ["PUT", "/b/k?partNumber=1&uploadId=x", { "x-amz-copy-source": "b/k" }, "UploadPartCopy"],
    ["PUT", "/b/k?x-id=CopyObject", { "x-amz-copy-source": "b/k" }, "CopyObject"],
    ["POST", "/b/k?uploads", {}, "CreateMultipartUpload"],
    ["POST", "/b/k?uploadId=x", {}, "CompleteMultipartUpload"],
    ["DELETE", "/b/k?uploadId=x", {}, "AbortMultipartUpload"],
    ["DELETE", "/b/k", {}, "DeleteObject"],
    ["POST", "/b/?delete=", {}, "DeleteObjects"],
    ["HEAD", "/b", {}, "HeadBucket"],
    ["HEAD", "/b/a%20b/c", {}, "HeadObject"],
  ])("knows %s %s %o as %s", (method, target, headers, operation) => {
    expect(callOf(method, target, headers).operation).toBe(operation);
  });
});
