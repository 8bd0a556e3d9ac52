import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LetterCase } from "../../../src/storage/local/letter-case.ts";
import { LocalStorage } from "../../../src/storage/local/local-storage.ts";
import { list } from "../conformance.ts";
import { withoutCase } from "./without-case.ts";

let root: string;
let restore = () => {};
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "letter-case-"));
});
afterEach(() => {
  restore();
  restore = () => {};
  fs.rmSync(root, { recursive: true });
});

const put = (file: string) => {
  fs.mkdirSync(path.dirname(`${root}/${file}`), { recursive: true });
  fs.writeFileSync(`${root}/${file}`, file);
};

describe("names that differ in nothing but case", () => {
  it("are told apart by most file systems, also where both are there", () => {
    put("a/f");
    put("A/f");
    expect(new LetterCase(root).isIgnoredAt("a/f")).toBe(false);
    expect(new LetterCase(root).isIgnoredAt("a")).toBe(false);
  });

  it("are one thing elsewhere, which shows by any name with letters", () => {
    put("a/12");
    put("a/F");
    restore = withoutCase(root);
    const letterCase = new LetterCase(root);
    expect(letterCase.isIgnoredAt("a/12")).toBe(false);
    expect(letterCase.isIgnoredAt("a/f")).toBe(true);
    expect(new LetterCase(root).isIgnoredAt("a/F")).toBe(true);
  });

  it("are one thing beside letters whose other case is none to the file system", () => {
    put("Straße");
    put("ßაŉ");
    put("É");
    restore = withoutCase(root);
    expect(new LetterCase(root).isIgnoredAt("Straße")).toBe(true);
    expect(new LetterCase(root).isIgnoredAt("É")).toBe(true);
    // The next name with letters tells.
    const letterCase = new LetterCase(root);
    expect(letterCase.isIgnoredAt("ßაŉ")).toBe(false);
    expect(letterCase.isIgnoredAt("Straße")).toBe(true);
  });

  it("lead to what has another name", () => {
    put("Ab/Ç/f");
    put("Ab/1");
    restore = withoutCase(root);
    const letterCase = new LetterCase(root);
    expect(letterCase.namesakeOf("Ab/Ç/f")).toBeUndefined();
    expect(letterCase.namesakeOf("Ab/Ç/F")).toBe("Ab/Ç/f");
    expect(letterCase.namesakeOf("Ab/ç/f")).toBe("Ab/Ç/f");
    expect(letterCase.namesakeOf("ab/1")).toBe("Ab/1");
    expect(letterCase.namesakeOf("Ab/2")).toBeUndefined();
    put("Ab/2");
    put("Ab/Three");
    expect(letterCase.namesakeOf("Ab/2")).toBeUndefined();
    expect(letterCase.namesakeOf("Ab/three")).toBe("Ab/Three");
  });
});

describe("a destination that does not tell them apart", () => {
  const publish = async (storage: LocalStorage, ...keys: string[]) => {
    const staged = await Promise.all(keys.map((key) => storage.write(key, Buffer.from(key))));
    return (await storage.publish(staged)).map(({ error }) => error);
  };

  it("takes nothing into a folder of another name, where it would be listed as another file", async () => {
    restore = withoutCase(root);
    const storage = new LocalStorage(root, "destination");
    expect(await publish(storage, "Dir/sub/x", "Dir/y", "dir/z", "Dir/SUB/z", "dir", "other/x")).toEqual([
      undefined,
      undefined,
      expect.objectContaining({ code: "ECASE", path: "dir/z", side: "destination" }),
      expect.objectContaining({
        code: "ECASE",
        path: "Dir/SUB/z",
        message: expect.stringContaining("Dir/sub"),
      }),
      expect.objectContaining({ code: "EISDIR" }),
      undefined,
    ]);
    expect(await publish(storage, "Dir/new", "Other/x")).toEqual([
      undefined,
      expect.objectContaining({ code: "ECASE" }),
    ]);
    expect((await list(storage)).map(({ key }) => key)).toEqual(["Dir/new", "Dir/sub/x", "Dir/y", "other/x"]);
    await storage.close();
  });

  it("takes them where it tells them apart", async () => {
    const storage = new LocalStorage(root, "destination");
    expect(await publish(storage, "Dir/x", "dir/x", "DIR")).toEqual([undefined, undefined, undefined]);
    await storage.close();
  });
});
