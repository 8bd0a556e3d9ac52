/**
 * Listings: ListObjectsV2 and ListMultipartUploads, page by page.
 */
import type { ListMultipartUploadsCommandOutput, ListObjectsV2CommandOutput } from "@aws-sdk/client-s3";
import { StorageError } from "../../errors.ts";
import type { ListedObject, UnfinishedUpload } from "../storage.ts";
import type { Connection } from "./connection.ts";
import { bareEtag, decodeListed } from "./keys.ts";

/**
 * All objects below the base path, a page at a time in the order of the server (AWS: bytes of the key), the next
 * page already on its way. Throws `StorageError`; `ENOENT` when the bucket is missing.
 */
export async function* listObjects(
  connection: Connection,
  signal?: AbortSignal,
): AsyncGenerator<ListedObject[]> {
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  try {
    let coming: Promise<ListObjectsV2CommandOutput> | undefined = fetchPage(connection, undefined, either);
    let token: string | undefined;
    while (coming !== undefined) {
      const page: ListObjectsV2CommandOutput = await coming;
      token = nextToken(connection, page, token);
      coming = token === undefined ? undefined : fetchPage(connection, token, either);
      coming?.catch(() => {}); // it is awaited later, or not at all when the caller stops
      const batch = objectsOf(connection, page);
      if (batch.length > 0) yield batch;
    }
  } finally {
    stop.abort();
  }
}

function fetchPage(
  connection: Connection,
  token: string | undefined,
  signal: AbortSignal,
): Promise<ListObjectsV2CommandOutput> {
  const { sdk, client, bucket, keys } = connection;
  return connection.attempt("cannot be listed", undefined, signal, () =>
    client.send(
      new sdk.ListObjectsV2Command({
        Bucket: bucket,
        EncodingType: "url",
        ...(keys.prefix !== "" && { Prefix: keys.prefix }),
        ...(token !== undefined && { ContinuationToken: token }),
      }),
      { abortSignal: signal },
    ),
  );
}

/** A listing that stops early would make files look deleted: a server that cannot continue is an error. */
function nextToken(
  connection: Connection,
  page: ListObjectsV2CommandOutput,
  last: string | undefined,
): string | undefined {
  if (page.IsTruncated !== true) return undefined;
  const token = page.NextContinuationToken;
  if (token === undefined || token === "" || token === last) {
    throw new StorageError(connection.side, "cannot be listed to the end: the server does not continue", {
      path: connection.location,
      code: "ELIST",
    });
  }
  return token;
}

function objectsOf({ keys }: Connection, page: ListObjectsV2CommandOutput): ListedObject[] {
  const encoded = page.EncodingType === "url";
  const objects: ListedObject[] = [];
  for (const { Key, Size = 0, LastModified, ETag } of page.Contents ?? []) {
    const key = keys.relative(encoded ? decodeListed(Key ?? "") : (Key ?? ""));
    if (key === undefined) continue;
    // Consoles make such objects to show a folder.
    if (key.endsWith("/") && Size === 0) continue;
    const etag = bareEtag(ETag);
    objects.push({
      key,
      size: Size,
      ...(LastModified !== undefined && { modified: LastModified.getTime() }),
      ...(etag !== undefined && { etag }),
    });
  }
  return objects;
}

/** Multipart uploads below the base path that were neither completed nor aborted. */
export async function listUploads(connection: Connection): Promise<UnfinishedUpload[]> {
  const { sdk, client, bucket, keys } = connection;
  const uploads: UnfinishedUpload[] = [];
  let marker: { KeyMarker: string; UploadIdMarker: string } | undefined;
  do {
    const page = await connection.attempt(
      "its unfinished uploads cannot be listed",
      undefined,
      undefined,
      () =>
        client.send(
          new sdk.ListMultipartUploadsCommand({
            Bucket: bucket,
            EncodingType: "url",
            ...(keys.prefix !== "" && { Prefix: keys.prefix }),
            ...marker,
          }),
        ),
    );
    const decode = keysAreEncoded(page) ? decodeListed : (text: string) => text;
    const last = marker;
    marker = undefined;
    for (const { Key = "", UploadId, Initiated } of page.Uploads ?? []) {
      if (UploadId === undefined) continue;
      const full = decode(Key);
      const key = keys.relative(full);
      if (key !== undefined) uploads.push({ key, uploadId: UploadId, initiated: Initiated?.getTime() ?? 0 });
      if (page.IsTruncated === true) marker = { KeyMarker: full, UploadIdMarker: UploadId };
    }
    if (marker !== undefined && marker.UploadIdMarker === last?.UploadIdMarker) marker = undefined;
  } while (marker !== undefined);
  return uploads;
}

/** Ceph encodes the keys of uploads as it was asked to, but does not say so (nor encodes the markers). */
function keysAreEncoded(page: ListMultipartUploadsCommandOutput): boolean {
  if (page.EncodingType === "url") return true;
  return (page.Uploads ?? []).every(({ Key = "" }) => /^(?:[\w.~!*'()/+-]|%[0-9A-Fa-f]{2})*$/.test(Key));
}
