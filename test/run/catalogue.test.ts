import { describe, expect, it } from "vitest";
import { parseStoredName } from "../../src/names/stored-name.ts";
import { UnsortedListingError } from "../../src/plan/order.ts";
import {
  hasSealedNames,
  lookAhead,
  readNames,
  sortedVersions,
  streamedVersions,
} from "../../src/run/catalogue.ts";
import type { ListedObject } from "../../src/storage/storage.ts";
import { all, cut } from "../plan/worlds.ts";

const SEALED = `${"0a1b2c".repeat(20)}.enc`;
const UNOPENED = `${"9z8y7x".repeat(20)}.enc`;
const objects = (...keys: string[]): ListedObject[] => keys.map((key, i) => ({ key, modified: i }));

function reading() {
  const told: string[] = [];
  const findings = {
    onForeign: (key: string) => told.push(`foreign ${key}`),
    onUnreadable: (key: string) => told.push(`unreadable ${key}`),
  };
  const openNames = async (keys: readonly string[]) =>
    keys.map((key) => {
      const version = key === SEALED ? parseStoredName("b.1.1.1.0.enc") : undefined;
      return version && { ...version, key, sealed: true };
    });
  return { told, findings, openNames };
}

describe("the catalogue", () => {
  it("tells ours from others, and lets others be", async () => {
    const { told, findings, openNames } = reading();
    const listing = cut(
      objects("a.1.1.1.0.enc", "notes.txt", "foreign.enc", "x.1.1.1.5.enc", SEALED, UNOPENED),
      [2],
    );
    const versions = await all(readNames(listing, openNames, findings));
    expect(versions.map(({ path, key, storedAt }) => [path, key, storedAt])).toEqual([
      ["a", "a.1.1.1.0.enc", 0],
      ["b", SEALED, 4],
    ]);
    expect(told).toEqual(["foreign foreign.enc", "foreign x.1.1.1.5.enc", `unreadable ${UNOPENED}`]);
  });

  it("streams what ascends and notices what does not", async () => {
    const { findings, openNames } = reading();
    const streamed = (...keys: string[]) =>
      all(streamedVersions(cut(objects(...keys), [1]), openNames, findings));
    expect(await streamed("a.1.1.1.0.enc", "c.1.1.1.0.enc")).toHaveLength(2);
    await expect(streamed("c.1.1.1.0.enc", "a.1.1.1.0.enc")).rejects.toBeInstanceOf(UnsortedListingError);
    await expect(streamed("c.1.1.1.0.enc", SEALED)).rejects.toBeInstanceOf(UnsortedListingError);
  });

  it("sorts by plain names where it is told to", async () => {
    const { findings, openNames } = reading();
    const listing = cut(objects("c.1.1.1.0.enc", SEALED, "a.1.1.1.0.enc"), [1]);
    const versions = await all(sortedVersions(listing, openNames, findings));
    expect(versions.map(({ path }) => path)).toEqual(["a", "b", "c"]);
    expect(hasSealedNames(objects("a.1.1.1.0.enc"))).toBe(false);
    expect(hasSealedNames(objects("a.1.1.1.0.enc", SEALED))).toBe(true);
  });
});

describe("looking ahead", () => {
  it("takes nothing away from the listing, however long it is", async () => {
    for (const count of [0, 1, 5, 20]) {
      const listed = objects(...Array.from({ length: count }, (_, i) => `k${i}`));
      const { first, whole } = await lookAhead(cut(listed, [3]), 5);
      expect(first.length).toBeGreaterThanOrEqual(Math.min(5, count));
      expect(await all(whole)).toEqual(listed);
    }
  });

  it("ends the listing when the rest is not wanted", async () => {
    let ended = false;
    const endless = async function* () {
      try {
        for (;;) yield objects("k");
      } finally {
        ended = true;
      }
    };
    const { whole } = await lookAhead(endless(), 3);
    for await (const _ of whole) break;
    expect(ended).toBe(true);
  });
});
