/** Large objects are brought to the disk while they are written; what a disk says to that, once, must not get lost. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LocalStorage } from "../../../src/storage/local/local-storage.ts";
import { withFs } from "../../with-fs.ts";

const { fdatasync } = fs;
const MIB = 1024 * 1024;
const PIECE = Buffer.alloc(8 * MIB, "x");

describe("a large object", () => {
  let root: string;
  let storage: LocalStorage;
  /** Answers of the disk that are held back. */
  let held: (() => void)[];

  beforeEach(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "backup-flush-"));
    storage = new LocalStorage(root, "destination");
    held = [];
  });
  afterEach(async () => {
    fs.fdatasync = fdatasync;
    syncBuiltinESMExports();
    await storage.close();
    fs.rmSync(root, { recursive: true });
  });

  /** The disk answers each flush with `error`, when it is let to. */
  function answerFlushes(error: Error | null): void {
    fs.fdatasync = ((_fd: number, done: (error: Error | null) => void) => {
      held.push(() => done(error));
    }) as typeof fs.fdatasync;
    syncBuiltinESMExports();
  }

  async function write(bytes: number) {
    const writer = await storage.createWriter("large.enc", { sizeHint: bytes });
    for (let done = 0; done < bytes; done += PIECE.length) await writer.write(PIECE);
    return writer;
  }

  it("is flushed as it grows, one flush at a time, and closed only when none is under way", async () => {
    answerFlushes(null);
    const writer = await write(192 * MIB);
    expect(held).toHaveLength(1);
    let finished = false;
    const finishing = writer.finish().then((staged) => {
      finished = true;
      return staged;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(finished).toBe(false);
    held[0]?.();
    expect((await finishing).size).toBe(192 * MIB);
  });

  it("fails where a flush did, however well all else goes", async () => {
    answerFlushes(Object.assign(new Error("i/o error"), { code: "EIO" }));
    const writer = await write(64 * MIB);
    held[0]?.();
    await expect(writer.finish()).rejects.toMatchObject({
      code: "EIO",
      side: "destination",
      path: "large.enc",
    });
    await writer.abort();
  });

  it("is complete where the file system has no such flush", async () => {
    answerFlushes(Object.assign(new Error("invalid argument"), { code: "EINVAL" }));
    const writer = await write(64 * MIB);
    held[0]?.();
    expect((await writer.finish()).size).toBe(64 * MIB);
  });

  it("is given up only when no flush is under way: its number may be another file's then", async () => {
    answerFlushes(null);
    const writer = await write(64 * MIB);
    const { closeSync } = fs;
    const calls: string[] = [];
    const closing = (fd: number) => {
      calls.push("closed");
      closeSync(fd);
    };
    await withFs({ closeSync: closing }, async () => {
      const aborting = writer.abort();
      await new Promise((resolve) => setImmediate(resolve));
      calls.push("flushed");
      held[0]?.();
      await aborting;
    });
    expect(calls).toEqual(["flushed", "closed"]);
  });

  it("of less than 64 MiB is not", async () => {
    answerFlushes(null);
    await (await write(56 * MIB)).finish();
    expect(held).toEqual([]);
  });
});
