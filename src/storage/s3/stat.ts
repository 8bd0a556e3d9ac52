/**
 * HeadObject.
 */
import type { HeadObjectCommandOutput } from "@aws-sdk/client-s3";
import type { ObjectStat } from "../storage.ts";
import type { Connection } from "./connection.ts";
import { isMissing } from "./errors.ts";
import { headersOf } from "./headers.ts";
import { bareEtag } from "./keys.ts";

/** All headers of an object, or undefined when there is none. Throws `StorageError`; the reason of an aborted `signal`. */
export function headObject(
  connection: Connection,
  key: string,
  signal?: AbortSignal,
): Promise<HeadObjectCommandOutput | undefined> {
  const { sdk, client, bucket } = connection;
  return connection.attempt("cannot be examined", key, signal, async () => {
    try {
      return await client.send(
        new sdk.HeadObjectCommand({ Bucket: bucket, Key: connection.fullKey(key) }),
        signal && { abortSignal: signal },
      );
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  });
}

/** Size, time and ETag of an object, or undefined when there is none. Throws as `headObject` does. */
export async function statObject(
  connection: Connection,
  key: string,
  signal?: AbortSignal,
): Promise<ObjectStat | undefined> {
  const head = await headObject(connection, key, signal);
  if (head === undefined) return undefined;
  const etag = bareEtag(head.ETag);
  const md5 = md5Of(head);
  const headers = headersOf(head);
  return {
    size: head.ContentLength ?? 0,
    modified: head.LastModified?.getTime() ?? 0,
    ...(etag !== undefined && { etag }),
    ...(md5 !== undefined && { md5 }),
    ...mtimeOf(head.Metadata),
    ...(headers !== undefined && { headers }),
  };
}

/** As `upload` writes it, and rclone: seconds since 1970, with a fraction. */
function mtimeOf(metadata: Record<string, string> | undefined): { mtime?: number } {
  const seconds = Number(metadata?.mtime || Number.NaN);
  return Number.isFinite(seconds) ? { mtime: Math.round(seconds * 1000) } : {};
}

/**
 * The md5 of an object's bytes, where its ETag is that: not after a multipart upload (it has a `-`), nor where the
 * server encrypts with a key of its own management or the customer's (S3 API reference, "Object"), nor in directory
 * buckets (API reference, "PutObject", ETag).
 */
export function md5Of(head: HeadObjectCommandOutput): string | undefined {
  const etag = bareEtag(head.ETag);
  if (etag === undefined || !/^[0-9a-f]{32}$/.test(etag)) return undefined;
  if (head.SSECustomerAlgorithm !== undefined || head.StorageClass === "EXPRESS_ONEZONE") return undefined;
  if (head.ServerSideEncryption !== undefined && head.ServerSideEncryption !== "AES256") return undefined;
  return etag;
}
