import { describe, expect, it } from "vitest";
import { StorageError } from "../../src/errors.ts";
import { type OpenDestination, withSortedFallback } from "../../src/run/destination.ts";

/** Runs with so many listings that are found out of order; gives how each was asked for. */
async function run(sealedNames: boolean, failures: number, code = "EUNSORTED"): Promise<boolean[]> {
  const asked: boolean[] = [];
  const versions = async function* () {};
  const destination = { sealedNames, versions } as unknown as OpenDestination;
  await withSortedFallback(destination, async (_, sorted) => {
    asked.push(sorted);
    if (asked.length <= failures) throw new StorageError("source", "failed", { code });
  });
  return asked;
}

describe("a listing out of order", () => {
  it("is sorted at the second try, and listed in another way at each", async () => {
    expect(await run(false, 0)).toEqual([false]);
    expect(await run(false, 1)).toEqual([false, true]);
    expect(await run(false, 2)).toEqual([false, true, true]);
  });

  it("of encrypted names, which is sorted anyway, is listed again too", async () => {
    expect(await run(true, 0)).toEqual([true]);
    expect(await run(true, 2)).toEqual([true, true, true]);
  });

  it("is the only failure that is tried again, and not for ever", async () => {
    await expect(run(false, 1, "EACCES")).rejects.toMatchObject({ code: "EACCES" });
    await expect(run(false, 9)).rejects.toMatchObject({ code: "EUNSORTED" });
  });
});
