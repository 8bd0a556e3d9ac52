/**
 * Checking one stored object: everything is read and decoded, nothing is kept.
 */
import { reportOf } from "../errors.ts";
import { readManifest } from "./manifest-record.ts";
import { type OpenContext, opensWhole, readOriginal, streamOriginal } from "./open-object.ts";
import type { Task, VerifyOutcome } from "./tasks.ts";

export interface VerifyContext extends OpenContext {
  stopped(): boolean;
  progress(bytes: number): void;
}

/** Never throws. */
export async function verifyFile(
  { version }: Task & { do: "verify" },
  context: VerifyContext,
): Promise<VerifyOutcome> {
  if (context.stopped()) return { kind: "stopped" };
  try {
    if (await readManifest(version, context)) return { kind: "intact", isManifest: true };
    if (opensWhole(version)) {
      await readOriginal(version, context);
    } else {
      for await (const piece of streamOriginal(version, context)) {
        if (context.stopped()) return { kind: "stopped" };
        context.progress(piece.length);
      }
    }
    return { kind: "intact" };
  } catch (error) {
    if (context.stopped()) return { kind: "stopped" };
    return { kind: "failed", report: reportOf(error, "destination", version.path) };
  }
}
