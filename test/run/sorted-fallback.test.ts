import { describe, expect, it } from "vitest";
import { StorageError } from "../../src/errors.ts";
import { UnsortedListingError } from "../../src/plan/order.ts";
import { type OpenDestination, withSortedFallback } from "../../src/run/destination/destination.ts";

/** Runs with so many passes that fail; gives how each was asked for. */
async function run(sealedNames: boolean, failures: number, error: Error): Promise<boolean[]> {
  const asked: boolean[] = [];
  const versions = async function* () {};
  const destination = { sealedNames, versions } as unknown as OpenDestination;
  await withSortedFallback(destination, async (_, sorted) => {
    asked.push(sorted);
    if (asked.length <= failures) throw error;
  });
  return asked;
}

describe("a listing out of order", () => {
  const unsorted = new UnsortedListingError("source", "key");

  it("is sorted at the second try", async () => {
    expect(await run(false, 0, unsorted)).toEqual([false]);
    expect(await run(false, 1, unsorted)).toEqual([false, true]);
  });

  it("of encrypted names is sorted anyway", async () => {
    expect(await run(true, 0, unsorted)).toEqual([true]);
  });

  it("is the only failure that is tried again, and once", async () => {
    const other = new StorageError("source", "failed", { code: "EACCES" });
    await expect(run(false, 1, other)).rejects.toBe(other);
    await expect(run(false, 2, unsorted)).rejects.toBe(unsorted);
    await expect(run(true, 1, unsorted)).rejects.toBe(unsorted);
  });
});
