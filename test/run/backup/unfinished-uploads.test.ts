import { describe, expect, it } from "vitest";
import { StorageError } from "../../../src/errors.ts";
import { parseStoredName } from "../../../src/names/stored-name.ts";
import { UnfinishedUploads } from "../../../src/run/backup/unfinished-uploads.ts";
import type { Storage, UnfinishedUpload } from "../../../src/storage/storage.ts";

const NOW = new Date(2_000_000_000_000);
const DAY = 86_400_000;
const SEALED = `${"0a1b2c".repeat(20)}.enc`;
const UNOPENED = `${"9z8y7x".repeat(20)}.enc`;
const upload = (key: string, ageDays: number, uploadId = key): UnfinishedUpload => ({
  key,
  uploadId,
  initiated: NOW.getTime() - ageDays * DAY,
});

async function found(
  uploads: UnfinishedUpload[] | Error,
  failing: string[] = [],
  activeDays = 1000,
  untold = new Error("not told"),
) {
  const aborted: string[] = [];
  const warnings: string[] = [];
  const storage = {
    listUploads: async () => {
      if (uploads instanceof Error) throw uploads;
      return uploads;
    },
    lastActivity: async ({ uploadId, initiated }: UnfinishedUpload) => {
      if (failing.includes(`parts of ${uploadId}`)) throw untold;
      return Math.max(initiated, NOW.getTime() - activeDays * DAY);
    },
    abortUpload: async ({ uploadId }: UnfinishedUpload) => {
      if (failing.includes(uploadId)) throw new Error("denied");
      aborted.push(uploadId);
    },
  };
  const reporter = {
    info() {},
    file() {},
    error() {},
    progress() {},
    warning: (text: string, path?: string) => warnings.push(`${path}: ${text}`),
  };
  const unfinished = new UnfinishedUploads(storage as unknown as Storage, reporter);
  const openNames = async (keys: readonly string[]) =>
    keys.map((key) => (key === SEALED ? parseStoredName("sealed.1.1.1.0.enc") : undefined));
  await unfinished.find(openNames, NOW, 7);
  return { unfinished, aborted, warnings };
}

describe("unfinished uploads", () => {
  it("of old runs go; young ones, and those of other programs, stay", async () => {
    const { unfinished, aborted } = await found([
      upload("old.1.1.1.0.enc", 8),
      upload("young.1.1.1.0.enc", 6.9),
      upload("other program.iso", 1000),
      upload(SEALED, 8),
      upload(UNOPENED, 1000),
    ]);
    await unfinished.finish();
    expect(aborted).toEqual(["old.1.1.1.0.enc", SEALED]);
  });

  it("of a path that this run has stored go, all of them and once", async () => {
    const { unfinished, aborted } = await found([
      upload("a.1.1.1.0.enc", 1, "first"),
      upload("a.2.1.1.0.enc", 1, "second"),
      upload("ab.1.1.1.0.enc", 1, "other"),
      upload(SEALED, 1),
    ]);
    unfinished.completed("a");
    unfinished.completed("a");
    unfinished.completed("sealed");
    unfinished.completed("never begun");
    await unfinished.finish();
    expect(aborted).toEqual(["first", "second", SEALED]);
  });

  it("that began long ago stay where their parts could not be listed this time; such a failure once had them removed", async () => {
    const old = upload("old.1.1.1.0.enc", 30);
    const failing = ["parts of old.1.1.1.0.enc"];
    for (const code of ["SlowDown", "ECONNRESET", "EANSWER"]) {
      const error = new StorageError("destination", "cannot be listed", { code });
      const { unfinished, aborted } = await found([old], failing, 1000, error);
      expect(aborted).toEqual([]);
      expect(unfinished.of("old")).toEqual([old]);
    }
    const stopped = new DOMException("This operation was aborted", "AbortError");
    await expect(found([old], failing, 1000, stopped)).rejects.toBe(stopped);
    await expect(found(stopped)).rejects.toBe(stopped);
  });

  it("that began long ago stay while parts are added to them, where that is told", async () => {
    const old = upload("old.1.1.1.0.enc", 30);
    const active = await found([old], [], 2);
    expect(active.aborted).toEqual([]);
    expect(active.unfinished.of("old")).toEqual([old]);
    const untold = await found([old], ["parts of old.1.1.1.0.enc"]);
    expect(untold.aborted).toEqual([old.uploadId]);
  });

  it("that cannot be listed or aborted are a warning and no more", async () => {
    expect((await found(new Error("not implemented"))).warnings).toEqual([
      expect.stringContaining("not implemented"),
    ]);
    const { unfinished, warnings } = await found([upload("a.1.1.1.0.enc", 9)], ["a.1.1.1.0.enc"]);
    await unfinished.finish();
    expect(warnings).toEqual([expect.stringMatching(/^a\.1\.1\.1\.0\.enc: .*denied/)]);
  });
});
