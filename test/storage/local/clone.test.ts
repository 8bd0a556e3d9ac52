/** Copies that share the blocks of the file system. No test can count on one that has that, so its answer is made up. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LocalStorage } from "../../../src/storage/local/local-storage.ts";

const { copyFileSync } = fs;

/** Has reflinks succeed (by copying) or fail; counts them. */
function answerReflinks(works: boolean): { asked: number } {
  const seen = { asked: 0 };
  fs.copyFileSync = (from, to, mode) => {
    if (mode !== fs.constants.COPYFILE_FICLONE_FORCE) return copyFileSync(from, to, mode);
    seen.asked++;
    if (!works) throw Object.assign(new Error("operation not supported"), { code: "ENOTSUP" });
    copyFileSync(from, to);
  };
  syncBuiltinESMExports();
  return seen;
}

describe("a copied body", () => {
  let root: string;
  let storage: LocalStorage;

  beforeEach(async () => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "backup-clone-"));
    storage = new LocalStorage(root, "destination");
    fs.writeFileSync(path.join(root, "old.enc"), "the old body and its trailer", { mode: 0o644 });
  });
  afterEach(async () => {
    fs.copyFileSync = copyFileSync;
    syncBuiltinESMExports();
    await storage.close();
    fs.rmSync(root, { recursive: true });
  });

  async function copied(start: number, before = "") {
    const writer = await storage.createWriter("new.enc", { sizeHint: 100 });
    if (before !== "") await writer.write(Buffer.from(before));
    await writer.copyFrom("old.enc", { start, end: 12 });
    await writer.write(Buffer.from(", new trailer"));
    const staged = await writer.finish();
    expect(fs.readdirSync(path.dirname(staged.temporary ?? ""))).toHaveLength(1);
    await storage.publish([staged]);
    return { ...staged, text: fs.readFileSync(path.join(root, "new.enc"), "utf8") };
  }

  it.each([true, false])(
    "is cut and goes on, whether the file system shares blocks (%s) or not",
    async (works) => {
      const seen = answerReflinks(works);
      const { text, size, sent } = await copied(0);
      expect(text).toBe("the old body, new trailer");
      expect({ size, sent }).toEqual({ size: 25, sent: 13 });
      expect(seen.asked).toBe(1);
      expect(fs.statSync(path.join(root, "new.enc")).mode & 0o777).toBe(0o600);
      expect(fs.readFileSync(path.join(root, "old.enc"), "utf8")).toBe("the old body and its trailer");
    },
  );

  it("shares nothing where it does not begin both objects", async () => {
    const seen = answerReflinks(true);
    expect((await copied(4)).text).toBe("old body, new trailer");
    expect((await copied(0, "> ")).text).toBe("> the old body, new trailer");
    expect(seen.asked).toBe(0);
  });

  it("that is shorter than asked for is an error, and leaves nothing", async () => {
    answerReflinks(true);
    const writer = await storage.createWriter("new.enc", { sizeHint: 100 });
    await expect(writer.copyFrom("old.enc", { start: 0, end: 1000 })).rejects.toMatchObject({
      code: "ESHORT",
      side: "destination",
    });
    await writer.abort();
    const left = fs.readdirSync(root, { recursive: true, withFileTypes: true });
    expect(left.filter((entry) => entry.isFile()).map(({ name }) => name)).toEqual(["old.enc"]);
  });
});
