import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { parseStoredName } from "../../../src/names/stored-name.ts";
import { UnsortedListingError } from "../../../src/plan/order.ts";
import {
  hasSealedNames,
  lookAhead,
  readNames,
  sortedVersions,
  streamedVersions,
} from "../../../src/run/destination/catalogue.ts";
import type { ListedObject } from "../../../src/storage/storage.ts";
import { all, cut } from "../../plan/worlds.ts";

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
    for (const [count, most] of [0, 1, 5, 20].flatMap((count) => [0, 7, 100].map((most) => [count, most]))) {
      const listed = objects(...Array.from({ length: count as number }, (_, i) => `k${i}`));
      const { first, whole } = await lookAhead(cut(listed, [3]), 5, most as number);
      expect(first.length).toBeGreaterThanOrEqual(Math.min(5, count as number));
      if (most === 7) await setImmediate();
      expect(await all(whole)).toEqual(listed);
    }
  });

  /** One object after the other; tells how many were asked for, and whether it was ended. */
  function counted(failAt = Number.POSITIVE_INFINITY) {
    const state = { given: 0, ended: false };
    const listing = async function* () {
      try {
        for (;;) {
          if (state.given === failAt) throw new Error("torn");
          yield objects(`k${state.given++}`);
        }
      } finally {
        state.ended = true;
      }
    };
    return { state, listing: listing() };
  }

  it("lists in advance what it may, and goes on from there when it is asked for more", async () => {
    const { state, listing } = counted();
    const { whole } = await lookAhead(listing, 3, 10);
    await expect.poll(() => state.given).toBe(10);
    const keys: string[] = [];
    for await (const batch of whole) {
      keys.push(...batch.map(({ key }) => key));
      if (keys.length === 20) break;
    }
    expect(keys).toEqual(Array.from({ length: 20 }, (_, i) => `k${i}`));
    expect(state).toEqual({ given: 20, ended: true });
  });

  it("throws what went wrong in advance behind all that came before it", async () => {
    const { state, listing } = counted(6);
    const { whole } = await lookAhead(listing, 3, 10);
    await expect.poll(() => state.ended).toBe(true);
    const keys: string[] = [];
    const take = async () => {
      for await (const batch of whole) keys.push(...batch.map(({ key }) => key));
    };
    await expect(take()).rejects.toThrow("torn");
    expect(keys).toHaveLength(6);
  });

  it("ends the listing when the rest is not wanted, or none of it", async () => {
    const some = counted();
    for await (const _ of (await lookAhead(some.listing, 3, 10)).whole) break;
    expect(some.state.ended).toBe(true);
    const none = counted();
    await (await lookAhead(none.listing, 3, 1000)).stop();
    expect(none.state.ended).toBe(true);
    expect(none.state.given).toBeLessThan(1000);
  });
});
