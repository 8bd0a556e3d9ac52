/**
 * Checking one stored object: everything is read and decoded, nothing is kept.
 */
import { DamagedError, reportOf } from "../../errors.ts";
import { release } from "../../memory/release.ts";
import type { StoredVersion } from "../../names/stored-name.ts";
import { explainMisfit } from "../object/misfit.ts";
import {
  type OpenContext,
  openIfSegmented,
  opensWhole,
  readOriginal,
  streamOriginal,
} from "../object/open-object.ts";
import { type ReadingContext, withSecondReading } from "../object/second-reading.ts";
import { readManifest } from "./manifest-record.ts";
import type { Task, VerifyOutcome } from "./tasks.ts";

/** Never throws. */
export async function verifyFile(
  { version }: Task & { do: "verify" },
  context: ReadingContext,
): Promise<VerifyOutcome> {
  if (context.stopped()) return { kind: "stopped" };
  try {
    return await withSecondReading(context, (reading) => readAll(version, reading));
  } catch (error) {
    if (context.stopped()) return { kind: "stopped" };
    const explained = await explainMisfit(error, version, context);
    return { kind: "failed", report: reportOf(explained, "destination", version.path) };
  }
}

async function readAll(version: StoredVersion, context: ReadingContext): Promise<VerifyOutcome> {
  if (version.stamp.form === "marker") {
    await verifyTombstone(version, context);
    return { kind: "intact", isFile: false };
  }
  if (await readManifest(version, context)) return { kind: "intact", isFile: false };
  if (opensWhole(version)) {
    release(await readOriginal(version, context));
  } else {
    for await (const piece of streamOriginal(version, context, true)) {
      if (context.stopped()) return { kind: "stopped" };
      context.progress(piece.length);
    }
  }
  return { kind: "intact", isFile: true };
}

/** What a tombstone marks is compared with its name when it is opened; only the segmented container has them. */
async function verifyTombstone(version: StoredVersion, context: OpenContext): Promise<void> {
  const object = await openIfSegmented(version, context);
  if (object?.trailer.type !== "tombstone") {
    throw new DamagedError("is no tombstone, as its name says", { path: version.path, code: "ETRAILER" });
  }
}
