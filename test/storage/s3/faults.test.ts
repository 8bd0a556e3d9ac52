import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { S3StorageConfig } from "../../../src/config/config.ts";
import { S3Storage } from "../../../src/storage/s3/s3-storage.ts";
import type { Effect } from "../../s3-server/fault-proxy.ts";
import { FaultProxy } from "../../s3-server/fault-proxy.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../../s3-server/s3-server.ts";
import { collect, list, md5, pattern } from "../conformance.ts";

const PART = 8 * 2 ** 20;
const ERROR_BODY = "<?xml version='1.0'?><Error><Code>InternalError</Code></Error>";
/** As something on the way may answer, in place of the server. */
const PAGE = "<!DOCTYPE html><html><p>Sign in</html>";
const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`S3 over a bad network${skip === undefined ? "" : ` (${skip})`}`, () => {
  let proxy: FaultProxy;
  let config: S3StorageConfig;
  let storage: S3Storage;
  beforeAll(async () => {
    proxy = await FaultProxy.start((await s3Server()).endpoint);
    config = await freshBucket();
    storage = new S3Storage({ ...config, endpointUrl: proxy.url }, "destination", {
      attempts: 4,
      retryBaseMs: 1,
      idleTimeoutMs: 500,
      copyLimitBytes: PART,
    });
    await storage.create();
  }, 120_000);
  afterEach(async () => {
    const unmet = proxy.unmet();
    proxy.reset();
    for await (const batch of storage.list()) await storage.remove(batch.map(({ key }) => key));
    proxy.reset();
    expect(unmet, "a planned fault did not strike").toEqual([]);
  });
  afterAll(async () => {
    await storage?.close();
    await proxy?.stop();
    if (config !== undefined) await dropBucket(config);
  });

  const passing: [string, Effect][] = [
    ["a 503 SlowDown", { kind: "status", status: 503 }],
    ["a 500 InternalError", { kind: "status", status: 500 }],
    ["a 429", { kind: "status", status: 429, code: "TooManyRequests" }],
    ["a 400 RequestTimeout", { kind: "status", status: 400, code: "RequestTimeout" }],
    ["a 400 BadDigest", { kind: "status", status: 400, code: "BadDigest" }],
    ["a broken connection", { kind: "reset" }],
    ["a lost answer", { kind: "lose-answer" }],
    ["a silent connection", { kind: "stall" }],
  ];

  it.each(passing)("%s passes, for every operation", async (_, effect) => {
    const bytes = pattern(PART + 1000);
    for (const operation of [
      "PutObject",
      "CreateMultipartUpload",
      "UploadPart",
      "CompleteMultipartUpload",
      "HeadObject",
      "GetObject",
      "ListObjectsV2",
      "CopyObject",
      "DeleteObject",
      "DeleteObjects",
    ]) {
      // An answer to HEAD has no body that could name the error.
      if (operation === "HeadObject" && effect.kind === "status" && effect.status === 400) continue;
      proxy.fail({ operation, effect, times: effect.kind === "stall" ? 1 : 2 });
    }
    await storage.write("small", bytes.subarray(0, 1000));
    const writer = await storage.createWriter("large", { reserve: 16, sizeHint: bytes.length });
    await writer.write(bytes.subarray(16));
    await writer.finish({ head: bytes.subarray(0, 16) });
    expect(await storage.stat("large")).toMatchObject({ size: bytes.length });
    expect(md5(await storage.readWhole("large"))).toBe(md5(bytes));
    await storage.rename("small", "renamed");
    expect((await list(storage)).map(({ key }) => key)).toEqual(["large", "renamed"]);
    expect(await storage.remove(["large", "renamed"])).toEqual([]);
    expect(await list(storage)).toEqual([]);
    for (const upload of await storage.listUploads()) await storage.abortUpload(upload); // of a lost answer
  });

  it("a body that breaks off is resumed where it broke, byte for byte", async () => {
    const bytes = pattern(3_000_000);
    await storage.write("k", bytes);
    for (const at of [0, 1, 70_000, 500_000]) {
      proxy.fail({ operation: "GetObject", effect: { kind: "truncate", bytes: at } });
    }
    expect(md5(await collect(storage.read("k")))).toBe(md5(bytes));
    expect(proxy.count("GetObject").requests).toBe(5);
    expect(proxy.count("GetObject").receivedBody).toBeLessThan(bytes.length + 4 * 70_000);
  });

  it("a range that breaks off is resumed within the range", async () => {
    const bytes = pattern(300_000);
    await storage.write("k", bytes);
    for (const range of [{ start: 100, end: 200_000 }, { start: -150_000 }]) {
      proxy.fail({ operation: "GetObject", effect: { kind: "truncate", bytes: 1000 } });
      expect(await storage.readWhole("k", { range })).toEqual(bytes.subarray(range.start, range.end));
    }
  });

  it("a body that never gets on fails in the end, with what came", async () => {
    await storage.write("k", pattern(10_000));
    proxy.fail({ operation: "GetObject", effect: { kind: "truncate", bytes: 0 }, times: 4 });
    await expect(storage.readWhole("k")).rejects.toMatchObject({ path: "k", side: "destination" });
    expect(proxy.count("GetObject").requests).toBe(4);
  });

  it("an object replaced while it is read is not mixed with its successor", async () => {
    const bytes = pattern(2_000_000);
    await storage.write("k", bytes);
    proxy.fail({ operation: "GetObject", effect: { kind: "truncate", bytes: 500_000 } });
    const read = async () => {
      let first = true;
      for await (const _ of storage.read("k")) {
        if (first) await storage.write("k", pattern(2_000_000, 9));
        first = false;
      }
    };
    await expect(read()).rejects.toMatchObject({ code: "ECHANGED" });
  });

  describe("a server that does not mind If-Match", () => {
    /** An answer of its own with bytes from `start` of an object of 2,000,000. */
    const answer = (start: number, etag: string | undefined): Effect => ({
      kind: "status",
      status: start === 0 ? 200 : 206,
      body: pattern(2_000_000, 9).subarray(start),
      headers: {
        "content-type": "binary/octet-stream",
        "last-modified": "Wed, 02 Jan 2030 00:00:00 GMT",
        ...(start > 0 && { "content-range": `bytes ${start}-1999999/2000000` }),
        ...(etag !== undefined && { etag }),
      },
    });

    it.each(['"other"', 'W/"other"', undefined])(
      "does not have what was begun go on with another object (ETag %s)",
      async (etag) => {
        await storage.write("k", pattern(2_000_000));
        proxy.fail({ operation: "GetObject", effect: { kind: "truncate", bytes: 500_000 } });
        proxy.fail({ operation: "GetObject", effect: answer(500_000, etag) });
        await expect(collect(storage.read("k"))).rejects.toMatchObject({ code: "ECHANGED", path: "k" });
      },
    );

    it("has another object refused where an ETag was asked for, and not where only its form differs", async () => {
      await storage.write("k", pattern(2_000_000));
      const { etag = "" } = (await storage.stat("k")) ?? {};
      proxy.fail({ operation: "GetObject", effect: answer(0, '"other"') });
      await expect(storage.readWhole("k", { etag })).rejects.toMatchObject({ code: "ECHANGED", path: "k" });
      for (const form of [`"${etag}"`, `W/"${etag}"`, etag]) {
        proxy.reset();
        proxy.fail({ operation: "GetObject", effect: { kind: "truncate", bytes: 500_000 } });
        proxy.fail({ operation: "GetObject", effect: answer(500_000, form) });
        expect((await storage.readWhole("k", { etag })).length).toBe(2_000_000);
      }
    });
  });

  it("a failure that lasts is an error with side, key and remedy", async () => {
    proxy.fail({ operation: "PutObject", effect: { kind: "status", status: 503 }, times: 4 });
    await expect(storage.write("k", Buffer.from("x"))).rejects.toMatchObject({
      side: "destination",
      path: "k",
      code: "SlowDown",
      remedy: expect.stringContaining("fewer requests"),
    });
    expect(proxy.count("PutObject").requests).toBe(4);
  });

  it("a refusal is not tried again", async () => {
    proxy.fail({ operation: "PutObject", effect: { kind: "status", status: 403, code: "AccessDenied" } });
    await expect(storage.write("k", Buffer.from("x"))).rejects.toMatchObject({ code: "AccessDenied" });
    expect(proxy.count("PutObject").requests).toBe(1);
  });

  it("an error inside a 200 answer is an error, with or without a final newline", async () => {
    const body = "<?xml version='1.0'?><Error><Code>InternalError</Code><Message>late</Message></Error>";
    await storage.write("a", Buffer.from("x"));
    proxy.fail({ operation: "CopyObject", effect: { kind: "status", status: 200, body }, times: 4 });
    await expect(storage.rename("a", "b")).rejects.toMatchObject({ code: "InternalError" });
    proxy.fail({ operation: "CopyObject", effect: { kind: "status", status: 200, body: `${body}\n` } });
    await expect(storage.rename("a", "b")).rejects.toMatchObject({ path: "a" });
    expect((await list(storage)).map(({ key }) => key)).toEqual(["a"]);
  });

  it("an error inside the 200 answer of a completion is an error, and the upload is aborted", async () => {
    const body = "<?xml version='1.0'?><Error><Code>InternalError</Code></Error>\n";
    proxy.fail({
      operation: "CompleteMultipartUpload",
      effect: { kind: "status", status: 200, body },
      times: 4,
    });
    const writer = await storage.createWriter("k", { sizeHint: PART + 1 });
    await writer.write(pattern(PART + 1));
    await expect(writer.finish()).rejects.toMatchObject({ path: "k" });
    expect(await list(storage)).toEqual([]);
    expect(await storage.listUploads()).toEqual([]);
    proxy.reset();
  });

  it("a part that fails for good ends the writer, and leaves nothing", async () => {
    proxy.fail({ operation: "UploadPart", after: 1, effect: { kind: "status", status: 403 } });
    const writer = await storage.createWriter("k", { sizeHint: 4 * PART });
    const work = async () => {
      for (let i = 0; i < 4; i++) await writer.write(pattern(PART));
      await writer.finish();
    };
    await expect(work()).rejects.toMatchObject({ path: "k" });
    await writer.abort();
    expect(await list(storage)).toEqual([]);
    expect(await storage.listUploads()).toEqual([]);
    proxy.reset();
  });

  it("an upload whose part fails for good stops reading its stream, and leaves nothing", async () => {
    proxy.fail({
      operation: "UploadPart",
      times: 99,
      effect: { kind: "status", status: 403, code: "AccessDenied" },
    });
    let taken = 0;
    const endless = async function* () {
      for (; taken < 100; taken++) yield pattern(PART / 4);
    };
    await expect(storage.upload("k", endless(), { sizeHint: 1 })).rejects.toMatchObject({
      code: "AccessDenied",
    });
    expect(taken).toBeLessThan(50);
    expect(await list(storage)).toEqual([]);
    expect(await storage.listUploads()).toEqual([]);
    proxy.reset();
  });

  describe("an upload of several parts", () => {
    const bytes = pattern(PART + 1000);
    const upload = (content: Uint8Array) =>
      storage.upload("k", [content] as unknown as AsyncIterable<Uint8Array>, { sizeHint: content.length });

    const unclear: [string, Effect][] = [
      ["with an error in a 200", { kind: "status", status: 200, body: `${ERROR_BODY}\n` }],
      ["with nothing", { kind: "status", status: 200, body: "<CompleteMultipartUploadResult/>" }],
      ["with a page", { kind: "status", status: 200, body: PAGE }],
      ["with a 404", { kind: "status", status: 404, code: "NoSuchUpload" }],
      ["by a broken connection", { kind: "reset" }],
    ];

    it.each(unclear)("whose completion is answered %s is an error, and nothing stays", async (_, effect) => {
      for (const before of [undefined, pattern(bytes.length, 9)]) {
        // An older object of the same size, in as many parts, once counted as the new one.
        if (before !== undefined) await upload(before);
        proxy.fail({ operation: "CompleteMultipartUpload", effect, times: 4 });
        await expect(upload(bytes)).rejects.toMatchObject({ path: "k" });
        const left = (await list(storage)).map(({ size }) => size);
        expect(left).toEqual(before === undefined ? [] : [before.length]);
        if (before !== undefined) expect(md5(await storage.readWhole("k"))).toBe(md5(before));
        expect(await storage.listUploads()).toEqual([]);
        proxy.reset();
      }
    });

    it.each<[string, Effect]>([
      ["was lost", { kind: "lose-answer" }],
      ["says nothing", { kind: "replace-answer", status: 200, body: "<CompleteMultipartUploadResult/>" }],
      ["is a page", { kind: "replace-answer", status: 200, body: PAGE }],
    ])("is stored where only the answer to its completion %s", async (_, effect) => {
      proxy.fail({ operation: "CompleteMultipartUpload", effect });
      expect(await upload(bytes)).toMatchObject({ size: bytes.length });
      expect(md5(await storage.readWhole("k"))).toBe(md5(bytes));
    });

    it("that gets no id replaces nothing", async () => {
      await storage.write("k", Buffer.from("what was there"));
      proxy.reset();
      const body = "<InitiateMultipartUploadResult/>";
      const effect = { kind: "status", status: 200, body } as const;
      proxy.fail({ operation: "CreateMultipartUpload", effect, times: 4 });
      await expect(upload(bytes)).rejects.toMatchObject({ code: "EANSWER" });
      expect(proxy.count("PutObject").requests + proxy.count("UploadPart").requests).toBe(0);
      expect((await storage.readWhole("k")).toString()).toBe("what was there");
    });
  });

  it("a success without a result is no success, and tried again", async () => {
    const page = { kind: "status", status: 200, body: PAGE } as const;
    for (const operation of ["PutObject", "CreateMultipartUpload", "UploadPart"]) {
      proxy.fail({ operation, effect: page, times: 3 });
    }
    await storage.write("small", Buffer.from("x"));
    const writer = await storage.createWriter("large", { sizeHint: PART + 1 });
    await writer.write(pattern(PART + 1));
    await writer.finish();
    expect((await list(storage)).map(({ key }) => key)).toEqual(["large", "small"]);
    proxy.fail({ operation: "PutObject", effect: page, times: 8 });
    for (const store of [
      () => storage.write("k", Buffer.from("x")),
      () => storage.upload("k", [Buffer.from("x")] as unknown as AsyncIterable<Uint8Array>, { sizeHint: 1 }),
    ]) {
      await expect(store()).rejects.toMatchObject({ code: "EANSWER", path: "k", side: "destination" });
    }
    expect((await list(storage)).map(({ key }) => key)).toEqual(["large", "small"]);
  });

  it("a page in place of an object is not its content, and asked for again", async () => {
    await storage.write("k", Buffer.from("the content"));
    for (const body of [PAGE, ""]) {
      const page = { kind: "status", status: 200, body } as const;
      for (const operation of ["GetObject", "HeadObject"]) proxy.fail({ operation, effect: page, times: 3 });
      expect((await storage.readWhole("k")).toString()).toBe("the content");
      expect(await storage.stat("k")).toMatchObject({ size: 11 });
      proxy.fail({ operation: "GetObject", effect: page, times: 4 });
      await expect(storage.readWhole("k")).rejects.toMatchObject({ code: "EANSWER", path: "k" });
    }
  });

  it("a copy that did not arrive whole keeps the original", async () => {
    await storage.write("a", Buffer.from("the original"));
    await storage.write("b", Buffer.from("another"));
    const body = "<CopyObjectResult><ETag>&quot;x&quot;</ETag></CopyObjectResult>";
    proxy.fail({ operation: "CopyObject", effect: { kind: "status", status: 200, body } });
    await expect(storage.rename("a", "b")).rejects.toMatchObject({ code: "ECOPY" });
    expect((await storage.readWhole("a")).toString()).toBe("the original");
  });

  it("a copy above the limit goes in parts, keeping what is kept beside the content", async () => {
    const bytes = pattern(PART + 5);
    const headers = new Map([
      ["content-type", "text/plain"],
      ["content-language", "de"],
      ["x-amz-meta-color", "red"],
    ]);
    await storage.upload("a b/+", [bytes] as unknown as AsyncIterable<Uint8Array>, {
      mtime: 1_600_000_000_123,
      headers,
      sizeHint: bytes.length,
    });
    const before = await storage.stat("a b/+");
    await storage.rename("a b/+", "c");
    expect(proxy.count("UploadPartCopy").requests).toBe(1);
    const after = await storage.stat("c");
    expect(after).toMatchObject({ size: bytes.length, mtime: 1_600_000_000_123 });
    expect(after?.headers).toMatchObject(Object.fromEntries(headers));
    expect(after?.headers).toEqual(before?.headers);
    expect(md5(await storage.readWhole("c"))).toBe(md5(bytes));
  });

  it("headers beyond ASCII are signed and sent as the bytes that they are, again and again, however they travel", async () => {
    const bytes = (text: string) => Buffer.from(text).toString("latin1");
    const headers = new Map([
      ["content-language", bytes("grün ☃")],
      ["x-amz-meta-name", bytes("grün ☃")],
    ]);
    const unsendable = [
      ["content-disposition", bytes('attachment; filename="grün ☃.txt"')],
      ["x-amz-meta-no-utf8", "\xfc"],
    ] as const;
    const given = new Map([...headers, ...unsendable]);
    for (const length of [10, PART + 5]) {
      proxy.fail({
        operation: length > PART ? "CreateMultipartUpload" : "PutObject",
        effect: { kind: "reset" },
      });
      const content = [pattern(length)] as unknown as AsyncIterable<Uint8Array>;
      await storage.upload("k", content, { headers: given, sizeHint: length });
      await storage.rename("k", "copy");
      expect((await storage.stat("copy"))?.headers).toEqual(Object.fromEntries(headers));
    }
  });

  it("user metadata as large as S3 takes it leaves no room for the time", async () => {
    const upload = async (name: string, length: number) => {
      const headers = new Map([[`x-amz-meta-${name}`, "v".repeat(length - name.length)]]);
      const content = [pattern(10)] as unknown as AsyncIterable<Uint8Array>;
      await storage.upload("k", content, { headers, mtime: 1_600_000_000_000, sizeHint: 10 });
      return await storage.stat("k");
    };
    const room = "mtime1600000000".length;
    expect(await upload("small", 2048 - room)).toMatchObject({ mtime: 1_600_000_000_000 });
    const full = await upload("large", 2048 - room + 1);
    expect(full).not.toHaveProperty("mtime");
    expect(full?.headers?.["x-amz-meta-large"]).toHaveLength(2048 - room + 1 - "large".length);
  });

  it("where many cannot be removed by one request, they are removed one by one", async () => {
    await storage.write("a", Buffer.from("x"));
    await storage.write("b", Buffer.from("x"));
    proxy.fail({
      operation: "DeleteObjects",
      effect: { kind: "status", status: 501, code: "NotImplemented" },
    });
    expect(await storage.remove(["a", "b", "absent"])).toEqual([]);
    expect(proxy.count("DeleteObject").requests).toBe(3);
    expect(await list(storage)).toEqual([]);
  });

  it("reports those of a batch that could not be removed", async () => {
    await storage.write("a", Buffer.from("x"));
    const body =
      "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>";
    proxy.fail({ operation: "DeleteObjects", effect: { kind: "status", status: 200, body } });
    expect(await storage.remove(["a", "b"])).toMatchObject([{ key: "a", error: { code: "AccessDenied" } }]);
  });

  it("a listing that cannot be continued is an error, not a short listing", async () => {
    const body =
      "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>";
    proxy.fail({ operation: "ListObjectsV2", effect: { kind: "status", status: 200, body } });
    await expect(list(storage)).rejects.toMatchObject({ code: "ELIST" });
  });

  it("an archived object says that it has to be restored first", async () => {
    proxy.fail({
      operation: "GetObject",
      effect: { kind: "status", status: 403, code: "InvalidObjectState" },
    });
    await expect(storage.readWhole("k")).rejects.toMatchObject({
      code: "InvalidObjectState",
      remedy: expect.stringContaining("archive"),
    });
  });

  it("a wrong clock says so", async () => {
    proxy.fail({
      operation: "GetObject",
      times: 2,
      effect: { kind: "status", status: 403, code: "RequestTimeTooSkewed" },
    });
    await expect(storage.readWhole("k")).rejects.toMatchObject({
      code: "RequestTimeTooSkewed",
      remedy: expect.stringContaining("clock"),
    });
    proxy.reset();
  });

  it("no message holds a secret, whatever the server sends back", async () => {
    const { secretAccessKey, accessKeyId } = (await s3Server()).credentials;
    const body = `<Error><Code>Odd</Code><Message>key ${secretAccessKey} of ${accessKeyId}\u001b[31m</Message></Error>`;
    proxy.fail({ operation: "GetObject", effect: { kind: "status", status: 400, body } });
    const error: unknown = await storage.readWhole("k").catch((thrown: unknown) => thrown);
    const { inspect } = await import("node:util");
    const shown = inspect(error, { depth: 10, showHidden: true });
    expect(shown).toContain("Odd");
    expect(shown).not.toContain(secretAccessKey);
    expect(shown).not.toContain(accessKeyId);
    expect(error).toHaveProperty("message", expect.not.stringContaining("\u001b"));
  });
});
