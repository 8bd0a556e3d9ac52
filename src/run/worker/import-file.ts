/**
 * A file of a bucket as a copy that the service makes, where its object would be the same bytes anyway: neither encrypted
 * nor compressed, of the classic container, between buckets of one service. Nothing of it passes through here.
 */
import { errorCode, StorageError } from "../../errors.ts";
import { LIVE } from "../../names/stamp.ts";
import { md5ToBase36 } from "../../names/stored-name.ts";
import type { SourceFile } from "../../scan/source.ts";
import { isPassing } from "../../storage/passing.ts";
import { objectRules } from "../object/object-rules.ts";
import { keepContent } from "./keep-content.ts";
import { type Attempt, ChangedMeanwhile, keyFor, type StoreContext } from "./store-context.ts";
import type { ReadFile, StoreOutcome } from "./tasks.ts";

/** What the server says of one object, and not of all: it has gone, or is archived. Reading it tells. */
const OF_THE_OBJECT: ReadonlySet<string | undefined> = new Set(["ENOENT", "InvalidObjectState"]);

/**
 * Stages the copy of a file that goes by its ETag, or finds its content at the destination. Undefined where it has to be
 * read.
 *
 * @throws ChangedMeanwhile; failures of the moment.
 */
export async function importFile(
  file: SourceFile,
  attempt: Attempt,
  context: StoreContext,
): Promise<StoreOutcome | undefined> {
  const { config, destination, learned } = context;
  const { path, sameSize } = attempt;
  const { remote, size, mtime } = file;
  if (remote === undefined || destination.importObject === undefined) return undefined;
  const md5 = md5ToBase36(Buffer.from(remote.etag, "hex"));
  const read: ReadFile = { size, mtime, md5 };
  // What is no md5 is not by chance that of something stored.
  const version = sameSize.find((candidate) => candidate.md5 === md5);
  if (version !== undefined) return keepContent(version, attempt, read, context);
  const bucket = remote.bucket.bucket;
  if (learned.cannotImportFrom.has(bucket)) return undefined;
  const key = keyFor({ path, ...read, stamp: LIVE }, context);
  try {
    const placing = objectRules(config).classFor({ path, size });
    const staged = await destination.importObject(remote, key, placing);
    return staged && { kind: "stored", read, staged };
  } catch (error) {
    const code = errorCode(error);
    if (context.stopped() || code === "EKEPT") throw error;
    if (code === "ECHANGED") throw new ChangedMeanwhile();
    if (!(error instanceof StorageError) || isPassing(error)) throw error;
    // Whatever keeps this server from copying: reading works, or says what is wrong.
    if (!OF_THE_OBJECT.has(code)) learned.cannotImportFrom.add(bucket);
    return undefined;
  }
}
