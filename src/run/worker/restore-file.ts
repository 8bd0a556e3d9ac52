/**
 * Bringing one stored version back.
 */
import { reportOf } from "../../errors.ts";
import { release } from "../../memory/release.ts";
import type { StoredVersion } from "../../names/stored-name.ts";
import { stripPrefixOfFile } from "../../plan/strip-prefix.ts";
import { explainMisfit } from "../object/misfit.ts";
import { openOriginal, opensWhole, readRecord } from "../object/open-object.ts";
import { type ReadingContext, withSecondReading } from "../object/second-reading.ts";
import type { Existing, PutOptions, RestoreTarget } from "../target/restore-target.ts";
import { originalPath } from "./manifest-record.ts";
import type { RestoreOutcome, Task } from "./tasks.ts";

/** What to do with a file that is there and differs. */
export type Overwrite = "never" | "if-newer" | "always";

export interface RestoreContext extends ReadingContext {
  readonly target: RestoreTarget;
  readonly overwrite: Overwrite;
  /** Compare the content of files that look identical, instead of trusting size and mtime. */
  readonly checksum: boolean;
  /** A folder of the backup that becomes the root of the target. */
  readonly stripPrefix: string | undefined;
  /** Only tell what would be restored. */
  readonly dryRun: boolean;
}

/** Never throws. */
export async function restoreFile(
  task: Task & { do: "restore" },
  context: RestoreContext,
): Promise<RestoreOutcome> {
  if (context.stopped()) return { kind: "stopped" };
  try {
    return await withSecondReading(context, (reading) => restoreOne(task, reading));
  } catch (error) {
    if (context.stopped()) return { kind: "stopped" };
    const explained = await explainMisfit(error, task.version, context);
    return { kind: "failed", report: reportOf(explained, "restore", task.version.path) };
  }
}

async function restoreOne(
  { version: stored, sparse = false, isOld = false }: Task & { do: "restore" },
  context: RestoreContext,
): Promise<RestoreOutcome> {
  const original = await originalPath(stored, context);
  const path = stripPrefixOfFile(original, context.stripPrefix);
  if (path === undefined) return { kind: "stopped" }; // selected by the name that it is stored under
  const version = { ...stored, path };
  const existing = await context.target.examine(version.path);
  const found = existing && (await verdictOn(existing, version, context));
  if (found !== undefined) return { kind: found };
  if (context.dryRun) return { kind: "restored" };
  const { content, whole, ...given } = await originalOf(stored, context);
  const options = { sparse, isOld, ...given, ...(existing && { existing }) };
  await context.target.put(version, content, context.signal, options);
  if (whole !== undefined) release(whole);
  return existing?.regular ? { kind: "restored", replaced: true } : { kind: "restored" };
}

/** Why what is there stays; undefined when it is to be replaced. */
async function verdictOn(
  existing: Existing,
  version: StoredVersion,
  { target, overwrite, checksum }: RestoreContext,
): Promise<"identical" | "kept" | undefined> {
  if (await target.isIdentical(version, existing, checksum)) return "identical";
  if (overwrite === "never") return "kept";
  return overwrite === "if-newer" && version.mtime <= existing.mtime ? "kept" : undefined;
}

/** The original as a stream that ends only once everything was verified (who consumes it must wait for the end). */
async function originalOf(
  version: StoredVersion,
  context: RestoreContext,
): Promise<Pick<PutOptions, "headers" | "writer"> & { content: AsyncIterable<Buffer>; whole?: Buffer }> {
  if (opensWhole(version)) {
    const { plain, headers } = await readRecord(version, context);
    return { content: once(plain), whole: plain, ...(headers && { headers }) };
  }
  const { content, ...given } = await openOriginal(version, context, context.target.takesAtOnce);
  return { content: watched(content, context), ...given };
}

async function* once(plain: Buffer): AsyncGenerator<Buffer> {
  yield plain;
}

async function* watched(content: AsyncIterable<Buffer>, context: RestoreContext): AsyncGenerator<Buffer> {
  for await (const piece of content) {
    context.signal.throwIfAborted();
    if (context.stopped()) throw new Error("stopped");
    context.progress(piece.length);
    yield piece;
  }
}
