/**
 * Copies inside the bucket, by the server.
 */
import type { HeadObjectCommandOutput } from "@aws-sdk/client-s3";
import { StorageError } from "../../errors.ts";
import type { PlaceOptions, StagedObject } from "../storage.ts";
import type { Connection } from "./connection.ts";
import { headersOf, putParameters } from "./headers.ts";
import { bareEtag, copySource, quotedEtag } from "./keys.ts";
import { MultipartWriter } from "./multipart-writer.ts";
import { headObject, md5Of } from "./stat.ts";

const WHAT = "cannot be copied";

/**
 * Copies `from` to `to` and makes sure by HEAD that all of it arrived. Throws `StorageError`: `ENOENT`, `ECHANGED`
 * when `from` is replaced meanwhile.
 */
export async function copyObject(
  connection: Connection,
  from: string,
  to: string,
  options: PlaceOptions = {},
): Promise<StagedObject> {
  if (from === to) {
    throw new StorageError(connection.side, "cannot be copied or renamed to itself", {
      path: from,
      code: "ESAME",
    });
  }
  const head = await headObject(connection, from, connection.stop);
  if (head === undefined) {
    throw new StorageError(connection.side, `${WHAT} (no such object)`, { path: from, code: "ENOENT" });
  }
  const size = head.ContentLength ?? 0;
  if (size <= connection.tuning.copyLimitBytes) await copyAtOnce(connection, from, to, head, options);
  else await copyInParts(connection, from, to, head, options);
  await verify(connection, to, head);
  return { key: to, size };
}

async function copyAtOnce(
  connection: Connection,
  from: string,
  to: string,
  head: HeadObjectCommandOutput,
  { storageClass }: PlaceOptions,
): Promise<void> {
  const { sdk, client, bucket } = connection;
  const etag = bareEtag(head.ETag);
  const { CopyObjectResult: result } = await connection.attempt(WHAT, from, undefined, () =>
    client.send(
      new sdk.CopyObjectCommand({
        Bucket: bucket,
        Key: connection.fullKey(to),
        CopySource: copySource(bucket, connection.fullKey(from)),
        ...(etag !== undefined && { CopySourceIfMatch: quotedEtag(etag) }),
        ...connection.classOf(storageClass),
      }),
    ),
  );
  // The SDK finds errors in a 200 body only where the body ends with them to the byte.
  if (result?.LastModified === undefined && result?.ETag === undefined) {
    throw new StorageError(connection.side, `${WHAT} (CopyObject was answered without a result)`, {
      path: from,
      code: "EANSWER",
    });
  }
}

/** CopyObject ends at 5 GiB. What is kept beside the content it takes along by itself; an upload has to be given it. */
async function copyInParts(
  connection: Connection,
  from: string,
  to: string,
  head: HeadObjectCommandOutput,
  place: PlaceOptions,
): Promise<void> {
  const size = head.ContentLength ?? 0;
  const { content, metadata } = putParameters(new Map(Object.entries(headersOf(head) ?? {})));
  const beside = { headers: content, metadata };
  const writer = new MultipartWriter(connection, to, { sizeHint: size, ...place }, beside);
  try {
    await writer.copyFrom(from, { start: 0, end: size }, bareEtag(head.ETag));
    await writer.finish();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** The old object goes only when the new one is known to be there: by size, and by md5 where both ETags are one. */
async function verify(connection: Connection, to: string, original: HeadObjectCommandOutput): Promise<void> {
  const copy = await headObject(connection, to);
  const sameSize = copy !== undefined && copy.ContentLength === original.ContentLength;
  const md5s = copy === undefined ? [] : [md5Of(original), md5Of(copy)];
  if (sameSize && (md5s.includes(undefined) || md5s[0] === md5s[1])) return;
  throw new StorageError(connection.side, "the server's copy is not like the original", {
    path: to,
    code: "ECOPY",
    remedy: "the original is untouched; run again, and see the server's log if it happens again",
  });
}
