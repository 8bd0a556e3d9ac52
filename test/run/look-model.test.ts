/** What list and diff show of the past, against a model that knows nothing of names. */
import * as fs from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { runDiff } from "../../src/run/look/diff.ts";
import { runList } from "../../src/run/look/list.ts";
import { assertProperty } from "../property.ts";
import { storedName } from "./stored-by-hand.ts";
import { Recorder, T0, World } from "./world.ts";

const START = Date.UTC(2025, 4, 1, 12) / 1000;
const UNIT = 100;
const PATHS = ["a", "a/b.txt", "a.b", "z \u00e9/=", ".backup-meta.x"];

/** A time in which a file had one of three contents; without an end it is live. */
interface Life {
  readonly content: number;
  readonly began: number;
  readonly ceased: number | undefined;
}

interface Past {
  readonly retire: "rename" | "tombstone";
  readonly lives: readonly Life[];
}

const past: fc.Arbitrary<Past> = fc
  .record({
    retire: fc.constantFrom("rename", "tombstone"),
    steps: fc.array(
      fc.record({
        content: fc.nat(2),
        gap: fc.nat(3),
        length: fc.integer({ min: 1, max: 4 }),
      }),
      { maxLength: 5 },
    ),
    isLive: fc.boolean(),
  })
  .map(({ retire, steps, isLive }) => {
    let time = START;
    const lives = steps.map(({ content, gap, length }, i) => {
      const began = time + gap * UNIT;
      time = began + length * UNIT;
      return { content, began, ceased: isLive && i === steps.length - 1 ? undefined : time };
    });
    return { retire, lives };
  });

const textOf = (content: number) => `content ${content}`;

/** Lays the objects down as a run would have left them. */
function lay(world: World, file: string, { retire, lives }: Past): void {
  const put = (key: string, text: string, time: number) => {
    const target = path.join(world.dest, key);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
    fs.utimesSync(target, time, time);
  };
  // Oldest first: of a content that came back, the object is that of the last time.
  for (const { content, began, ceased } of lives) {
    const text = textOf(content);
    const name = (kind: "live" | "stamp" | "marker") =>
      storedName(file, T0 + content, text, kind, began, ceased ?? began);
    if (ceased === undefined) put(name("live"), text, began);
    else if (retire === "rename") put(name("stamp"), text, ceased);
    else {
      put(name("live"), text, began);
      put(name("marker"), "a tombstone", ceased);
    }
  }
}

const lifeAt = ({ lives }: Past, moment: number) =>
  lives.find(({ began, ceased }) => began <= moment && (ceased === undefined || moment < ceased));

it("is what was there", async () => {
  await assertProperty(
    fc.asyncProperty(
      fc.tuple(...PATHS.map(() => past)),
      fc.array(fc.tuple(fc.nat(3600), fc.nat(3600)), { minLength: 3, maxLength: 3 }),
      async (pasts, pairs) => {
        const world = new World();
        try {
          fs.mkdirSync(world.dest);
          pasts.forEach((one, i) => {
            lay(world, PATHS[i] as string, one);
          });
          const config = world.config({ encrypt: false, compress: false, versionsKeepDays: "forever" });
          const told = new Recorder();
          const given = { reporter: told, signal: new AbortController().signal, selects: () => true };
          const stateAt = (moment: number) =>
            PATHS.flatMap((file, i) => {
              const life = lifeAt(pasts[i] as Past, moment);
              return life === undefined ? [] : [`${file} ${life.content}`];
            });
          const moments = pasts.flatMap(({ lives }) =>
            lives.flatMap(({ began, ceased = began }) => [began - 1, began, ceased - 1, ceased]),
          );
          for (const at of new Set(moments)) {
            const listed: string[] = [];
            await runList(
              config,
              { ...given, choice: { at }, allVersions: false },
              ({ path: file, mtime }) => {
                listed.push(`${file} ${mtime - T0}`);
              },
            );
            expect(listed.sort()).toEqual(stateAt(at).sort());
          }

          const lives: string[] = [];
          await runList(config, { ...given, choice: {}, allVersions: true }, (version) => {
            lives.push(`${version.path} ${version.mtime - T0} ${version.began} ${version.ceased ?? "live"}`);
          });
          const expected = PATHS.flatMap((file, i) =>
            (pasts[i] as Past).lives.map(
              ({ content, began, ceased }) => `${file} ${content} ${began} ${ceased ?? "live"}`,
            ),
          );
          expect(lives.sort()).toEqual(expected.sort());

          for (const [a, b] of pairs) {
            const [from, to] = [START + a, START + b];
            const differences: string[] = [];
            await runDiff(config, { ...given, from, to }, ({ path: file, kind }) => {
              differences.push(`${kind} ${file}`);
            });
            const before = stateAt(from);
            const after = stateAt(to);
            const fileOf = (state: string) => state.slice(0, state.lastIndexOf(" "));
            const known = PATHS.flatMap((file) => {
              const was = before.find((state) => fileOf(state) === file);
              const is = after.find((state) => fileOf(state) === file);
              if (was === is) return [];
              return [`${was === undefined ? "added" : is === undefined ? "removed" : "changed"} ${file}`];
            });
            expect(differences.sort()).toEqual(known.sort());
          }
          expect(told.errors).toEqual([]);
        } finally {
          world.dispose();
        }
      },
    ),
    { numRuns: 25 },
  );
});
