/** Every object that the older tool wrote opens here, to the same bytes: test/fixtures/classic/README.md. */

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import {
  type ClassicSettings,
  diagnose,
  openStream,
  openWhole,
  WHOLE_LIMIT,
} from "../../src/container/classic.ts";
import { prepareCrypto } from "../../src/crypto/aead.ts";
import { KeyRing } from "../../src/crypto/key-ring.ts";
import { parseSealedName } from "../../src/names/sealed-name.ts";
import { dateOrLive } from "../../src/names/stamp.ts";
import { looksSealed, md5FromBase36, parseStoredName } from "../../src/names/stored-name.ts";
import { streamOf } from "../compression/samples.ts";

vi.setConfig({ testTimeout: 60_000 }); // real work, on machines that may be busy

const ROOT = join(import.meta.dirname, "../fixtures/classic");

interface Config {
  encryption_password?: string;
  encryption_type?: "aes" | "cha";
  encrypt?: boolean | string;
  compress?: boolean | string;
}
interface Expected {
  files: {
    path: string;
    size: number;
    mtime: number;
    md5: string;
    sha256: string;
    deleted: number;
    stored: string;
  }[];
}

const fixtures = readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isDirectory());

beforeAll(() => prepareCrypto("cha"));

describe.each(fixtures.map(({ name }) => name))("the older tool's backup %s", (name) => {
  const config = readJson<Config>(join(ROOT, name, "config.json"));
  const { files } = readJson<Expected>(join(ROOT, name, "expected.json"));
  const type = config.encryption_type ?? "aes";
  const settings: ClassicSettings = {
    encryption: isOn(config.encrypt) ? type : "none",
    compress: isOn(config.compress),
    lzmaLevel: 6,
    gzipLevel: 6,
  };
  const keyRing = new KeyRing(config.encryption_password ?? "");

  it("has names that say what it was made of", () => {
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      const sealed = looksSealed(file.stored);
      const version = sealed ? parseSealedName(file.stored, keyRing, type) : parseStoredName(file.stored);
      const { path, mtime, size, deleted } = file;
      expect(version).toMatchObject({
        key: file.stored,
        path,
        mtime,
        size,
        stamp: dateOrLive(deleted),
        sealed,
      });
      expect(md5FromBase36(version?.md5 ?? "").toString("hex")).toBe(file.md5);
    }
  });

  it("has objects that open to the bytes it was made of, whole and streamed", async () => {
    for (const file of files) {
      const stored = readFileSync(join(ROOT, name, "dest", file.stored));
      const md5 = BigInt(`0x${file.md5}`).toString(36);
      const expected = { path: file.path, size: file.size, md5 };
      const streamed = createHash("sha256");
      for await (const piece of openStream(streamOf(stored, 10_000), expected, settings, keyRing)) {
        streamed.update(piece);
      }
      expect(streamed.digest("hex"), file.path).toBe(file.sha256);
      if (file.size <= WHOLE_LIMIT) {
        const whole = openWhole(stored, expected, settings, keyRing);
        expect(createHash("sha256").update(whole).digest("hex"), file.path).toBe(file.sha256);
      }
    }
  });

  it("shows with which settings it was made", () => {
    const smallest = [...files].sort((a, b) => a.size - b.size).slice(0, 3);
    for (const { stored, path, size, mtime, md5, deleted } of smallest) {
      const bytes = readFileSync(join(ROOT, name, "dest", stored));
      const number = BigInt(`0x${md5}`).toString(36);
      const version = {
        key: stored,
        path,
        size,
        mtime,
        md5: number,
        stamp: dateOrLive(deleted),
        sealed: false,
      };
      expect(diagnose(bytes, version, keyRing)).toEqual({
        kind: "opens",
        encryption: settings.encryption,
        compress: settings.compress,
      });
    }
  });
});

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, "utf8")) as T;
}

/** A switch as the older tool reads it; the fixtures spell it out in a few ways only. */
function isOn(value: boolean | string | undefined): boolean {
  return typeof value === "string"
    ? !["no", "false", "n", "f", "0", ""].includes(value.toLowerCase())
    : (value ?? true);
}
