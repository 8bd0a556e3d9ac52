/**
 * A look at an object whose body was copied, before the object that it was copied from may go: its trailer opens, and so
 * do some of the blocks that were copied.
 */
import { randomInt } from "node:crypto";
import { type OpenedObject, openObject, openRange, type ReadRange } from "../../container/segmented.ts";
import { DamagedError } from "../../errors.ts";
import type { NameFields, StoredVersion } from "../../names/stored-name.ts";
import type { StagedObject } from "../../storage/storage.ts";
import { type OpenContext, rangesOf, readingOf } from "../object/open-object.ts";

/** Blocks that are opened. */
const SAMPLES = 4;
/** So long is waited for whether the original is still there. */
const ASKED_MS = 10_000;

/**
 * A local object is not under its key yet; what was copied is looked at where it came from.
 *
 * @param from where the body came from, and what it is.
 * @throws DamagedError, or the storage's error; the staged object is thrown away then, if nobody else can have come to need it.
 */
export async function lookAtCopy(
  staged: StagedObject,
  from: StoredVersion,
  old: OpenedObject,
  fields: NameFields,
  context: OpenContext,
): Promise<void> {
  try {
    if (staged.temporary !== undefined) {
      await openSamples(old, old, rangesOf(from, context));
      return;
    }
    const ranges = rangesOf(staged, context);
    const object = await openObject(staged.size, ranges, fields, readingOf(context));
    await openSamples(object, old, ranges);
  } catch (error) {
    if (await mayGo(staged, from, error, context)) await context.destination.discard([staged]);
    throw error;
  }
}

/**
 * Whether the copy may go. In a bucket it has its key already: another run may have listed it, and let go what it was copied from.
 * Then it goes only where it is damaged for certain.
 */
async function mayGo(
  { temporary }: StagedObject,
  from: StoredVersion,
  error: unknown,
  { destination }: OpenContext,
): Promise<boolean> {
  if (temporary !== undefined || error instanceof DamagedError) return true;
  try {
    // Unlike a HEAD this is asked also while the run stops, which must not wait long.
    const signal = AbortSignal.timeout(ASKED_MS);
    await destination.readWhole(from.key, { range: { start: 0, end: 1 }, signal });
    return true;
  } catch {
    return false;
  }
}

/** Opens the first and the last block that lie in the old body, and some between. */
async function openSamples(object: OpenedObject, old: OpenedObject, ranges: ReadRange): Promise<void> {
  const { extents } = object.trailer;
  const copied: number[] = [];
  for (let i = 0; i < extents.count; i++) if (extents.at(i).offset < old.trailer.bodyEnd) copied.push(i);
  const [first] = copied;
  const last = copied.at(-1);
  if (first === undefined || last === undefined) return;
  const chosen = new Set([first, last]);
  while (chosen.size < Math.min(SAMPLES, copied.length))
    chosen.add(copied[randomInt(copied.length)] ?? first);
  for (const index of chosen) {
    const start = extents.plainStarts[index] as number;
    for await (const _ of openRange(object, ranges, start, extents.at(index).plain, { parallel: 1 }));
  }
}
