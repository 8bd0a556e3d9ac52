/**
 * Removing objects: a thousand per request where the server and the keys allow that, else one by one.
 */
import pLimit from "p-limit";
import { isPassing } from "../passing.ts";
import type { Connection } from "./connection.ts";
import { isMissing, toStorageError } from "./errors.ts";
import { fitsXml } from "./keys.ts";
import { detailsOf, NO_ANSWER } from "./retry.ts";
import { headObject } from "./stat.ts";

const WHAT = "cannot be removed";
/** S3 API reference, "DeleteObjects". */
const BATCH = 1000;
const REQUESTS_IN_FLIGHT = 8;

export interface RemovalFailure {
  readonly key: string;
  readonly error: Error;
}

/** Removes objects and returns those that could not be; absent ones count as removed. */
export async function removeObjects(
  connection: Connection,
  keys: readonly string[],
): Promise<RemovalFailure[]> {
  const limit = pLimit(REQUESTS_IN_FLIGHT);
  const together = keys.length === 1 ? [] : keys.filter(fitsXml);
  const alone = keys.length === 1 ? keys : keys.filter((key) => !fitsXml(key));
  const batches: string[][] = [];
  for (let i = 0; i < together.length; i += BATCH) batches.push(together.slice(i, i + BATCH));
  const results = await Promise.all([
    ...batches.map((batch) => removeBatch(connection, batch, limit)),
    ...alone.map((key) => limit(() => removeOne(connection, key))),
  ]);
  return results.flat();
}

async function removeBatch(
  connection: Connection,
  batch: readonly string[],
  limit: ReturnType<typeof pLimit>,
): Promise<RemovalFailure[]> {
  const oneByOne = async (keys: readonly string[]) =>
    (await Promise.all(keys.map((key) => limit(() => removeOne(connection, key))))).flat();
  try {
    const failures = await limit(() => deleteObjects(connection, batch));
    // Whose failure it is cannot be told.
    if (failures.some(({ key }) => !batch.includes(key))) return await oneByOne(batch);
    // Of single keys a server says what would have the whole request sent again: that it had trouble.
    const again = new Set(failures.filter(({ error }) => isPassing(error)).map(({ key }) => key));
    return [...failures.filter(({ key }) => !again.has(key)), ...(await oneByOne([...again]))];
  } catch (error) {
    // Some servers do not know the request at all, or object to its checksum; each knows DeleteObject.
    if (isRefusal(error)) return oneByOne(batch);
    return batch.map((key) => ({ key, error: toStorageError(connection, WHAT, key, error) }));
  }
}

async function deleteObjects(connection: Connection, batch: readonly string[]): Promise<RemovalFailure[]> {
  const { sdk, client, bucket } = connection;
  const byFullKey = new Map(batch.map((key) => [connection.fullKey(key), key]));
  const { Errors: errors = [] } = await client.send(
    new sdk.DeleteObjectsCommand({
      Bucket: bucket,
      Delete: { Objects: [...byFullKey.keys()].map((Key) => ({ Key })), Quiet: true },
      ChecksumAlgorithm: "MD5",
    }),
  );
  const failures: RemovalFailure[] = [];
  for (const { Key = "", Code = "Error", Message = "" } of errors) {
    if (Code === "NoSuchKey") continue;
    const key = byFullKey.get(Key) ?? Key;
    failures.push({ key, error: toStorageError(connection, WHAT, key, { name: Code, message: Message }) });
  }
  return failures;
}

async function removeOne(connection: Connection, key: string): Promise<RemovalFailure[]> {
  try {
    if (await isSaidRemoved(connection, key)) return [];
    if ((await headObject(connection, key)) === undefined) return [];
    const message = "the answer is not one of DeleteObject: the object is still there";
    return [{ key, error: toStorageError(connection, WHAT, key, { name: NO_ANSWER, message }) }];
  } catch (error) {
    return [{ key, error: toStorageError(connection, WHAT, key, error) }];
  }
}

/**
 * Whether S3 says so: it answers 204, or names what is not there. Some servers say 200 (Supabase), but so does anybody in
 * between, as does a 404 that names nothing. Throws what the SDK does.
 */
async function isSaidRemoved({ sdk, client, bucket, fullKey }: Connection, key: string): Promise<boolean> {
  try {
    const command = new sdk.DeleteObjectCommand({ Bucket: bucket, Key: fullKey(key) });
    const { $metadata: metadata } = await client.send(command);
    return metadata.httpStatusCode === 204;
  } catch (error) {
    const { name } = detailsOf(error);
    if (!isMissing(error) || name === "NoSuchBucket") throw error;
    return name === "NoSuchKey";
  }
}

/** A clear no to the request as such; 403 is one too where a gateway forbids the method, 404 where it does not know it. */
function isRefusal(error: unknown): boolean {
  const { name, status } = detailsOf(error);
  if (status === 404) return name !== "NoSuchBucket";
  return status === 400 || status === 403 || status === 405 || status === 411 || status === 501;
}
