/**
 * The raw calls of one multipart upload: begin, send, copy, complete, abort.
 */
import { createHash, hash } from "node:crypto";
import { StorageError } from "../../errors.ts";
import type { PlaceOptions } from "../storage.ts";
import type { Connection } from "./connection.ts";
import { isAmbiguous, isMissing, toStorageError } from "./errors.ts";
import { bareEtag, copySource, quotedEtag } from "./keys.ts";
import type { Beside } from "./put.ts";
import { detailsOf, NO_ANSWER } from "./retry.ts";
import { statObject } from "./stat.ts";

const WHAT = "cannot be written";

export interface FinishedPart {
  readonly PartNumber: number;
  readonly ETag: string;
  /** Whether it is the md5 of the part, as it is unless the server encrypts with keys of its own. */
  readonly isMd5: boolean;
}

export interface UploadId {
  readonly key: string;
  readonly uploadId: string;
}

export interface BegunUpload extends UploadId {
  /** In milliseconds since 1970 by the server's clock; not later than it began. */
  readonly initiated: number;
}

/** Servers are many machines, whose clocks differ. */
const CLOCKS_DIFFER_MS = 60_000;

/** CreateMultipartUpload. It takes no signal: an answer given up would leave an upload that nobody knows. */
export async function beginUpload(
  connection: Connection,
  key: string,
  { metadata, headers, storageClass }: Beside & PlaceOptions = {},
): Promise<BegunUpload> {
  const { sdk, client, bucket, clock } = connection;
  const sent = Date.now();
  const { UploadId: uploadId } = await connection.attempt(WHAT, key, undefined, () =>
    client.send(
      new sdk.CreateMultipartUploadCommand({
        Bucket: bucket,
        Key: connection.fullKey(key),
        ...connection.classOf(storageClass),
        ...headers,
        ...(metadata !== undefined && { Metadata: metadata }),
      }),
    ),
  );
  if (!uploadId) throw unclear(connection, key, "CreateMultipartUpload");
  return { key, uploadId, initiated: sent + clock.offset };
}

/** UploadPart. */
export async function sendPart(
  connection: Connection,
  { key, uploadId }: UploadId,
  number: number,
  body: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<FinishedPart> {
  const { sdk, client, bucket } = connection;
  const md5 = hash("md5", body, "buffer");
  const { ETag } = await connection.attempt(WHAT, key, signal, () =>
    client.send(
      new sdk.UploadPartCommand({
        Bucket: bucket,
        Key: connection.fullKey(key),
        UploadId: uploadId,
        PartNumber: number,
        Body: body,
        ContentLength: body.length,
        ContentMD5: md5.toString("base64"),
      }),
      signal && { abortSignal: signal },
    ),
  );
  if (ETag === undefined) throw unclear(connection, key, "UploadPart");
  return { PartNumber: number, ETag, isMd5: bareEtag(ETag) === md5.toString("hex") };
}

/** UploadPartCopy of bytes `[start, end)`, of exactly the object with `etag` when that is given. */
export async function copyPart(
  connection: Connection,
  { key, uploadId }: UploadId,
  number: number,
  from: { key: string; start: number; end: number; etag: string | undefined },
  signal: AbortSignal | undefined,
): Promise<FinishedPart> {
  const { sdk, client, bucket } = connection;
  const { CopyPartResult: result } = await connection.attempt("cannot be copied", from.key, signal, () =>
    client.send(
      new sdk.UploadPartCopyCommand({
        Bucket: bucket,
        Key: connection.fullKey(key),
        UploadId: uploadId,
        PartNumber: number,
        CopySource: copySource(bucket, connection.fullKey(from.key)),
        CopySourceRange: `bytes=${from.start}-${from.end - 1}`,
        ...(from.etag !== undefined && { CopySourceIfMatch: quotedEtag(from.etag) }),
      }),
      signal && { abortSignal: signal },
    ),
  );
  // The SDK finds errors in a 200 body only where the body ends with them to the byte.
  if (result?.ETag === undefined) throw unclear(connection, from.key, "UploadPartCopy");
  return { PartNumber: number, ETag: result.ETag, isMd5: false };
}

/**
 * CompleteMultipartUpload. When its answer leaves open what happened (a broken connection, a repeated request that
 * finds no such upload, a 200 without an ETag), the object itself tells. Throws `StorageError`.
 */
export async function completeUpload(
  connection: Connection,
  upload: BegunUpload,
  parts: readonly FinishedPart[],
  size: number,
): Promise<void> {
  const { key, uploadId } = upload;
  const { sdk, client, bucket } = connection;
  const sorted = [...parts].sort((a, b) => a.PartNumber - b.PartNumber);
  let failure: unknown;
  try {
    const { ETag } = await client.send(
      new sdk.CompleteMultipartUploadCommand({
        Bucket: bucket,
        Key: connection.fullKey(key),
        UploadId: uploadId,
        MultipartUpload: { Parts: sorted.map(({ PartNumber, ETag }) => ({ PartNumber, ETag })) },
      }),
    );
    if (bareEtag(ETag) !== undefined) return;
  } catch (error) {
    if (!isAmbiguous(error)) throw toStorageError(connection, WHAT, key, error);
    failure = error;
  }
  if (await isStored(connection, upload, sorted, size, failure)) return;
  throw failure === undefined
    ? unclear(connection, key, "CompleteMultipartUpload")
    : toStorageError(connection, WHAT, key, failure);
}

/** Whether the object under the upload's key is the one that these parts make. */
async function isStored(
  connection: Connection,
  { key, initiated }: BegunUpload,
  parts: readonly FinishedPart[],
  size: number,
  failure: unknown,
): Promise<boolean> {
  const stat = await statObject(connection, key);
  if (stat?.size !== size) return false;
  // LastModified is the time of the upload's beginning or of its end, as servers have it.
  const isOlder = stat.modified < initiated - CLOCKS_DIFFER_MS;
  // The very same bytes may have been there before, and a tombstone may mark them: only what is stored anew is live.
  if (isOlder && failure !== undefined) return false;
  if (stat.etag === multipartEtag(parts)) return true;
  // An older object may be as long and of as many parts: where ETags follow the rule, they tell.
  if (parts.every(({ isMd5 }) => isMd5)) return false;
  // Where the server encrypts, they follow no known rule; then the number of parts has to do, and the time. A request that
  // ended without any answer is not given the benefit of the doubt.
  if (isOlder) return false;
  const answered = failure === undefined || detailsOf(failure).name === "NoSuchUpload";
  return answered && (stat.etag === undefined || stat.etag.endsWith(`-${parts.length}`));
}

/** What S3 gives as ETag of a multipart object: the md5 of the parts' md5s, and their number; of other ETags some digest. */
export function multipartEtag(parts: readonly Pick<FinishedPart, "ETag">[]): string {
  const digest = createHash("md5");
  for (const { ETag } of parts) digest.update(Buffer.from(bareEtag(ETag) ?? "", "hex"));
  return `${digest.digest("hex")}-${parts.length}`;
}

/** AbortMultipartUpload; an upload that is gone counts as aborted. Throws `StorageError`. */
export async function abortUpload(connection: Connection, { key, uploadId }: UploadId): Promise<void> {
  const { sdk, client, bucket } = connection;
  await connection.attempt("its unfinished upload cannot be removed", key, undefined, async () => {
    try {
      await client.send(
        new sdk.AbortMultipartUploadCommand({
          Bucket: bucket,
          Key: connection.keys.full(key),
          UploadId: uploadId,
        }),
      );
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  });
}

function unclear(connection: Connection, key: string, operation: string): StorageError {
  return new StorageError(connection.side, `${WHAT} (${operation} was answered without a result)`, {
    path: key,
    code: NO_ANSWER,
  });
}
