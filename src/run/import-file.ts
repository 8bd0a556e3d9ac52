/**
 * A file of a bucket as a copy that the service makes, where its object would be the same bytes anyway: neither encrypted
 * nor compressed, of the classic container, between buckets of one service. Nothing of it passes through here.
 */
import type { Config } from "../config/config.ts";
import { errorCode, StorageError } from "../errors.ts";
import { LIVE } from "../names/stamp.ts";
import { md5ToBase36 } from "../names/stored-name.ts";
import type { SourceFile } from "../scan/source.ts";
import { isPassing } from "../storage/passing.ts";
import { objectRules } from "./object-rules.ts";
import { type Attempt, ChangedMeanwhile, keyFor, type StoreContext } from "./store-context.ts";
import type { ReadFile, StoreOutcome } from "./tasks.ts";

/** What the server says of one object, and not of all: it has gone, or is archived. Reading it tells. */
const OF_THE_OBJECT: ReadonlySet<string | undefined> = new Set(["ENOENT", "InvalidObjectState"]);

/** Whether objects are their files, byte for byte. */
function storesAsIs({ container, encrypt, compress }: Config): boolean {
  return container === "classic" && !encrypt && !compress;
}

/**
 * Stages the copy. Undefined where the file has to be read.
 *
 * @throws ChangedMeanwhile; failures of the moment.
 */
export async function importFile(
  file: SourceFile,
  { path, sameSize }: Attempt,
  context: StoreContext,
): Promise<StoreOutcome | undefined> {
  const { config, destination, learned } = context;
  const { remote, size, mtime } = file;
  if (remote === undefined || destination.importObject === undefined) return undefined;
  const bucket = remote.bucket.bucket;
  if (learned.cannotImportFrom.has(bucket) || !storesAsIs(config)) return undefined;
  const md5 = md5ToBase36(Buffer.from(remote.etag, "hex"));
  // Content that may be there already is compared with what was read, not with what an ETag says.
  if (sameSize.some((version) => version.md5 === md5)) return undefined;
  const read: ReadFile = { size, mtime, md5 };
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
