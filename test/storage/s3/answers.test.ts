import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "vitest";
import { CallStats } from "../../../src/storage/call-stats.ts";
import { isPassing } from "../../../src/storage/passing.ts";
import { rootOf } from "../../../src/storage/s3/check-answers.ts";
import { multipartEtag } from "../../../src/storage/s3/multipart.ts";
import { S3Storage } from "../../../src/storage/s3/s3-storage.ts";
import type { S3Call } from "../../s3-server/s3-operation.ts";
import { list } from "../conformance.ts";
import { type Answer, LAST, more, page, ScriptedServer } from "./scripted-server.ts";

const PORTAL = "<html>Please log in</html>";
const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0)) await one();
});

async function serve(
  answer: (call: S3Call) => Answer | undefined,
  { stop, calls }: { stop?: AbortSignal; calls?: CallStats } = {},
): Promise<{ server: ScriptedServer; storage: S3Storage }> {
  const server = await ScriptedServer.start(answer);
  const tuning = { attempts: 4, retryBaseMs: 1, listRequests: 1 };
  const storage = new S3Storage(server.config, "source", tuning, calls, stop);
  cleanUp.push(async () => {
    await storage.close();
    await server.stop();
  });
  return { server, storage };
}

/** Two pages of a listing, and `second` in place of the second one for so many times. */
function twoPages(second: string, times: number): (call: S3Call) => Answer {
  let told = 0;
  return ({ query }) => {
    if (!query.includes("continuation-token")) return { body: page(["a", "b"], more("t")) };
    return { body: told++ < times ? second : page(["c"], LAST) };
  };
}

const keysOf = async (storage: S3Storage) => (await list(storage)).map(({ key }) => key);

describe("a failure that nobody names", () => {
  it.each([
    [500, "", "InternalError"],
    [500, "out of order", "InternalError"],
    [502, "", "ServiceUnavailable"],
    [502, PORTAL, "ServiceUnavailable"],
    [504, "no answer in time", "ServiceUnavailable"],
  ])("is one of the moment: %i, %j", async (status, body, code) => {
    const { storage } = await serve(() => ({ status, body }));
    const content = Buffer.from("content");
    const requests = [storage.stat("k"), storage.readWhole("k"), storage.write("k", content)];
    for (const { reason } of (await Promise.allSettled(requests)) as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ code });
      expect(isPassing(reason)).toBe(true);
    }
  });
});

describe("an answer that sends elsewhere", () => {
  const portal = { headers: { location: "http://login.example/" }, body: PORTAL };

  it.each([302, 303, 307, 308])("is a login page's, and asked for again: %i", async (status) => {
    let told = 0;
    const { server, storage } = await serve(() =>
      told++ < 2 ? { ...portal, status } : { body: page([], LAST) },
    );
    expect(await keysOf(storage)).toEqual([]);
    expect(server.calls.length).toBe(3);
    told = -99;
    const requests = [
      list(storage),
      storage.stat("k"),
      storage.readWhole("k"),
      storage.write("k", Buffer.of(1)),
    ];
    for (const { reason } of (await Promise.allSettled(requests)) as PromiseRejectedResult[]) {
      expect(reason).toMatchObject({ code: "EANSWER", remedy: expect.stringContaining("login page") });
      expect(reason.message).toMatch(new RegExp(`\\(the answer sends elsewhere, status ${status}\\)$`));
    }
  });

  it("is an answer where an S3 server gives a reason, or knows another region", async () => {
    const body = "<Error><Code>TemporaryRedirect</Code><Message>m</Message></Error>";
    for (const [answer, code] of [
      [{ ...portal, status: 307, body }, "TemporaryRedirect"],
      [{ ...portal, status: 301 }, "PermanentRedirect"],
    ] as const) {
      const { server, storage } = await serve(() => answer);
      await expect(list(storage)).rejects.toMatchObject({ code });
      expect(server.calls.length).toBe(1);
    }
  });
});

describe("a page that is none", () => {
  const whole = page(["c"], LAST);
  it.each([
    ["a login page", PORTAL],
    ["empty", ""],
    ["without a word on whether it is the last", page(["c"], "")],
    ["cut off", whole.slice(0, -40)],
    ["cut off behind its last element", whole.slice(0, -"</ListBucketResult>".length)],
    ["cut off before its first element", whole.slice(0, 30)],
    ["no XML", "Please log in"],
    ["with a size below zero", whole.replace("<Size>1", "<Size>-1")],
    ["with a size beyond all measure", whole.replace("<Size>1", "<Size>100000000000000000000")],
    ["with a size that is no number", whole.replace("<Size>1", "<Size>many")],
    ["with a time that is none", whole.replace("<Size>", "<LastModified>soon</LastModified><Size>")],
    ["an answer to something else", `<DeleteResult>${LAST}</DeleteResult>`],
    ["an error", "<Error><Code>InternalError</Code><Message>late</Message></Error>\n"],
  ])("is asked for again, and ended a listing early once: %s", async (_, body) => {
    const passing = await serve(twoPages(body, 3));
    expect(await keysOf(passing.storage)).toEqual(["a", "b", "c"]);
    const lasting = await serve(twoPages(body, 99));
    await expect(keysOf(lasting.storage)).rejects.toMatchObject({ side: "source", path: "s3://b" });
    expect(lasting.server.calls.length).toBe(1 + 4);
  });

  it("says what to look at, and nothing of how it was read", async () => {
    for (const [body, said] of [
      [PORTAL, "cannot be listed (the answer is not a complete ListBucketResult)"],
      ["Please log in", "cannot be listed (the answer is not a complete ListBucketResult)"],
      [`${page([], "")}`.slice(0, -9), "cannot be listed (the answer cannot be understood)"],
    ] as const) {
      const { storage } = await serve(() => ({ body }));
      await expect(list(storage)).rejects.toMatchObject({
        message: said,
        code: "EANSWER",
        remedy: expect.stringContaining("proxy"),
      });
    }
  });

  it("is no end where it tells how to go on", async () => {
    const { storage } = await serve(({ query }) => ({
      body: query.includes("continuation-token")
        ? page(["b"], LAST)
        : page(["a"], "<NextContinuationToken>t</NextContinuationToken>"),
    }));
    expect(await keysOf(storage)).toEqual(["a", "b"]);
  });

  it("is not seen in an end with an empty token, a comment, or without a declaration", async () => {
    const body = `<!-- > --> <ListBucketResult><Contents><Key>a</Key></Contents>${LAST}<NextContinuationToken/></ListBucketResult>\n`;
    const { storage } = await serve(() => ({ body }));
    expect(await keysOf(storage)).toEqual(["a"]);
  });

  it("is one where it says so, whatever token comes with it", async () => {
    const { storage } = await serve(() => ({
      body: page(["a"], `${LAST}<NextContinuationToken>t</NextContinuationToken>`),
    }));
    expect(await keysOf(storage)).toEqual(["a"]);
  });

  it("of unfinished uploads, or of their parts, is none either", async () => {
    const { storage } = await serve(() => ({ body: PORTAL }));
    await expect(storage.listUploads()).rejects.toMatchObject({ code: "EANSWER" });
    const upload = { key: "k", uploadId: "u", initiated: 0 };
    await expect(storage.lastActivity(upload)).rejects.toMatchObject({ code: "EANSWER" });
  });
});

describe("an upload that is gone when it is to be completed, where ETags follow no rule", () => {
  const bytes = Buffer.alloc(8 * 2 ** 20 + 1, "x");
  const answers = (modified: number): Readonly<Record<string, Answer>> => ({
    CreateMultipartUpload: {
      body: "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
    },
    UploadPart: { headers: { etag: '"of a part"' } },
    CompleteMultipartUpload: { status: 404, body: "<Error><Code>NoSuchUpload</Code></Error>" },
    HeadObject: {
      headers: {
        etag: '"of all-2"',
        "content-length": String(bytes.length),
        "last-modified": new Date(modified).toUTCString(),
      },
    },
    AbortMultipartUpload: { status: 204 },
  });
  const write = async (modified: number) => {
    const { storage } = await serve(({ operation }) => answers(modified)[operation]);
    const writer = await storage.createWriter("k", { sizeHint: bytes.length });
    await writer.write(bytes);
    return writer.finish();
  };

  it("is found as the object that it became", async () => {
    expect(await write(Date.now())).toMatchObject({ key: "k", size: bytes.length });
  });

  it("is not taken for an older object of the same size and number of parts", async () => {
    await expect(write(Date.now() - 3_600_000)).rejects.toMatchObject({ code: "NoSuchUpload", path: "k" });
  });
});

describe("an upload whose completion fails", () => {
  const bytes = Buffer.alloc(8 * 2 ** 20 + 1, "x");
  const md5Of = (part: Uint8Array) => createHash("md5").update(part).digest("hex");
  const parts = [bytes.subarray(0, 8 * 2 ** 20), bytes.subarray(8 * 2 ** 20)].map(md5Of);
  const write = async (modified: number) => {
    const answers: Readonly<Record<string, Answer>> = {
      CreateMultipartUpload: {
        body: "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>",
      },
      CompleteMultipartUpload: { status: 503, body: "<Error><Code>SlowDown</Code></Error>" },
      HeadObject: {
        headers: {
          etag: `"${multipartEtag(parts.map((ETag) => ({ ETag })))}"`,
          "content-length": String(bytes.length),
          "last-modified": new Date(modified).toUTCString(),
        },
      },
      AbortMultipartUpload: { status: 204 },
    };
    const { storage } = await serve(({ operation, query }) =>
      operation === "UploadPart"
        ? { headers: { etag: `"${parts[query.includes("partNumber=1") ? 0 : 1]}"` } }
        : answers[operation],
    );
    const writer = await storage.createWriter("k", { sizeHint: bytes.length });
    await writer.write(bytes);
    return writer.finish();
  };

  it("is found as the object that it became all the same", async () => {
    expect(await write(Date.now())).toMatchObject({ key: "k", size: bytes.length });
  });

  it("is not taken for the same bytes that were there before", async () => {
    await expect(write(Date.now() - 3_600_000)).rejects.toMatchObject({ code: "SlowDown", path: "k" });
  });
});

describe("the root element", () => {
  it.each([
    ["<a/>", "a"],
    ['\ufeff<?xml version="1.0"?>\n<!DOCTYPE a><!-- <b> --> <a x="y">', "a"],
    ["<a", undefined],
    ["", undefined],
    ["<!-- <a>", undefined],
    ["text <a>", undefined],
  ])("of %j is %s", (text, root) => {
    expect(rootOf(Buffer.from(text))).toBe(root);
  });
});

describe("a listing without an end", () => {
  it.each<[string, (asked: number) => string]>([
    ["the same page with ever new tokens", (asked) => page(["a", "b"], more(String(asked)))],
    ["two pages in turn", (asked) => page(asked % 2 ? ["a"] : ["b"], more(String(asked % 2)))],
    ["five pages in turn", (asked) => page([`k${asked % 5}`], more(String(asked % 5)))],
    ["empty pages with ever new tokens", (asked) => page([], more(String(asked)))],
    ["one key again and again", (asked) => page(["a", "a"], more(String(asked)))],
  ])("is an error, and went on for ever: %s", async (_, body) => {
    let asked = 0;
    const { server, storage } = await serve(() => ({ body: body(asked++) }));
    await expect(list(storage)).rejects.toMatchObject({ code: "ELIST", side: "source" });
    expect(server.calls.length).toBeLessThan(150);
  });

  it("of unfinished uploads ends", async () => {
    let asked = 0;
    const { storage } = await serve(() => {
      const upload = `<Upload><Key>k</Key><UploadId>u${asked++ % 2}</UploadId></Upload>`;
      return {
        body: `<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>${upload}</ListMultipartUploadsResult>`,
      };
    });
    expect((await storage.listUploads()).map(({ uploadId }) => uploadId)).toEqual(["u0", "u1"]);
  });

  it("of parts ends", async () => {
    let asked = 0;
    const { storage } = await serve(() => ({
      body: `<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>${1 + (asked++ % 2)}</NextPartNumberMarker></ListPartsResult>`,
    }));
    expect(await storage.lastActivity({ key: "k", uploadId: "u", initiated: 7 })).toBe(7);
  });
});

describe("a removal", () => {
  it.each([
    ["a login page", PORTAL],
    ["empty", ""],
    ["an answer to something else", page([], LAST)],
  ])("of several is one only when the answer says so: %s", async (_, body) => {
    const { server, storage } = await serve(() => ({ body }));
    expect(await storage.remove(["a", "b"])).toMatchObject([
      { key: "a", error: { code: "EANSWER", side: "source" } },
      { key: "b", error: { code: "EANSWER" } },
    ]);
    expect(server.count("DeleteObjects")).toBe(4);
  });

  it("of several is one when nothing failed, by any form of the answer", async () => {
    for (const body of [
      "<DeleteResult/>",
      '<?xml version="1.0"?>\n<DeleteResult xmlns="x"></DeleteResult>',
    ]) {
      const { storage } = await serve(() => ({ body }));
      expect(await storage.remove(["a", "b"])).toEqual([]);
    }
  });

  it("of several is one of those that are not there, and of no others that the answer names", async () => {
    const error = (key: string, code: string) => `<Error><Key>${key}</Key><Code>${code}</Code></Error>`;
    const body = `<DeleteResult>${error("a", "NoSuchKey")}${error("b", "AccessDenied")}</DeleteResult>`;
    const { storage } = await serve(() => ({ body }));
    expect(await storage.remove(["a", "b", "c"])).toMatchObject([
      { key: "b", error: { code: "AccessDenied" } },
    ]);
  });

  it("of several is asked for once more where a server had trouble with single ones, or names others", async () => {
    const error = (key: string, code: string) => `<Error><Key>${key}</Key><Code>${code}</Code></Error>`;
    const answered = async (errors: string) => {
      const { server, storage } = await serve(({ operation, key }) => {
        if (operation === "DeleteObjects") return { body: `<DeleteResult>${errors}</DeleteResult>` };
        return { status: key === "d" ? 403 : 204 };
      });
      return { failures: await storage.remove(["a", "b", "c", "d"]), asked: server.count("DeleteObject") };
    };
    const trouble = error("a", "InternalError") + error("b", "SlowDown") + error("d", "AccessDenied");
    expect(await answered(trouble)).toMatchObject({ failures: [{ key: "d" }], asked: 2 });
    for (const unknown of ["", "A"])
      expect(await answered(error(unknown, "AccessDenied"))).toMatchObject({
        failures: [{ key: "d", error: { code: "AccessDenied" } }],
        asked: 4,
      });
  });

  it.each([400, 403, 405, 411, 501])(
    "of several is asked for one by one where a server says %i",
    async (status) => {
      const { server, storage } = await serve(({ operation }) => ({
        status: operation === "DeleteObjects" ? status : 204,
      }));
      expect(await storage.remove(["a", "b"])).toEqual([]);
      expect(server.count("DeleteObject")).toBe(2);
    },
  );

  it("of one that is not there is one, but not in a bucket that is not there", async () => {
    const missing = (code: string) =>
      serve(() => ({ status: 404, body: `<Error><Code>${code}</Code><Message>none</Message></Error>` }));
    const { storage } = await missing("NoSuchKey");
    expect(await storage.remove(["a"])).toEqual([]);
    const { storage: nowhere } = await missing("NoSuchBucket");
    expect(await nowhere.remove(["a"])).toMatchObject([{ key: "a" }]);
  });

  it("of one is looked at where another success than S3's is told", async () => {
    const portal = await serve(() => ({ body: PORTAL }));
    expect(await portal.storage.remove(["a"])).toMatchObject([{ key: "a", error: { code: "EANSWER" } }]);
    const odd = await serve(({ operation }) => ({ status: operation === "HeadObject" ? 404 : 200 }));
    expect(await odd.storage.remove(["a"])).toEqual([]);
    const usual = await serve(() => ({ status: 204 }));
    expect(await usual.storage.remove(["a"])).toEqual([]);
    expect(usual.server.calls.length).toBe(1);
  });

  it("is not told by a 404 that is not S3's", async () => {
    const gateway = ({ operation }: S3Call) =>
      operation === "HeadObject" ? { status: 200 } : { status: 404, body: PORTAL };
    const still = await serve(gateway);
    for (const keys of [["a"], ["a", "b"]]) {
      const failures = await still.storage.remove(keys);
      expect(failures.map(({ key }) => key)).toEqual(keys);
      for (const { error } of failures) expect(error.message).toContain("still there");
    }
    const gone = await serve(() => ({ status: 404, body: PORTAL }));
    expect(await gone.storage.remove(["a"])).toEqual([]);
  });
});

describe("once the run is to stop", () => {
  /** Aborts when the first request has come. */
  const stopping = async (answer: (call: S3Call) => Answer | undefined) => {
    const stop = new AbortController();
    const { server, storage } = await serve(
      (call) => {
        setTimeout(() => stop.abort(), 20);
        return answer(call);
      },
      { stop: stop.signal },
    );
    return { server, storage };
  };

  it("nothing is sent again, whatever it is", async () => {
    const stop = AbortSignal.abort();
    const { server, storage } = await serve(() => ({ status: 500 }), { stop });
    expect(await storage.remove(["a"])).toMatchObject([{ key: "a", error: { name: "StorageError" } }]);
    expect(await storage.remove(["a", "b"])).toHaveLength(2);
    await expect(storage.abortUpload({ key: "k", uploadId: "u", initiated: 0 })).rejects.toThrow();
    await expect(storage.write("k", Buffer.from("x"))).rejects.toThrow();
    const operations = server.calls.map(({ operation }) => operation);
    expect(operations).toEqual(["DeleteObject", "DeleteObjects", "AbortMultipartUpload", "PutObject"]);
  });

  it("nobody waits to send it again", async () => {
    const stop = new AbortController();
    const server = await ScriptedServer.start(() => ({ status: 503 }));
    const storage = new S3Storage(
      server.config,
      "source",
      { retryBaseMs: 1e9, attempts: 9 },
      undefined,
      stop.signal,
    );
    cleanUp.push(async () => {
      await storage.close();
      await server.stop();
    });
    setTimeout(() => stop.abort(), 100);
    expect(await storage.remove(["a"])).toHaveLength(1);
    expect(server.calls.length).toBe(1);
  });

  it.each<[string, (storage: S3Storage) => Promise<unknown>]>([
    ["a HEAD", (storage) => storage.stat("k")],
    ["a listing of uploads", (storage) => storage.listUploads()],
    ["a listing of parts", (storage) => storage.lastActivity({ key: "k", uploadId: "u", initiated: 0 })],
    ["the HEAD before a copy", (storage) => storage.copy("k", "l")],
  ])("what may be given up is not waited for: %s", async (_, call) => {
    const { server, storage } = await stopping(() => undefined);
    await expect(call(storage)).rejects.toThrow("aborted");
    expect(server.calls.length).toBe(1);
  });

  it("what decides whether a copy is there is not given up", async () => {
    const head = { status: 200 };
    let heads = 0;
    const { server, storage } = await stopping(({ operation }) => {
      if (operation === "CopyObject") return { body: "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>" };
      return heads++ === 0 ? head : { status: 404 };
    });
    const copying = storage.copy("k", "l");
    await expect(copying).rejects.toMatchObject({ code: "ECOPY" });
    expect(server.calls.map(({ operation }) => operation)).toEqual([
      "HeadObject",
      "CopyObject",
      "HeadObject",
    ]);
  });
});

describe("the bytes of calls", () => {
  it("are those of bodies: none of a HEAD, and of a listing however it comes", async () => {
    const calls = new CallStats();
    const body = page(["a"], LAST);
    const { storage } = await serve(() => ({ body }), { calls });
    await storage.stat("k");
    await list(storage);
    const bytes = calls.list().map(({ operation, call }) => [operation, call.bytes]);
    expect(bytes).toEqual([
      ["HeadObject", 0],
      ["ListObjectsV2", body.length],
    ]);
  });
});
