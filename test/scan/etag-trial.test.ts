import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { EtagTrial, type TriedObject } from "../../src/scan/etag-trial.ts";
import type { Storage } from "../../src/storage/storage.ts";

const md5 = (content: string) => createHash("md5").update(content).digest("hex");
const object = (key: string, content: string, etag = md5(content)): TriedObject => ({
  key,
  size: content.length,
  etag,
});

/** A bucket of these objects; others cannot be read. */
function trialOf(contents: Record<string, string>) {
  const read: string[] = [];
  const storage = {
    async *read(key: string, { etag }: { etag?: string }) {
      read.push(`${key} ${etag !== undefined}`);
      const content = contents[key];
      if (content === undefined) throw new Error("no such object");
      yield Buffer.from(content);
    },
  };
  return { trial: new EtagTrial(storage as unknown as Storage), read };
}

describe("the ETags of a bucket", () => {
  it("are tried once, on the smallest object that was listed", async () => {
    const { trial, read } = trialOf({ large: "much more", small: "little" });
    trial.note(object("large", "much more"));
    trial.note(object("small", "little"));
    trial.note(object("empty", ""));
    expect(await Promise.all([1, 2].map(() => trial.allows(object("large", "much more"))))).toEqual([
      true,
      true,
    ]);
    expect(await trial.allows(object("other", "unread"))).toBe(true);
    expect(read).toEqual(["small true"]);
  });

  it("are no md5s where that one's is none", async () => {
    const { trial, read } = trialOf({ a: "content", b: "right" });
    trial.note(object("a", "content", md5("something else")));
    expect(await trial.allows(object("b", "right and longer"))).toBe(false);
    expect(await trial.allows(object("b", "right and longer"))).toBe(false);
    expect(read).toEqual(["a true"]);
  });

  it("are tried on the object in question where none was listed, or the one listed cannot be read", async () => {
    const { trial, read } = trialOf({ b: "content" });
    trial.note(object("gone", "x"));
    expect(await trial.allows(object("b", "content"))).toBe(false);
    expect(await trial.allows(object("b", "content"))).toBe(true);
    expect(read).toEqual(["gone true", "b true"]);
  });

  it("are not trusted where three objects could not be read", async () => {
    const { trial, read } = trialOf({ d: "content" });
    for (const key of ["a", "b", "c", "d"]) expect(await trial.allows(object(key, "content"))).toBe(false);
    expect(read).toEqual(["a true", "b true", "c true"]);
  });

  it("of empty objects are known, and prove nothing", async () => {
    const { trial, read } = trialOf({ a: "" });
    expect(await trial.allows(object("a", ""))).toBe(true);
    expect(await trial.allows(object("a", "", md5("x")))).toBe(false);
    expect(read).toEqual([]);
  });
});
