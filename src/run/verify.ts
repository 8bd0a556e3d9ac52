/**
 * Verifying: every stored object is read, opened and checked, deleted ones too.
 */
import type { Config } from "../config/config.ts";
import type { Version } from "../plan/group.ts";
import type { OpenDestination } from "./destination.ts";
import type { RunOptions } from "./run-options.ts";
import { type RunResult, Tally } from "./tally.ts";
import type { VerifyOutcome } from "./tasks.ts";
import { withDestination } from "./with-destination.ts";

/**
 * Verifies a whole destination. What is wrong with single objects is reported and counted; the result's `errors` tell.
 * @throws BackupError where nothing could be done at all; `InterruptedError` after a signal.
 */
export async function runVerify(config: Config, options: RunOptions): Promise<RunResult> {
  const tally = new Tally(options.reporter);
  return withDestination(config, options, tally, { mode: "verify" }, async (destination) => {
    await verifyAll(destination, options, tally);
    return tally.result();
  });
}

/** The order of objects does not matter here, so the listing is taken as it comes. */
async function verifyAll(
  { workers, objects }: OpenDestination,
  options: RunOptions,
  tally: Tally,
): Promise<void> {
  let files = 0;
  let bytes = 0;
  const settle = (version: Version, outcome: VerifyOutcome) => {
    if (outcome.kind === "stopped") return;
    if (outcome.kind === "intact" && !outcome.isFile) return;
    const processed = outcome.kind === "intact" ? version.size : 0;
    tally.count(outcome.kind === "intact" ? "intact" : "failed", version.size, { processed });
    if (outcome.kind === "failed") tally.error({ ...outcome.report, path: version.path });
    else options.reporter.file("OK", version.path);
  };
  for await (const versions of objects()) {
    for (const version of versions) {
      files++;
      bytes += version.size;
      await workers.submit({ do: "verify", version }, (outcome) => settle(version, outcome as VerifyOutcome));
    }
    options.signal.throwIfAborted();
  }
  tally.expect(files, bytes);
  await workers.drain();
}
