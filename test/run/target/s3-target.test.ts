import { expect, it } from "vitest";
import { LIVE } from "../../../src/names/stamp.ts";
import { md5ToBase36 } from "../../../src/names/stored-name.ts";
import { S3Target } from "../../../src/run/target/s3-target.ts";
import type { ObjectStat, Storage } from "../../../src/storage/storage.ts";
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
