import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config, ObjectRule, S3StorageConfig } from "../../src/config/config.ts";
import { sealSmall } from "../../src/container/segmented.ts";
import { SegmentedKeyRing } from "../../src/crypto/segmented-key-ring.ts";
import { dropBucket, freshBucket, s3Server, whyNoServer } from "../s3-server/s3-server.ts";
import { backup, clean, filesIn, restore, T0, treeOf, verify, World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const MARK = "these words are looked for in the objects. ".repeat(40);
const PUBLIC: ObjectRule = { match: ["/public/"], encrypt: false, compression: "none" };

const ruled = (rules: readonly ObjectRule[], settings: Partial<Config> = {}): Config =>
  world.config({ container: "segmented", rules, ...settings });

/** The stored objects in which the mark can be read, by the path of their file. */
function readable(): string[] {
  return world
    .stored()
    .filter((key) => fs.readFileSync(path.join(world.dest, key)).includes(MARK.slice(0, 43)))
    .map((key) => key.replace(/(\.[^.]+){5}$/, ""));
}

/** An object as somebody without the password would make it, in place of the one of a path. */
function forge(file: string, content: string): void {
  const key = filesIn(world.dest).find((name) => name.startsWith(`${file}.`));
  if (key === undefined) throw new Error(`no object of ${file}`);
  const compression = { codec: "none", zstdLevel: 3, lzmaLevel: 1, gzipLevel: 1 } as const;
  const keys = new SegmentedKeyRing(undefined).keysFor({ kind: "none" }, "none");
  const { bytes } = sealSmall(
    Buffer.from(content),
    { type: "file", path: file, mtime: T0, fields: [] },
    { keys, compression },
  );
  fs.writeFileSync(path.join(world.dest, key), bytes);
}

describe("rules", () => {
  it("leave what they match unencrypted, and nothing else", async () => {
    world.write("public/page", MARK);
    world.write("public/deep/large", Buffer.from(MARK.repeat(3000)));
    world.write("private", MARK);
    world.write("folder/public/page", MARK);
    const config = ruled([PUBLIC]);
    expect(await clean(backup(config))).toEqual({ new: 4 });
    expect(readable()).toEqual(["public/deep/large", "public/page"]);
    expect(await clean(backup(config))).toEqual({ unchanged: 4 });
    expect(await clean(verify(config))).toEqual({ intact: 4 });
    expect(await clean(restore(config))).toEqual({ restored: 4 });
    expect(treeOf(world.restored)).toEqual(treeOf(world.src));
  });

  it("encrypt what they match where nothing else is", async () => {
    world.write("secret", MARK);
    world.write("other", MARK);
    const config = ruled([{ match: ["secret"], encrypt: true }], { encrypt: false, compression: "none" });
    const { salt: _, ...random } = config;
    await clean(backup(random));
    expect(readable()).toEqual(["other"]);
    expect(await clean(verify(random))).toEqual({ intact: 2 });
    expect(await clean(restore(random))).toEqual({ restored: 2 });
  });

  it("match by size, both bounds exclusive, and the first that names a setting decides it", async () => {
    const sizes = [0, 99, 100, 101, 200, 201];
    for (const size of sizes) world.write(`${size}`, MARK.repeat(5).slice(0, size));
    const plain = { match: [], encrypt: false, compression: "none" } as const;
    const config = ruled([
      { match: ["201"], encrypt: true },
      { ...plain, largerThan: 100, smallerThan: 201 },
      { ...plain, match: ["201", "99"] },
    ]);
    await clean(backup(config));
    expect(readable()).toEqual(["101", "200", "99"]);
    expect(await clean(verify(config))).toEqual({ intact: 6 });
  });

  it("decide how a file is compressed", async () => {
    world.write("kept.txt", MARK.repeat(10));
    world.write("packed.txt", MARK.repeat(10));
    const config = ruled([{ match: ["packed.*"], compression: "zstd" }], { compression: "none" });
    await clean(backup(config));
    const [kept = 0, packed = 0] = world.stored().map((key) => fs.statSync(path.join(world.dest, key)).size);
    expect(kept).toBeGreaterThan(MARK.length * 10);
    expect(packed).toBeLessThan(1000);
    expect(await clean(verify(config))).toEqual({ intact: 2 });
  });

  it("an object that anybody could have made is refused where files are not encrypted, too", async () => {
    world.write("public/page", MARK);
    world.write("private", MARK);
    world.write("honest", "honest");
    const config = ruled([PUBLIC]);
    await clean(backup(config));
    for (const file of ["public/page", "private"]) forge(file, MARK);
    const { told, outcomes } = await verify(config);
    expect(outcomes).toEqual({ intact: 1, failed: 2 });
    expect(told.errors.map(({ path: file }) => file).sort()).toEqual(["private", "public/page"]);
    await restore(config);
    expect(filesIn(world.restored)).toEqual(["honest"]);
  });

  it("what was stored under a rule stays readable without it", async () => {
    world.write("public/page", MARK);
    await clean(backup(ruled([PUBLIC])));
    const config = world.config({ container: "segmented" });
    expect(await clean(backup(config))).toEqual({ unchanged: 1 });
    expect(await clean(verify(config))).toEqual({ intact: 1 });
    expect(await clean(restore(config))).toEqual({ restored: 1 });
  });

  // The larger one is not sealed again but for what keeps it from being copied.
  it.each([
    { versionsKeepDays: null, times: 1 },
    { versionsKeepDays: null, times: 10_000 },
    { versionsKeepDays: 30, times: 10_000 },
  ])(
    "a file that moves to where files are encrypted is stored anew, and gone from where it was (%o)",
    async ({ versionsKeepDays, times }) => {
      const config = ruled([PUBLIC], { versionsKeepDays });
      world.write("public/page", MARK.repeat(times));
      world.write("stays", "s");
      await clean(backup(config));
      world.remove("public");
      world.write("private/page", MARK.repeat(times));
      expect(await clean(backup(config))).toEqual({ unchanged: 1, moved: 1, deleted: 1 });
      expect(readable()).not.toContain("private/page");
      expect(filesIn(world.dest).some((key) => key.startsWith("private/page."))).toBe(true);
      await clean(verify(config));
      await clean(restore(config));
      expect(treeOf(world.restored)).toEqual(treeOf(world.src));
    },
  );

  it("a touched file whose rule has gone is stored anew, encrypted", async () => {
    world.write("public/page", MARK);
    await clean(backup(ruled([PUBLIC])));
    world.write("public/page", MARK, 10);
    const config = world.config({ container: "segmented" });
    await clean(backup(config));
    expect(readable()).toEqual([]);
    expect(await clean(verify(config))).toEqual({ intact: 1 });
  });

  it("a large file whose rule has gone is not continued in the clear", async () => {
    const block = Buffer.alloc(1 << 20);
    const large = Buffer.concat(
      Array.from({ length: 33 }, (_, i) => Buffer.concat([Buffer.from(`${i} ${MARK}`), block])),
    );
    world.write("public/large", large);
    const settings = { compression: "none" } as const;
    await clean(backup(ruled([PUBLIC], settings)));
    expect(readable()).toEqual(["public/large"]);
    world.write("public/large", Buffer.concat([large, Buffer.from("more")]), 10);
    const config = world.config({ container: "segmented", ...settings });
    expect(await clean(backup(config))).toEqual({ changed: 1 });
    expect(readable()).toEqual([]);
    expect(await clean(verify(config))).toEqual({ intact: 1 });
  });

  it("metadata stay encrypted: they tell of files that no rule is about", async () => {
    world.write("public/words-in-a-name", MARK);
    fs.chmodSync(path.join(world.src, "public/words-in-a-name"), 0o640);
    const config = ruled([PUBLIC], { metadata: true });
    await clean(backup(config));
    const telling = world
      .stored()
      .filter((key) => !key.includes("words-in-a-name"))
      .filter((key) => fs.readFileSync(path.join(world.dest, key)).includes("words-in-a-name"));
    expect(telling).toEqual([]);
    await clean(restore(config));
    expect(fs.statSync(path.join(world.restored, "public/words-in-a-name")).mode & 0o777).toBe(0o640);
  });
});

const skip = whyNoServer();

describe.skipIf(skip !== undefined)(`rules in a bucket${skip ? ` (${skip})` : ""}`, () => {
  let bucket: S3StorageConfig;
  beforeEach(async () => {
    bucket = await freshBucket({ storageClass: "STANDARD_IA" });
  }, 120_000);
  afterEach(() => dropBucket(bucket));

  /** Size and storage class of all objects, by key. */
  async function objects(): Promise<{ key: string; size: number; storageClass: string }[]> {
    const { endpoint, region, credentials } = await s3Server();
    const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket.bucket }));
    client.destroy();
    return Contents.map(({ Key: key = "", Size: size = 0, StorageClass: storageClass = "STANDARD" }) => ({
      key,
      size,
      storageClass,
    }));
  }

  const classes = async (): Promise<Record<string, string>> =>
    Object.fromEntries(
      (await objects()).map(({ key, storageClass }) => [key.replace(/(\.[^.]+){5}$/, ""), storageClass]),
    );

  it.each(["classic", "segmented"] as const)(
    "small files stay out of a class, through changes, moves and retirement (%s)",
    async (container) => {
      const rules = [{ match: [], smallerThan: 10_000, storageClass: "STANDARD" }];
      const config = { ...ruled(rules, { container, compression: "none", compress: false }), dest: bucket };
      world.write("small", "small");
      world.write("moves", "moves");
      world.write("goes", "goes");
      world.write("large", Buffer.alloc(20_000, "x"));
      world.write("huge", Buffer.alloc(9 * 2 ** 20, "y"));
      await clean(backup(config));
      const usual = { huge: "STANDARD_IA", large: "STANDARD_IA", small: "STANDARD" };
      expect(await classes()).toEqual({ ...usual, moves: "STANDARD", goes: "STANDARD" });
      fs.renameSync(path.join(world.src, "moves"), path.join(world.src, "moved"));
      world.remove("goes");
      world.write("small", "small", 7);
      await clean(backup(config));
      expect(await classes()).toEqual({ ...usual, moves: "STANDARD", moved: "STANDARD", goes: "STANDARD" });
      await clean(verify(config));
    },
  );

  it("a tombstone is a small object", async () => {
    const rules = [{ match: [], smallerThan: 10_000, storageClass: "STANDARD" }];
    const settings = { versionsKeepDays: 30, retire: "tombstone" } as const;
    const config = { ...ruled(rules, settings), dest: bucket };
    world.write("stays", "stays");
    world.write("large", randomBytes(20_000));
    await clean(backup(config));
    world.remove("large");
    await clean(backup(config));
    const large = (await objects()).filter(({ key }) => key.startsWith("large."));
    const found = large.map(
      ({ size, storageClass }) => `${size < 10_000 ? "small" : "large"} ${storageClass}`,
    );
    expect(found.sort()).toEqual(["large STANDARD_IA", "small STANDARD"]);
  });
});
