import { expect, it } from "vitest";
import { LIVE } from "../../../src/names/stamp.ts";
import { md5ToBase36 } from "../../../src/names/stored-name.ts";
import { S3Target } from "../../../src/run/target/s3-target.ts";
import type { ObjectStat, StagedObject, Storage } from "../../../src/storage/storage.ts";
import { md5, T0 } from "../world.ts";

const version = {
  key: "",
  path: "file",
  size: 7,
  mtime: T0,
  md5: md5ToBase36(Buffer.from(md5("content"), "hex")),
  stamp: LIVE,
  sealed: false,
};

/** A bucket's storage, as far as a test says. */
const targetOf = (storage: Partial<Storage>, backup?: string) =>
  new S3Target({ keyProblem: () => undefined, stat: async () => undefined, ...storage } as Storage, backup);

/** Whether a file is taken for restored already, without and with `--checksum`. */
async function identical(there: Partial<ObjectStat>): Promise<boolean[]> {
  const stat: ObjectStat = { size: 7, modified: T0 * 1000, ...there };
  const storage = { keyProblem: () => undefined, stat: async () => stat };
  const target = new S3Target(storage as unknown as Storage);
  const existing = await target.examine(version.path);
  if (existing === undefined) throw new Error("it is there");
  return Promise.all([false, true].map((checksum) => target.isIdentical(version, existing, checksum)));
}

it("goes by the md5 where the storage knows it, whatever the time", async () => {
  expect(await identical({ etag: md5("content"), md5: md5("content"), modified: 0 })).toEqual([true, true]);
  expect(await identical({ etag: md5("another"), md5: md5("another") })).toEqual([false, false]);
});

it("takes the object that was backed up for the same, though its metadata tell another mtime", async () => {
  expect(await identical({ etag: `${md5("parts")}-2`, mtime: 1000 })).toEqual([true, false]);
});

it("goes by the time where the ETag only looks like an md5, as with keys of KMS", async () => {
  expect(await identical({ etag: md5("sealed content") })).toEqual([true, false]);
  expect(await identical({ etag: md5("sealed content"), mtime: T0 * 1000, modified: 0 })).toEqual([
    true,
    false,
  ]);
  expect(await identical({ etag: md5("sealed content"), modified: 0 })).toEqual([false, false]);
});

it("takes nothing of another size for the same, whatever its md5 or time", async () => {
  expect(await identical({ size: 8, etag: md5("content"), md5: md5("content") })).toEqual([false, false]);
  expect(await identical({ size: 8, etag: md5("sealed content") })).toEqual([false, false]);
});

it("neither looks nor writes where the backup lies, nor at a key that S3 does not take", async () => {
  const target = targetOf({ keyProblem: (key) => (key === "bad" ? "no such key" : undefined) }, "backup/");
  await expect(target.examine("backup/file")).rejects.toMatchObject({
    code: "EREFUSED",
    path: "backup/file",
  });
  await expect(target.examine("bad")).rejects.toMatchObject({
    side: "restore",
    path: "bad",
    message: "not restored: no such key",
  });
  expect(await target.examine("backup file")).toBeUndefined();
});

it("gives the file its time and headers, and can be stopped meanwhile", async () => {
  const uploads: unknown[] = [];
  const upload: Storage["upload"] = async (...given) => {
    uploads.push(given);
    return {} as StagedObject;
  };
  const { signal } = new AbortController();
  const headers = new Map([["content-type", "text/plain"]]);
  const content = (async function* () {})();
  await targetOf({ upload }).put(version, content, signal, { headers });
  await targetOf({ upload }).put(version, content, signal);
  const options = { mtime: T0 * 1000, sizeHint: 7, signal };
  expect(uploads).toEqual([
    ["file", content, { ...options, headers }],
    ["file", content, options],
  ]);
});

it("ends a restore at once only where the bucket is missing", async () => {
  const failing = (code: string) => async () => {
    throw Object.assign(new Error(code), { code });
  };
  await expect(targetOf({ create: failing("ENOENT") }).check()).rejects.toMatchObject({ code: "ENOENT" });
  await targetOf({ create: failing("EACCES") }).check();
});
