/**
 * Listings: ListObjectsV2 and ListMultipartUploads, page by page.
 */
import type {
  _Object,
  ListMultipartUploadsCommandOutput,
  ListObjectsV2CommandOutput,
} from "@aws-sdk/client-s3";
import { errorCode, StorageError } from "../../errors.ts";
import type { ListedObject, UnfinishedUpload } from "../storage.ts";
import { type Connection, PAGE_KEYS } from "./connection.ts";
import type { Page, PageStart } from "./key-range.ts";
import { bareEtag, decodeListed } from "./keys.ts";
import { listAhead } from "./list-ahead.ts";

/** Of a server that does not know `start-after`. */
const UNKNOWN: ReadonlySet<string | undefined> = new Set([
  "NotImplemented",
  "InvalidArgument",
  "InvalidRequest",
]);

/**
 * All objects below the base path, a page at a time in the order of the server (AWS: bytes of the key). What follows is
 * on its way already; of a long listing several pages are (list-ahead.ts).
 *
 * @throws StorageError; `ENOENT` when the bucket is missing.
 */
export async function* listObjects(
  connection: Connection,
  signal?: AbortSignal,
): AsyncGenerator<ListedObject[]> {
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const { keys, tuning } = connection;
  const options = {
    requests: tuning.listRequests,
    prefixLength: Buffer.byteLength(keys.prefix),
    endless: () => noEnd(connection, "the server goes on without a new key"),
  };
  try {
    for await (const found of listAhead((start) => fetchPage(connection, start, either), options)) {
      const batch = found.filter((object) => object !== undefined);
      if (batch.length > 0) yield batch;
    }
  } finally {
    stop.abort();
  }
}

/** Undefined when the server refuses to begin behind a key. */
async function fetchPage(
  connection: Connection,
  start: PageStart,
  signal: AbortSignal,
): Promise<Page<ListedObject | undefined> | undefined> {
  const { sdk, client, bucket, keys, tuning } = connection;
  const after = "after" in start ? start.after : undefined;
  const token = "token" in start ? start.token : undefined;
  try {
    const output = await connection.attempt("cannot be listed", undefined, signal, () =>
      client.send(
        new sdk.ListObjectsV2Command({
          Bucket: bucket,
          EncodingType: "url",
          ...(keys.prefix !== "" && { Prefix: keys.prefix }),
          ...(tuning.pageKeys < PAGE_KEYS && { MaxKeys: tuning.pageKeys }),
          ...(after !== undefined && { StartAfter: after }),
          ...(token !== undefined && { ContinuationToken: token }),
        }),
        { abortSignal: signal },
      ),
    );
    return pageOf(connection, output, token);
  } catch (error) {
    if (after !== undefined && UNKNOWN.has(errorCode(error))) return undefined;
    throw error;
  }
}

/** A listing that stops early would make files look deleted: a server that cannot continue is an error. */
function nextToken(
  connection: Connection,
  page: ListObjectsV2CommandOutput,
  last: string | undefined,
): string | undefined {
  const token = page.NextContinuationToken;
  if (page.IsTruncated === false) return undefined;
  // Where it does not say, there was a token (check-answers.ts).
  if (token !== undefined && token !== "" && token !== last) return token;
  throw noEnd(connection, "the server does not continue");
}

function noEnd({ side, location }: Connection, why: string): StorageError {
  return new StorageError(side, `cannot be listed to the end: ${why}`, { path: location, code: "ELIST" });
}

function pageOf(
  connection: Connection,
  output: ListObjectsV2CommandOutput,
  token: string | undefined,
): Page<ListedObject | undefined> {
  const decode = output.EncodingType === "url" ? decodeListed : (text: string) => text;
  const contents = output.Contents ?? [];
  const keys = contents.map(({ Key = "" }) => decode(Key));
  const next = nextToken(connection, output, token);
  return {
    keys,
    items: contents.map((object, i) => listedObject(connection, keys[i] as string, object)),
    ...(next !== undefined && { next }),
  };
}

/** Undefined of what is not below the base path, and of what only shows a folder: consoles make such objects. */
function listedObject(
  { keys }: Connection,
  full: string,
  { Size = 0, LastModified, ETag }: _Object,
): ListedObject | undefined {
  const key = keys.relative(full);
  if (key === undefined || (key.endsWith("/") && Size === 0)) return undefined;
  const etag = bareEtag(ETag);
  return {
    key,
    size: Size,
    ...(LastModified !== undefined && { modified: LastModified.getTime() }),
    ...(etag !== undefined && { etag }),
  };
}

/** Multipart uploads below the base path that were neither completed nor aborted. */
export async function listUploads(connection: Connection): Promise<UnfinishedUpload[]> {
  const { sdk, client, bucket, keys, stop } = connection;
  const uploads: UnfinishedUpload[] = [];
  const seen = new Set<string>();
  let marker: { KeyMarker: string; UploadIdMarker: string } | undefined;
  do {
    const page = await connection.attempt("its unfinished uploads cannot be listed", undefined, stop, () =>
      client.send(
        new sdk.ListMultipartUploadsCommand({
          Bucket: bucket,
          EncodingType: "url",
          ...(keys.prefix !== "" && { Prefix: keys.prefix }),
          ...marker,
        }),
        stop && { abortSignal: stop },
      ),
    );
    const decode = keysAreEncoded(page) ? decodeListed : (text: string) => text;
    marker = undefined;
    for (const { Key = "", UploadId, Initiated } of page.Uploads ?? []) {
      if (UploadId === undefined) continue;
      const full = decode(Key);
      // Without a new one there is no marker: a server that does not go on is not asked for ever.
      const id = `${full}\0${UploadId}`;
      if (seen.has(id)) continue;
      seen.add(id);
      const key = keys.relative(full);
      if (key !== undefined) uploads.push({ key, uploadId: UploadId, initiated: Initiated?.getTime() ?? 0 });
      if (page.IsTruncated === true) marker = { KeyMarker: full, UploadIdMarker: UploadId };
    }
  } while (marker !== undefined);
  return uploads;
}

/** Ceph encodes the keys of uploads as it was asked to, but does not say so (nor encodes the markers). */
function keysAreEncoded(page: ListMultipartUploadsCommandOutput): boolean {
  if (page.EncodingType === "url") return true;
  return (page.Uploads ?? []).every(({ Key = "" }) => /^(?:[\w.~!*'()/+-]|%[0-9A-Fa-f]{2})*$/.test(Key));
}
