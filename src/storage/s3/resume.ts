/**
 * Going on with a multipart upload that an earlier run left unfinished.
 *
 * Every part that is there is compared with the bytes that this run would send as that part, by length and md5, which
 * is what the ETag of a part is (S3 API reference, "Part"; where a server encrypts with keys of its own it is not, and
 * then all parts are sent again). So it does not matter who sent it, or what for: equal bytes are equal bytes.
 */
import { hash } from "node:crypto";
import { StorageError } from "../../errors.ts";
import type { UnfinishedUpload, WriterOptions } from "../storage.ts";
import type { Connection } from "./connection.ts";
import { bareEtag } from "./keys.ts";
import type { BegunUpload, FinishedPart, UploadId } from "./multipart.ts";
import { partBytesFor } from "./parts.ts";

interface ListedPart {
  readonly number: number;
  readonly size: number;
  /** As the server writes it. */
  readonly etag: string;
  /** Milliseconds since 1970. */
  readonly modified: number;
}

/** The code of an upload that turned out not to fit; the object has to be written anew. */
export const RESUME_FAILED = "ERESUME";

/** The parts that an upload has already. */
export class KeptParts {
  readonly upload: BegunUpload;
  private readonly side: Connection["side"];
  private readonly parts: ReadonlyMap<number, ListedPart>;

  constructor(side: Connection["side"], upload: BegunUpload, parts: readonly ListedPart[]) {
    this.side = side;
    this.upload = upload;
    this.parts = new Map(parts.map((part) => [part.number, part]));
  }

  /** The part, if it is there with exactly these bytes. */
  find(number: number, bytes: Uint8Array): FinishedPart | undefined {
    const part = this.parts.get(number);
    if (part?.size !== bytes.length || bareEtag(part.etag) !== hash("md5", bytes)) return undefined;
    return { PartNumber: number, ETag: part.etag, isMd5: true };
  }

  /**
   * Parts beyond the last cannot be taken back, and some servers (Ceph) complete nothing that leaves out parts.
   *
   * @throws StorageError (ERESUME)
   */
  checkCount(count: number): void {
    if (Math.max(0, ...this.parts.keys()) <= count) return;
    throw new StorageError(this.side, "cannot go on with an upload of more parts", {
      path: this.upload.key,
      code: RESUME_FAILED,
    });
  }
}

/**
 * What an unfinished upload has, if a writer of such an object can go on with it: all parts but the last are as long as
 * its own. An upload that began as a copy, or for another size, does not look so. Undefined too where it cannot be
 * listed: then there is nothing to go on with.
 */
export async function keptParts(
  connection: Connection,
  upload: UnfinishedUpload,
  { sizeHint, signal }: WriterOptions,
): Promise<KeptParts | undefined> {
  const partBytes = partBytesFor(sizeHint);
  let parts: ListedPart[];
  try {
    parts = await listParts(connection, upload, signal);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof StorageError) return undefined;
    throw error;
  }
  const last = Math.max(0, ...parts.map(({ number }) => number));
  const fits = parts.every(({ number, size }) => (number === last ? size <= partBytes : size === partBytes));
  const most = Math.ceil(sizeHint / partBytes);
  return fits && last <= most ? new KeptParts(connection.side, upload, parts) : undefined;
}

/** All parts of an upload (ListParts). Throws `StorageError`; `ENOENT` for one that is gone. */
export async function listParts(
  connection: Connection,
  { key, uploadId }: UploadId,
  signal?: AbortSignal,
): Promise<ListedPart[]> {
  const { sdk, client, bucket } = connection;
  const parts: ListedPart[] = [];
  let marker: string | undefined;
  do {
    const page = await connection.attempt("its parts cannot be listed", key, signal, () =>
      client.send(
        new sdk.ListPartsCommand({
          Bucket: bucket,
          Key: connection.keys.full(key),
          UploadId: uploadId,
          ...(marker !== undefined && { PartNumberMarker: marker }),
        }),
        signal && { abortSignal: signal },
      ),
    );
    for (const { PartNumber: number, Size: size = 0, ETag: etag = "", LastModified } of page.Parts ?? []) {
      if (number !== undefined) parts.push({ number, size, etag, modified: LastModified?.getTime() ?? 0 });
    }
    const last = marker;
    marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
    if (Number(marker) <= Number(last ?? 0)) marker = undefined; // a server that does not go on
  } while (marker !== undefined);
  return parts;
}
