/** `recovery/backup_reader.py` knows docs/format.md and none of our code: what it reads, others will be able to. */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { DEFAULT_COMPRESSION } from "../../src/compression/codecs.ts";
import {
  FileSealer,
  SOLID_MOST,
  sealSmall,
  sealTombstone,
  tombstoneField,
} from "../../src/container/segmented.ts";
import { passwordSource } from "../../src/crypto/key-source.ts";
import { SegmentedKeyRing } from "../../src/crypto/segmented-key-ring.ts";
import type { DestinationKeys } from "../../src/crypto/segmented-keys.ts";
import { sealSegmentedName } from "../../src/names/segmented-name.ts";
import { LIVE, type Stamp } from "../../src/names/stamp.ts";
import { formatStoredName, md5FromBase36, md5ToBase36 } from "../../src/names/stored-name.ts";
import { gather, noise, piecesOf, prose } from "../container/segmented/samples.ts";
import { nameOf } from "../vectors/names.ts";
import type { Vector } from "../vectors/vector.ts";

const ROOT = join(import.meta.dirname, "../..");
const PYTHON = "/usr/bin/python3";
const PASSWORD = "correct horse";
const installed = spawnSync(PYTHON, ["-c", "import cryptography, zstandard, argon2"]).status === 0;
const folder = mkdtempSync(join(tmpdir(), "backup-reader-"));

afterAll(() => rmSync(folder, { recursive: true }));

function run(args: readonly string[], password: string | undefined) {
  const { BACKUP_PASSWORD: _, ...env } = process.env;
  return spawnSync(PYTHON, [join(ROOT, "recovery/backup_reader.py"), ...args], {
    encoding: "utf8",
    timeout: 50_000,
    env: password === undefined ? env : { ...env, BACKUP_PASSWORD: password },
  });
}

const sha256 = (content: Buffer) => createHash("sha256").update(content).digest("hex");

/** Every file below a folder with its content's digest and its time. */
function tree(root: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { mtimeMs } = statSync(path);
    files[path.slice(root.length + 1)] = `${sha256(readFileSync(path))} ${Math.floor(mtimeMs / 1000)}`;
  }
  return files;
}

describe.skipIf(!installed)("the independent reader", () => {
  test("makes of every vector what it has to", () => {
    const vectors = ["good", "bad"].flatMap((kind) => {
      const at = join(ROOT, "test/vectors", kind);
      return readdirSync(at).map((name) => join(at, name));
    });
    const { stdout, stderr } = run(["vectors", ...vectors], undefined);
    expect(stderr).toBe("");
    const results = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(results).toHaveLength(vectors.length);
    for (const [i, path] of vectors.entries()) {
      const { expect: truth } = JSON.parse(readFileSync(path, "utf8")) as Vector;
      const { decodes: _, ...wanted } = truth.decodes ? truth : { decodes: false, fails: truth.fails };
      const { vector: __, ...result } = results[i];
      expect(result, path).toEqual(wanted);
    }
  }, 60_000);

  test.each(["aes-salt", "cha-salt-names", "mixed-names", "noencrypt-names", "nocompress", "with-deleted"])(
    "restores the classic destination %s",
    (fixture) => {
      const source = join(ROOT, "test/fixtures/classic", fixture);
      const config = JSON.parse(readFileSync(join(source, "config.json"), "utf8"));
      const target = join(folder, fixture);
      mkdirSync(target);
      const { status, stderr } = run(
        ["restore", join(source, "dest"), target],
        config.encryption_password ?? "",
      );
      expect(stderr).toBe("");
      expect(status).toBe(0);
      const { files } = JSON.parse(readFileSync(join(source, "expected.json"), "utf8"));
      const live = files.filter((file: { deleted: number }) => file.deleted === 0);
      const wanted = live.map((file: { path: string; sha256: string; mtime: number }) => [
        file.path,
        `${file.sha256} ${file.mtime}`,
      ]);
      expect(tree(target)).toEqual(Object.fromEntries(wanted));
    },
    60_000,
  );

  test("restores a segmented destination: both ciphers, both name forms, versions, tombstones, a large file", async () => {
    const destination = join(folder, "destination");
    const wanted = await fill(destination);
    const target = join(folder, "restored");
    mkdirSync(target);
    const { status, stderr } = run(["restore", destination, target], PASSWORD);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(tree(target)).toEqual(wanted);
  }, 60_000);

  test("goes on past a damaged object, says which it was, and leaves nothing of it", () => {
    const destination = join(folder, "damaged");
    const keys = keysFor("aes");
    put(destination, keys, "good.txt", prose(100), LIVE, true);
    const bad = put(destination, keys, "bad.txt", prose(100), LIVE, true);
    const bytes = readFileSync(bad);
    bytes[100] = (bytes[100] as number) ^ 1;
    writeFileSync(bad, bytes);
    const target = join(folder, "partial");
    mkdirSync(target);
    const { status, stderr } = run(["restore", destination, target], PASSWORD);
    expect(status).toBe(1);
    expect(stderr).toContain("bad.txt: block");
    expect(Object.keys(tree(target))).toEqual(["good.txt"]);
    expect(run(["restore", destination, target], "wrong").stderr).toContain("good.txt: key");
  }, 60_000);

  test("opens one object by itself", () => {
    const file = put(join(folder, "one"), keysFor("cha"), "some/path", prose(5000), LIVE, true);
    const out = join(folder, "opened");
    const { status, stdout } = run(["decrypt", file, out], PASSWORD);
    expect(status).toBe(0);
    expect(stdout).toContain("some/path 1600000000 5000");
    expect(readFileSync(out).equals(prose(5000))).toBe(true);
  }, 60_000);

  test("takes the same line of a file for the password as the tool does", () => {
    const file = put(join(folder, "filed"), keysFor("aes"), "path", prose(100), LIVE, true);
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, `\ufeff${PASSWORD}\r\nkeep this\r\n`);
    const args = ["--password-file", passwordFile, "decrypt", file, join(folder, "from-file")];
    expect(run(args, undefined)).toMatchObject({ status: 0, stderr: "" });
  }, 60_000);

  test("goes on to the next member where one gives more than a piece at its end", () => {
    const content = [Buffer.alloc(3_000_000, "0"), Buffer.from("the second member")];
    const destination = join(folder, "members");
    const target = join(folder, "members-restored");
    mkdirSync(destination);
    const plain = Buffer.concat(content);
    const md5 = md5ToBase36(createHash("md5").update(plain).digest());
    const name = formatStoredName({ path: "file", mtime: 1, size: plain.length, md5, stamp: LIVE });
    writeFileSync(join(destination, name), Buffer.concat(content.map((part) => gzipSync(part))));
    expect(run(["restore", destination, target], PASSWORD)).toMatchObject({ status: 0, stderr: "" });
    expect(tree(target)).toEqual({ file: `${sha256(plain)} 1` });
  }, 60_000);

  test("opens one classic object by itself, under its stored name, with a password from a file", () => {
    const fixture = join(ROOT, "test/fixtures/classic/aes-salt");
    const { files } = JSON.parse(readFileSync(join(fixture, "expected.json"), "utf8"));
    const { stored, sha256: digest } = files.find(({ path }: { path: string }) => path === "text/readme.txt");
    const { encryption_password } = JSON.parse(readFileSync(join(fixture, "config.json"), "utf8"));
    const password = join(folder, "password");
    writeFileSync(password, `${encryption_password}\r\nthe second line is a note\n`);
    const out = join(folder, "classic");
    const { stderr } = run(
      ["--password-file", password, "decrypt", join(fixture, "dest", stored), out],
      undefined,
    );
    expect(stderr).toBe("");
    expect(sha256(readFileSync(out))).toBe(digest);
  }, 60_000);

  test("takes of deleted files the version that was deleted last, of live ones the one stored last", () => {
    const destination = join(folder, "several");
    const keys = keysFor("aes");
    const versions: [string, number, Stamp][] = [
      ["dates", 1, { form: "date", date: 20250101 }],
      ["dates", 2, { form: "date", date: 20240101 }],
      ["date behind a stamp", 1, { form: "date", date: 20250101 }],
      ["date behind a stamp", 2, { form: "stamp", began: 1_500_000_000, ceased: 1_600_000_000 }],
      ["live", 1, LIVE],
      ["live", 2, LIVE],
      ["live", 3, { form: "date", date: 20250101 }],
      ["buried", 1, { form: "stamp", began: 1_500_000_000, ceased: 1_600_000_000 }],
    ];
    for (const [path, i, stamp] of versions) {
      const file = put(destination, keys, path, Buffer.from(`${path} ${i}`), stamp, true, 1_600_000_000 + i);
      utimesSync(file, 1_700_000_000 - i, 1_700_000_000 - i);
    }
    buried(destination, keys, "buried", true);
    const target = join(folder, "latest");
    mkdirSync(target);
    const { stderr } = run(["restore", "--at-all", destination, target], PASSWORD);
    expect(stderr).toBe("");
    const wanted = ["dates", "date behind a stamp", "live"].map((path) => [
      path,
      `${sha256(Buffer.from(`${path} 1`))} 1600000001`,
    ]);
    expect(tree(target)).toEqual(
      Object.fromEntries([...wanted, ["buried", `${sha256(prose(11))} 1600000000`]]),
    );
  }, 60_000);
});

const ring = new SegmentedKeyRing(PASSWORD);

function keysFor(cipher: "aes" | "cha"): DestinationKeys {
  return ring.keysFor(passwordSource(cipher, Buffer.alloc(16, 5)), cipher);
}

function store(destination: string, key: string, object: Buffer): string {
  const file = join(destination, key);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, object);
  return file;
}

/** Stores a file of one version; gives where. */
function put(
  destination: string,
  keys: DestinationKeys,
  path: string,
  content: Buffer,
  stamp: Stamp,
  plainName: boolean,
  mtime = 1_600_000_000,
): string {
  const meta = { type: "file", path, mtime } as const;
  const { bytes, md5 } = sealSmall(content, meta, { keys, compression: DEFAULT_COMPRESSION });
  const record = { ...meta, size: content.length, md5, stamp };
  return store(destination, plainName ? nameOf(record) : sealSegmentedName(record, keys), bytes);
}

/** A destination, and what it restores to. */
async function fill(destination: string): Promise<Record<string, string>> {
  const wanted: Record<string, string> = {};
  const retired: Stamp = { form: "stamp", began: 1_500_000_000, ceased: 1_500_000_100 };
  for (const cipher of ["aes", "cha"] as const) {
    for (const plainName of [true, false]) {
      const keys = keysFor(cipher);
      const at = `${cipher}/${plainName}`;
      const long = plainName ? "long" : "l".repeat(250);
      for (const [name, content] of [
        ["empty", Buffer.alloc(0)],
        ["noise.bin", noise(700_000)],
        [`${long}/${"日".repeat(60)}.txt`, prose(50_000)],
      ] as const) {
        put(destination, keys, `${at}/${name}`, content, LIVE, plainName);
        put(destination, keys, `${at}/${name}`, prose(77), retired, plainName);
        wanted[`${at}/${name}`] = `${sha256(content)} 1600000000`;
      }
      put(destination, keys, `${at}/.backup-meta=.0.0`, prose(9), LIVE, plainName);
      wanted[`${at}/.backup-meta.0.0`] = `${sha256(prose(9))} 1600000000`;
      put(destination, keys, `${at}/gone`, prose(10), { form: "date", date: 20240229 }, plainName);
      buried(destination, keys, `${at}/buried`, plainName);
    }
  }
  const size = SOLID_MOST + 100_000;
  const large = Buffer.concat([prose(size - 3_000_000), noise(3_000_000)]);
  const meta = { type: "file", path: "large.img", mtime: 1_600_000_000, size } as const;
  const sealer = new FileSealer(meta, {
    keys: keysFor("aes"),
    compression: DEFAULT_COMPRESSION,
    parallel: 2,
  });
  const object = await gather(sealer.seal(piecesOf(large, 1_000_000)));
  store(destination, nameOf({ ...meta, md5: sealer.md5 }), object);
  return { ...wanted, "large.img": `${sha256(large)} 1600000000` };
}

/** A live name with a tombstone that was written after it was stored. */
function buried(destination: string, keys: DestinationKeys, path: string, plainName: boolean): void {
  const file = put(destination, keys, path, prose(11), LIVE, plainName);
  utimesSync(file, 1_650_000_000, 1_650_000_000);
  const [began, ceased] = [1_650_000_000, 1_660_000_000];
  const meta = { type: "file", path, mtime: 1_600_000_000 } as const;
  const { md5 } = sealSmall(prose(11), meta, { keys, compression: DEFAULT_COMPRESSION });
  const record = { ...meta, size: 11, md5, stamp: { form: "marker", began, ceased } as const };
  const fields = [tombstoneField(began, ceased)];
  const tombstone = sealTombstone(
    { ...meta, type: "tombstone", size: 11, md5: md5FromBase36(md5), fields },
    { keys, compression: DEFAULT_COMPRESSION },
  );
  store(destination, plainName ? nameOf(record) : sealSegmentedName(record, keys), tombstone);
}
