/**
 * A large file as a new object, streamed. Where the same file always gives the same bytes, an upload that an earlier run
 * left is gone on with: its parts are compared with what would be sent, by md5 (storage/s3/resume.ts), so an upload that
 * began as a delta, or under other settings, costs what is different and nothing more.
 */

import { errorCode } from "../../errors.ts";
import { LIVE } from "../../names/stamp.ts";
import { LARGEST_MD5, type NameFields } from "../../names/stored-name.ts";
import type { SourceFile } from "../../scan/source.ts";
import { isPassing } from "../../storage/passing.ts";
import type { StagedObject, UnfinishedUpload } from "../../storage/storage.ts";
import { objectRules } from "../object/object-rules.ts";
import type { FileMeta } from "../object/object-sealer.ts";
import {
  type Attempt,
  ChangedMeanwhile,
  keyFor,
  Progress,
  type StoreContext,
  watched,
} from "./store-context.ts";

/** An upload that was gone on with is of another shape than it seemed. */
const RESUME_FAILURES: ReadonlySet<string | undefined> = new Set(["ERESUME", "InvalidPart"]);
/** Another run has completed it, or taken it for litter. */
const GONE = "NoSuchUpload";

/**
 * Stages the file.
 *
 * @param md5 of the file, where it is known: what goes in has to be of it.
 * @throws ChangedMeanwhile; errors of source and destination.
 */
export async function storeWhole(
  file: SourceFile,
  { path, headers, unfinished }: Attempt,
  md5: string | undefined,
  context: StoreContext,
): Promise<{ staged: StagedObject; md5: string }> {
  const { size, mtime } = file;
  const fields: NameFields = { path, size, mtime, md5: md5 ?? LARGEST_MD5, stamp: LIVE };
  const key = keyFor(fields, context);
  const resume = context.sealer.deterministic ? newestOf(unfinished, key) : undefined;
  try {
    return await sealInto(key, fields, headers, md5, file, resume, context);
  } catch (error) {
    const code = errorCode(error);
    if (code !== GONE && !(resume !== undefined && RESUME_FAILURES.has(code))) throw error;
    // Without it all is sent anew.
    return sealInto(key, fields, headers, md5, file, undefined, context);
  }
}

async function sealInto(
  key: string,
  fields: NameFields,
  headers: Pick<FileMeta, "headers">,
  md5: string | undefined,
  file: SourceFile,
  resume: UnfinishedUpload | undefined,
  context: StoreContext,
): Promise<{ staged: StagedObject; md5: string }> {
  const sealer = context.sealer.sealLarge({ ...fields, ...headers });
  const writer = await context.destination.createWriter(key, {
    reserve: sealer.reserve,
    sizeHint: sealer.storedAtMost,
    signal: context.signal,
    ...objectRules(context.config).classFor(fields),
    ...(resume !== undefined && { resume }),
  });
  const keep = context.sealer.deterministic;
  const progress = new Progress(context);
  const pieces = watched(file, context, (piece) => progress.add(piece.length));
  try {
    for await (const piece of sealer.seal(pieces)) await writer.write(piece);
    if (md5 !== undefined && sealer.md5 !== md5) throw new ChangedMeanwhile();
    if (!(await file.isUnchanged())) throw new ChangedMeanwhile();
    const head = sealer.head();
    const late = md5 === undefined ? keyFor({ ...fields, md5: sealer.md5 }, context) : undefined;
    const staged = await writer.finish({
      ...(head !== undefined && { head }),
      ...(late !== undefined && { key: late }),
      keep,
    });
    return { staged, md5: sealer.md5 };
  } catch (error) {
    // A run that is told to stop, or whose network fails, leaves what it has sent to the next one.
    await writer.abort({ keep: keep && (context.stopped() || isPassing(error)) });
    progress.takeBack(); // the next attempt counts from the beginning
    throw error;
  }
}

function newestOf(uploads: readonly UnfinishedUpload[], key: string): UnfinishedUpload | undefined {
  return uploads.filter((upload) => upload.key === key).sort((a, b) => b.initiated - a.initiated)[0];
}
